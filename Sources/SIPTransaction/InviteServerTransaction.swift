/// INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1.
///
/// The owner keeps the latest response; `transmit` sends it. When the transaction user answers, the owner
/// stores the response first and then reports the matching event.
@frozen
public struct InviteServerTransaction: Sendable, Equatable {
    @frozen
    public enum State: UInt8, Sendable, CaseIterable {
        case proceeding, completed, confirmed, accepted, terminated
    }

    @frozen
    public enum Event: UInt8, Sendable, CaseIterable {
        /// The same INVITE again.
        case retransmission
        /// An ACK that matches (§17.2.3).
        case ack
        /// The transaction user answers 100…199.
        case sendProvisional
        /// The transaction user answers 200…299.
        case sendSuccess
        /// The transaction user answers 300…699.
        case sendFailure
        /// Some clock may be due.
        case timer
        /// The transport could not send.
        case transportError
    }

    public private(set) var state: State
    public private(set) var clocks: TransactionClocks
    let reliability: Reliability

    /// Enters Proceeding. The owner sends 100 (Trying) unless its answer is at hand.
    public init(reliability: Reliability) {
        state = .proceeding
        clocks = TransactionClocks()
        self.reliability = reliability
    }

    public mutating func handle(_ event: Event, timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions
    {
        switch (state, event) {
        case (.proceeding, .retransmission), (.proceeding, .sendProvisional):
            return .transmit
        case (.proceeding, .sendSuccess):
            // RFC 6026 §7.1: absorb INVITE retransmissions for Timer L; the 2xx itself is end-to-end.
            state = .accepted
            clocks.end(after: timers.transactionTimeoutMilliseconds, from: now)
            return .transmit
        case (.accepted, .sendSuccess):
            return .transmit
        case (.proceeding, .sendFailure):
            // Timer H limits the wait for the ACK; Timer G retransmits on unreliable transports.
            state = .completed
            clocks.endAt = now &+ timers.transactionTimeoutMilliseconds
            if reliability == .unreliable {
                clocks.startRetransmitting(every: timers.t1Milliseconds, from: now)
            }
            return .transmit
        case (.completed, .retransmission):
            return .transmit
        case (.completed, .ack):
            return confirm(timers: timers, now: now)
        case (.completed, .timer):
            return completedTimer(timers: timers, now: now)
        case (.accepted, .ack):
            // An ACK to a 2xx that reuses the INVITE's branch (RFC 2543 peers): the user's to forward.
            return .deliver
        case (.confirmed, .timer), (.accepted, .timer):
            // Timer I, Timer L.
            guard now >= clocks.endAt else { return [] }
            terminate()
            return .terminated
        case (.proceeding, .transportError), (.completed, .transportError), (.accepted, .transportError):
            // RFC 6026 §7.1: tell the user and stay; a later retransmission may get through.
            return .transportFailed
        case (.proceeding, .ack), (.proceeding, .timer),
            (.completed, .sendProvisional), (.completed, .sendSuccess), (.completed, .sendFailure),
            (.confirmed, .retransmission), (.confirmed, .ack), (.confirmed, .sendProvisional),
            (.confirmed, .sendSuccess), (.confirmed, .sendFailure), (.confirmed, .transportError),
            (.accepted, .retransmission), (.accepted, .sendProvisional), (.accepted, .sendFailure),
            (.terminated, .retransmission), (.terminated, .ack), (.terminated, .sendProvisional),
            (.terminated, .sendSuccess), (.terminated, .sendFailure), (.terminated, .timer),
            (.terminated, .transportError):
            return []
        }
    }

    private mutating func confirm(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        if reliability == .reliable {
            // Timer I is zero.
            terminate()
            return .terminated
        }
        state = .confirmed
        clocks.end(after: timers.t4Milliseconds, from: now)
        return []
    }

    private mutating func completedTimer(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        if now >= clocks.endAt {
            // Timer H: the ACK never came.
            terminate()
            return [.timedOut, .terminated]
        }
        guard now >= clocks.retransmitAt else { return [] }
        clocks.backOff(from: now, cap: timers.t2Milliseconds)
        return .transmit
    }

    private mutating func terminate() {
        state = .terminated
        clocks.stop()
    }
}
