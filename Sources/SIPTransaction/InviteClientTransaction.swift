/// INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2.
///
/// Pure: events and the time go in, actions come out. The owner holds the request and its destination.
@frozen
public struct InviteClientTransaction: Sendable, Equatable {
    @frozen
    public enum State: UInt8, Sendable, CaseIterable {
        case calling, proceeding, completed, accepted, terminated
    }

    @frozen
    public enum Event: UInt8, Sendable, CaseIterable {
        /// A response 100…199.
        case provisional
        /// A response 200…299.
        case success
        /// A response 300…699.
        case failure
        /// Some clock may be due.
        case timer
        /// The transport could not send.
        case transportError
    }

    public private(set) var state: State
    public private(set) var clocks: TransactionClocks
    let reliability: Reliability

    /// Enters Calling. The owner transmits the request at once.
    public init(reliability: Reliability, timers: borrowing TransactionTimers, now: UInt64) {
        state = .calling
        clocks = TransactionClocks()
        self.reliability = reliability
        // RFC 3261 §17.1.1.2: Timer B limits the wait; Timer A retransmits on unreliable transports only.
        clocks.endAt = now &+ timers.transactionTimeoutMilliseconds
        if reliability == .unreliable {
            clocks.startRetransmitting(every: timers.t1Milliseconds, from: now)
        }
    }

    public mutating func handle(_ event: Event, timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions
    {
        switch (state, event) {
        case (.calling, .provisional), (.proceeding, .provisional):
            // No Timer A or B in Proceeding: from here a proxy relies on its Timer C (§16.6 step 11).
            state = .proceeding
            clocks.stop()
            return .deliver
        case (.calling, .success), (.proceeding, .success):
            // RFC 6026 §7.2: stay for Timer M so that 2xx retransmissions and forked 2xx find their way.
            state = .accepted
            clocks.end(after: timers.transactionTimeoutMilliseconds, from: now)
            return .deliver
        case (.calling, .failure), (.proceeding, .failure):
            return complete(timers: timers, now: now)
        case (.calling, .timer):
            return callingTimer(now: now)
        case (.calling, .transportError), (.proceeding, .transportError), (.completed, .transportError):
            terminate()
            return [.transportFailed, .terminated]
        case (.completed, .failure):
            return .acknowledge
        case (.accepted, .success):
            return .deliver
        case (.completed, .timer), (.accepted, .timer):
            // Timer D, Timer M.
            guard now >= clocks.endAt else { return [] }
            terminate()
            return .terminated
        case (.proceeding, .timer),
            (.completed, .provisional), (.completed, .success),
            (.accepted, .provisional), (.accepted, .failure), (.accepted, .transportError),
            (.terminated, .provisional), (.terminated, .success), (.terminated, .failure),
            (.terminated, .timer), (.terminated, .transportError):
            return []
        }
    }

    private mutating func callingTimer(now: UInt64) -> TransactionActions {
        if now >= clocks.endAt {
            // Timer B.
            terminate()
            return [.timedOut, .terminated]
        }
        guard now >= clocks.retransmitAt else { return [] }
        // RFC 3261 §17.1.1.2: Timer A doubles each time, without a cap.
        clocks.backOff(from: now, cap: .max)
        return .transmit
    }

    private mutating func complete(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        if reliability == .reliable {
            // Timer D is zero.
            terminate()
            return [.deliver, .acknowledge, .terminated]
        }
        state = .completed
        clocks.end(after: timers.timerDMilliseconds, from: now)
        return [.deliver, .acknowledge]
    }

    private mutating func terminate() {
        state = .terminated
        clocks.stop()
    }
}
