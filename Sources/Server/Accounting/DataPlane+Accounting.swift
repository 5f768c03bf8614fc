internal import Logging
package import ProxyCore
internal import Reactor
internal import Storage

/// The sinks of a running proxy and their threads.
struct AccountingThreads: Sendable {
    private let writers: [(writer: AccountingWriter, thread: NamedThread)]

    init(_ writers: [AccountingWriter]) throws(SystemError) {
        var started: [(AccountingWriter, NamedThread)] = []
        do throws(SystemError) {
            for writer in writers {
                started.append((writer, try NamedThread.start("acc-\(writer.sink.name)") { writer.run() }))
            }
        } catch {
            Self.stop(started)
            throw error
        }
        self.writers = started
    }

    /// Writes what waits and ends the threads. Call it once, when no worker makes records any more.
    func stop() { Self.stop(writers) }

    private static func stop(_ writers: [(writer: AccountingWriter, thread: NamedThread)]) {
        for (writer, _) in writers { writer.queue.close() }
        for (_, thread) in writers { thread.join() }
    }

    /// Opens files anew that may have been moved away.
    func reopen(_ logger: Logger) {
        for (writer, _) in writers {
            do throws(StoreError) {
                try writer.sink.reopen()
            } catch {
                logger.error(
                    "the accounting file cannot be opened anew; the old one is written on",
                    metadata: ["sink": "\(writer.sink.name)", "error": "\(error)"])
            }
        }
    }

    var values: [RuntimeValue] {
        let families = (
            written: MetricFamily(
                "servartuka_accounting_records_total", kind: .counter, labels: ["sink"],
                help: "Accounting records that a sink has taken."),
            dropped: MetricFamily(
                "servartuka_accounting_dropped_total", kind: .counter, labels: ["sink"],
                help: "Accounting records lost because accounting.queue was full, or at the end."),
            errors: MetricFamily(
                "servartuka_accounting_errors_total", kind: .counter, labels: ["sink"],
                help: "Times that a sink could not be written; its records wait for the next try."),
            waiting: MetricFamily(
                "servartuka_accounting_waiting", kind: .gauge, labels: ["sink"],
                help: "Accounting records that are not written yet.")
        )
        return writers.flatMap { writer, _ in
            [
                (families.written, writer.writtenCount), (families.dropped, writer.queue.droppedCount),
                (families.errors, writer.failureCount), (families.waiting, UInt64(writer.queue.count)),
            ].map { RuntimeValue(family: $0, labels: [writer.sink.name], value: $1) }
        }
    }
}

/// Which sinks there are, and the queue of each.
package struct AccountingPlan: Sendable {
    enum Sink: Sendable {
        case log
        case file(String, AccountingFile.Content)
        case database(String)

        var kinds: [AccountingKind] {
            switch self {
            case .log, .database: AccountingKind.allCases
            case .file(_, let content): content.kinds
            }
        }

        /// The setting that named it.
        var key: String {
            switch self {
            case .log: "accounting.log"
            case .file(_, .transactions): "accounting.csv"
            case .file(_, .calls): "accounting.cdr_csv"
            case .database: "accounting.sqlite"
            }
        }
    }

    let sinks: [Sink]
    package let ledger: AccountingLedger

    /// nil without a sink.
    package init?(_ accounting: Configuration.Accounting) {
        var sinks: [Sink] = []
        if accounting.log { sinks.append(.log) }
        if let path = accounting.csv { sinks.append(.file(path, .transactions)) }
        if let path = accounting.cdrCSV { sinks.append(.file(path, .calls)) }
        if let path = accounting.sqlite { sinks.append(.database(path)) }
        guard !sinks.isEmpty else { return nil }
        self.sinks = sinks
        let fields = accounting.fields.map { column in
            guard let source = AccountingField.Source(column.source) else {
                preconditionFailure("the source was checked when it was read")
            }
            return AccountingField(name: column.name, source: source)
        }
        ledger = AccountingLedger(
            fields: fields,
            queues: sinks.map { AccountingQueue(recordsMax: accounting.queue, kinds: $0.kinds) })
    }
}

extension DataPlane {
    /// Opens the sinks; nil when there are none.
    func makeAccounting(_ configuration: Configuration) throws -> AccountingThreads? {
        guard let accounting else { return nil }
        let writers = try zip(accounting.sinks, accounting.ledger.queues).map { sink, queue in
            AccountingWriter(
                try makeSink(sink, accounting.ledger.fields), queue: queue,
                flushMilliseconds: configuration.accounting.flushMilliseconds,
                notify: Self.accountingNotice(sink.key, log.logger(label: "acc")))
        }
        return try AccountingThreads(writers)
    }

    private func makeSink(
        _ sink: AccountingPlan.Sink, _ fields: [AccountingField]
    ) throws(RuntimeError) -> any AccountingSink {
        do throws(StoreError) {
            switch sink {
            case .log: return AccountingLog(log, fields: fields)
            case .file(let path, let content):
                return try AccountingFile(path: path, content: content, fields: fields)
            case .database(let path): return try AccountingDatabase(path: path, fields: fields)
            }
        } catch {
            throw RuntimeError("\(sink.key): \(error)")
        }
    }

    private static func accountingNotice(
        _ key: String, _ logger: Logger
    ) -> @Sendable (AccountingWriter.Notice) -> Void {
        { notice in
            switch notice {
            case .failing(let error):
                logger.error(
                    "accounting records cannot be written; they wait",
                    metadata: ["sink": "\(key)", "error": "\(error)"])
            case .recovered: logger.notice("accounting records are written again", metadata: ["sink": "\(key)"])
            case .lost(let count):
                logger.critical(
                    "accounting records are lost: they could not be written before the end",
                    metadata: ["sink": "\(key)", "records": "\(count)"])
            }
        }
    }

    public func reopenFiles() {
        let accounting = running.withLock { $0.accounting }
        accounting?.reopen(log.logger(label: "acc"))
    }
}
