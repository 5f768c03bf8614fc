/// Non-INVITE server transaction: RFC 3261 §17.2.2.
@frozen
public struct NonInviteServerTransaction: Sendable, Equatable {
    @frozen
    public enum State: UInt8, Sendable, CaseIterable {
        case trying, proceeding, completed, terminated
    }

    @frozen
    public enum Event: UInt8, Sendable, CaseIterable {
        /// The same request again.
        case retransmission
        /// The transaction user answers 100…199.
        case sendProvisional
        /// The transaction user answers 200…699.
        case sendFinal
        /// Some clock may be due.
        case timer
        /// The transport could not send.
        case transportError
    }

    public private(set) var state: State
    public private(set) var clocks: TransactionClocks
    let reliability: Reliability

    public init(reliability: Reliability) {
        state = .trying
        clocks = TransactionClocks()
        self.reliability = reliability
    }

    public mutating func handle(_ event: Event, timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions
    {
        switch (state, event) {
        case (.trying, .sendProvisional), (.proceeding, .sendProvisional):
            state = .proceeding
            return .transmit
        case (.trying, .sendFinal), (.proceeding, .sendFinal):
            if reliability == .reliable {
                // Timer J is zero.
                terminate()
                return [.transmit, .terminated]
            }
            state = .completed
            clocks.end(after: timers.transactionTimeoutMilliseconds, from: now)
            return .transmit
        case (.proceeding, .retransmission), (.completed, .retransmission):
            return .transmit
        case (.completed, .timer):
            // Timer J.
            guard now >= clocks.endAt else { return [] }
            terminate()
            return .terminated
        case (.trying, .transportError), (.proceeding, .transportError), (.completed, .transportError):
            terminate()
            return [.transportFailed, .terminated]
        case (.trying, .retransmission), (.trying, .timer), (.proceeding, .timer),
            (.completed, .sendProvisional), (.completed, .sendFinal),
            (.terminated, .retransmission), (.terminated, .sendProvisional), (.terminated, .sendFinal),
            (.terminated, .timer), (.terminated, .transportError):
            return []
        }
    }

    /// Ends a transaction whose user will never answer (RFC 4320 §4.2: no 408 to a non-INVITE request).
    public mutating func abandon() {
        terminate()
    }

    private mutating func terminate() {
        state = .terminated
        clocks.stop()
    }
}
