public import ProxyCore
internal import Reactor
internal import Synchronization

/// Takes records from a queue to a sink, on a thread of its own: write-behind, a batch each flush interval.
///
/// What cannot be written stays in the queue, which is bounded, and is tried again at growing distances.
public final class AccountingWriter: Sendable {
    /// What the operator should hear of.
    public enum Notice: Sendable, Equatable {
        /// The first failure after all was well.
        case failing(StoreError)
        case recovered
        /// So many records could not be written before the end.
        case lost(Int)
    }

    /// Tries after failures come further and further apart, up to this many flush intervals or 30 seconds.
    private static let retryIntervalsMax = 32, retryMillisecondsMax = 30_000

    public let sink: any AccountingSink
    public let queue: AccountingQueue
    private let flushMilliseconds: Int
    private let notify: @Sendable (Notice) -> Void
    private let written = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)

    public init(
        _ sink: any AccountingSink, queue: AccountingQueue, flushMilliseconds: Int,
        notify: @escaping @Sendable (Notice) -> Void = { _ in }
    ) {
        self.sink = sink
        self.queue = queue
        self.flushMilliseconds = flushMilliseconds
        self.notify = notify
    }

    /// Records that the sink has taken.
    public var writtenCount: UInt64 { written.load(ordering: .relaxed) }

    /// Times that the sink could not be written.
    public var failureCount: UInt64 { failures.load(ordering: .relaxed) }

    /// Writes until the queue is closed, then once more, and closes the sink. The body of the thread.
    public func run() {
        var failuresInARow = 0
        var ends = false
        while !ends {
            ends = queue.wait(milliseconds: pauseMilliseconds(failuresInARow), evenWhenFull: failuresInARow > 0)
            do throws(StoreError) {
                try flush()
                if failuresInARow > 0 { notify(.recovered) }
                failuresInARow = 0
            } catch {
                failures.add(1, ordering: .relaxed)
                if failuresInARow == 0 { notify(.failing(error)) }
                failuresInARow += 1
            }
        }
        let lost = queue.abandon()
        if lost > 0 { notify(.lost(lost)) }
        sink.close()
    }

    private func pauseMilliseconds(_ failures: Int) -> Int {
        let factor = min(1 << min(failures, 16), Self.retryIntervalsMax)
        return max(flushMilliseconds, min(flushMilliseconds * factor, Self.retryMillisecondsMax))
    }

    /// Writes what waits. What cannot be written waits on.
    public func flush() throws(StoreError) {
        let records = queue.take()
        var next = 0
        while next < records.count {
            let batch = records[next..<min(next + sink.batchMax, records.count)]
            do throws(StoreError) {
                try sink.write(Array(batch), .now)
            } catch {
                queue.giveBack(records[next...])
                throw error
            }
            queue.wrote(batch.count)
            written.add(UInt64(batch.count), ordering: .relaxed)
            next = batch.endIndex
        }
    }
}
