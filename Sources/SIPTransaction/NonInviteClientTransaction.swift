/// Non-INVITE client transaction: RFC 3261 §17.1.2.
@frozen
public struct NonInviteClientTransaction: Sendable, Equatable {
    @frozen
    public enum State: UInt8, Sendable, CaseIterable {
        case trying, proceeding, completed, terminated
    }

    @frozen
    public enum Event: UInt8, Sendable, CaseIterable {
        /// A response 100…199.
        case provisional
        /// A response 200…699.
        case final
        /// Some clock may be due.
        case timer
        /// The transport could not send.
        case transportError
    }

    public private(set) var state: State
    public private(set) var clocks: TransactionClocks
    let reliability: Reliability

    /// Enters Trying. The owner transmits the request at once.
    public init(reliability: Reliability, timers: borrowing TransactionTimers, now: UInt64) {
        state = .trying
        clocks = TransactionClocks()
        self.reliability = reliability
        // RFC 3261 §17.1.2.2: Timer F, and Timer E on unreliable transports.
        clocks.endAt = now &+ timers.transactionTimeoutMilliseconds
        if reliability == .unreliable {
            clocks.startRetransmitting(every: timers.t1Milliseconds, from: now)
        }
    }

    public mutating func handle(_ event: Event, timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions
    {
        switch (state, event) {
        case (.trying, .provisional), (.proceeding, .provisional):
            state = .proceeding
            return .deliver
        case (.trying, .final), (.proceeding, .final):
            if reliability == .reliable {
                // Timer K is zero.
                terminate()
                return [.deliver, .terminated]
            }
            state = .completed
            clocks.end(after: timers.t4Milliseconds, from: now)
            return .deliver
        case (.trying, .timer), (.proceeding, .timer):
            return retransmissionTimer(timers: timers, now: now)
        case (.trying, .transportError), (.proceeding, .transportError):
            terminate()
            return [.transportFailed, .terminated]
        case (.completed, .timer):
            // Timer K.
            guard now >= clocks.endAt else { return [] }
            terminate()
            return .terminated
        case (.completed, .provisional), (.completed, .final), (.completed, .transportError),
            (.terminated, .provisional), (.terminated, .final), (.terminated, .timer),
            (.terminated, .transportError):
            return []
        }
    }

    private mutating func retransmissionTimer(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        if now >= clocks.endAt {
            // Timer F.
            terminate()
            return [.timedOut, .terminated]
        }
        guard now >= clocks.retransmitAt else { return [] }
        // §17.1.2.2: Timer E doubles up to T2 in Trying and is T2 in Proceeding.
        if state == .proceeding {
            clocks.startRetransmitting(every: timers.t2Milliseconds, from: now)
        } else {
            clocks.backOff(from: now, cap: timers.t2Milliseconds)
        }
        return .transmit
    }

    private mutating func terminate() {
        state = .terminated
        clocks.stop()
    }
}
