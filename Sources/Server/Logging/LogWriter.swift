internal import Glibc
internal import Reactor

/// Where log lines go.
public enum LogDestination: Sendable, Equatable {
    /// A descriptor that stays open, such as 2.
    case descriptor(Int32)
    /// Appended to; created with mode 0640.
    case file(String)

    public init(_ setting: String) {
        switch setting {
        case "stderr": self = .descriptor(2)
        case "stdout": self = .descriptor(1)
        default: self = .file(setting)
        }
    }
}

/// Takes finished log lines from any thread and writes them on a thread of its own.
///
/// Handing a line over holds a lock for the time of appending it to an array, never for input or output. When the
/// reader of our standard error stands still, lines queue up to a limit and are then dropped and counted; the proxy
/// goes on. A line of our own says how many were dropped once writing works again.
public final class LogWriter: Sendable {
    private struct Queue {
        var lines: [[UInt8]] = []
        var isWriting = false
        var isClosed = false
        var wantsReopen = false
        var dropped: UInt64 = 0
        var reportedDropped: UInt64 = 0
        var failed: UInt64 = 0
        var reopensFailed: UInt64 = 0
    }

    private let queue = Monitor(Queue())
    private let destination: LogDestination
    private let linesMax: Int
    /// Makes the line that says how many lines were dropped.
    private let dropNotice: @Sendable (UInt64) -> [UInt8]
    /// Makes the line that says why the file could not be opened anew.
    private let reopenNotice: @Sendable (SystemError) -> [UInt8]

    /// - Throws: when the file cannot be opened or the thread not be started.
    public init(
        destination: LogDestination, linesMax: Int, reopenNotice: @escaping @Sendable (SystemError) -> [UInt8],
        dropNotice: @escaping @Sendable (UInt64) -> [UInt8]
    ) throws(SystemError) {
        precondition(linesMax > 0, "a queue holds something")
        self.destination = destination
        self.linesMax = linesMax
        self.dropNotice = dropNotice
        self.reopenNotice = reopenNotice
        let descriptor = try LogWriter.open(destination)
        // The thread keeps the writer alive until `close`, and is detached: a reader that stands still for ever must
        // not keep the process from ending.
        try NamedThread.start("log-writer") { self.run(descriptor) }.detach()
    }

    /// Queues one line, which should end in a line feed. Never waits for the destination.
    public func write(_ line: [UInt8]) {
        let wasEmpty = queue.withLock { queue in
            guard queue.lines.count < linesMax, !queue.isClosed else {
                queue.dropped &+= 1
                return false
            }
            queue.lines.append(line)
            return queue.lines.count == 1
        }
        if wasEmpty { queue.notify() }
    }

    /// Lines that did not fit the queue, or came after `close`, since the start.
    public var droppedCount: UInt64 { queue.withLock { $0.dropped } }

    /// Lines that were taken but could not be written, for example to a full disk.
    public var failedCount: UInt64 { queue.withLock { $0.failed } }

    /// How often the file could not be opened anew; lines go on into the one that was open.
    public var reopenFailedCount: UInt64 { queue.withLock { $0.reopensFailed } }

    /// Opens the file anew before the next line, after it was moved away. No effect on descriptors.
    public func reopen() {
        queue.withLock { $0.wantsReopen = true }
        queue.notify()
    }

    /// Waits until all lines so far are written, at most `milliseconds`; false when they are not.
    @discardableResult
    public func flush(milliseconds: Int) -> Bool {
        queue.wait(
            milliseconds: milliseconds, until: { $0.lines.isEmpty && !$0.isWriting },
            then: { $0.lines.isEmpty && !$0.isWriting })
    }

    /// Takes no further lines; those queued are still written while the process lives.
    public func close() {
        queue.withLock { $0.isClosed = true }
        queue.notify()
    }

    // MARK: The writer thread

    private struct Work {
        var lines: [[UInt8]]
        var dropped: UInt64
        var reopen: Bool
        var isClosed: Bool
    }

    private func run(_ opened: Int32) {
        var descriptor = opened
        while true {
            let work = queue.wait(
                milliseconds: nil, until: { !$0.lines.isEmpty || $0.isClosed || $0.wantsReopen },
                then: { queue in
                    let work = Work(
                        lines: queue.lines, dropped: queue.dropped &- queue.reportedDropped, reopen: queue.wantsReopen,
                        isClosed: queue.isClosed)
                    queue.lines = []
                    queue.isWriting = !work.lines.isEmpty
                    queue.wantsReopen = false
                    queue.reportedDropped = queue.dropped
                    return work
                })
            var bytes: [UInt8] = []
            if work.reopen, let error = reopen(&descriptor) { bytes += reopenNotice(error) }
            for line in work.lines { bytes.append(contentsOf: line) }
            if work.dropped > 0 { bytes.append(contentsOf: dropNotice(work.dropped)) }
            let wasWritten = LogWriter.writeAll(bytes, to: descriptor)
            queue.withLock { queue in
                queue.isWriting = false
                if !wasWritten { queue.failed &+= UInt64(work.lines.count) }
            }
            queue.notify()
            if work.isClosed, work.lines.isEmpty { break }
        }
        if case .file = destination { Glibc.close(descriptor) }
    }

    /// Replaces the descriptor of a file; on failure the old one stays, and the error is counted and returned.
    private func reopen(_ descriptor: inout Int32) -> SystemError? {
        guard case .file = destination else { return nil }
        do throws(SystemError) {
            let fresh = try LogWriter.open(destination)
            Glibc.close(descriptor)
            descriptor = fresh
            return nil
        } catch {
            queue.withLock { $0.reopensFailed &+= 1 }
            return error
        }
    }

    private static func open(_ destination: LogDestination) throws(SystemError) -> Int32 {
        switch destination {
        case .descriptor(let descriptor): return descriptor
        case .file(let path):
            let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw SystemError.current }
            return descriptor
        }
    }

    /// How long one wait for a non-blocking destination lasts before it is tried again.
    private static let retryMilliseconds: Int32 = 1_000

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, bytes.count - offset)
            }
            if count >= 0 {
                offset += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, retryMilliseconds)
            default: return false
            }
        }
        return true
    }
}
