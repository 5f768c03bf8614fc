internal import Reactor

/// Records on their way from the workers to one sink: bounded, and no worker ever waits for the sink.
///
/// What does not fit is dropped and counted. What a sink could not write goes back in front and counts against the bound, so a
/// sink that is down holds no more than that.
public final class AccountingQueue: Sendable {
    private struct State {
        var records: [AccountingRecord] = []
        /// Taken by the sink and not written yet.
        var taken = 0
        var dropped: UInt64 = 0
        var isClosing = false
    }

    public let recordsMax: Int
    /// What the sink takes; others are passed over.
    public let kinds: [AccountingKind]
    private let wakesAt: Int
    private let state = Monitor(State())

    public init(recordsMax: Int, kinds: [AccountingKind] = AccountingKind.allCases) {
        self.recordsMax = recordsMax
        self.kinds = kinds
        wakesAt = max(1, recordsMax / 2)
    }

    /// Records that are not written yet.
    public var count: Int { state.withLock { $0.records.count + $0.taken } }

    /// Records that did not fit.
    public var droppedCount: UInt64 { state.withLock { $0.dropped } }

    /// From any worker.
    public func add(_ record: AccountingRecord) {
        guard kinds.contains(record.kind) else { return }
        let isHalfFull = state.withLock { state in
            guard state.records.count + state.taken < recordsMax else {
                state.dropped += 1
                return false
            }
            state.records.append(record)
            return state.records.count == wakesAt
        }
        // The sink does not wait for its interval when that would cost records.
        if isHalfFull { state.notify() }
    }

    /// Waits for the end of an interval, for a queue that is half full, or for `close`.
    ///
    /// - Parameter evenWhenFull: for the whole interval, since the sink has just failed.
    /// - Returns: whether `close` was called.
    public func wait(milliseconds: Int, evenWhenFull: Bool) -> Bool {
        state.wait(
            milliseconds: milliseconds,
            until: { [wakesAt] in $0.isClosing || (!evenWhenFull && $0.records.count >= wakesAt) },
            then: { $0.isClosing })
    }

    /// All that waits, the oldest first. The caller says `wrote` and, of what is left, `giveBack`; then it may take again.
    public func take() -> [AccountingRecord] {
        state.withLock { state in
            precondition(state.taken == 0, "a queue has one sink")
            state.taken = state.records.count
            defer { state.records = [] }
            return state.records
        }
    }

    /// So many of the records taken are written.
    public func wrote(_ count: Int) {
        state.withLock { $0.taken -= count }
    }

    /// Takes back the records that were taken and not written.
    public func giveBack(_ records: ArraySlice<AccountingRecord>) {
        state.withLock { state in
            precondition(state.taken == records.count, "what was taken is written or given back")
            state.taken = 0
            state.records.insert(contentsOf: records, at: 0)
        }
    }

    /// Gives up what waits, at the end: dropped and counted. How many.
    public func abandon() -> Int {
        state.withLock { state in
            defer { state.records = [] }
            state.dropped += UInt64(state.records.count)
            return state.records.count
        }
    }

    /// Tells the sink that nothing more will come.
    public func close() {
        state.withLock { $0.isClosing = true }
        state.notify()
    }
}
