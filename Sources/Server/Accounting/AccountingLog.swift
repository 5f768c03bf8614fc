internal import Logging
internal import ProxyCore
internal import Storage

/// Records as lines of the proxy's log, at level notice.
struct AccountingLog: AccountingSink {
    let name = "log"
    /// Well within what the log's queue takes.
    let batchMax = 64

    private static let waitMilliseconds = 1_000

    private let logger: Logger
    private let writer: LogWriter
    private let fields: [String]

    init(_ log: LogOutput, fields: [AccountingField]) {
        logger = log.logger(label: "acc")
        writer = log.writer
        self.fields = fields.map(\.name)
    }

    func write(_ records: [AccountingRecord], _ clock: StoreClock) throws(StoreError) {
        // Lines that the log's queue has no room for would be lost.
        guard writer.flush(milliseconds: Self.waitMilliseconds) else {
            throw StoreError("the log's destination takes no lines")
        }
        for record in records {
            var metadata: Logger.Metadata = [:]
            let names = AccountingColumns.names(record.kind) + fields
            for (name, value) in zip(names, AccountingColumns.values(record, clock)) {
                let text = value.text
                if !text.isEmpty { metadata[name] = "\(String(decoding: text, as: UTF8.self))" }
            }
            logger.notice("\(Self.message(record.kind))", metadata: metadata)
        }
    }

    private static func message(_ kind: AccountingKind) -> String {
        switch kind {
        case .transaction: "transaction"
        case .missedCall: "missed call"
        case .call: "call ended"
        }
    }

    /// `logging.destination` is opened anew with every reload.
    func reopen() throws(StoreError) {}

    func close() {}
}
