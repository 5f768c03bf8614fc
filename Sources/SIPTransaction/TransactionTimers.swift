/// The timer values of RFC 3261 Table 4 and RFC 6026, derived from T1, T2 and T4. All in milliseconds.
@frozen
public struct TransactionTimers: Sendable, Equatable {
    /// Round-trip estimate (RFC 3261 §17.1.1.1).
    public var t1Milliseconds: UInt64
    /// Cap of the retransmission interval of non-INVITE requests and INVITE responses.
    public var t2Milliseconds: UInt64
    /// Longest time a message stays in the network.
    public var t4Milliseconds: UInt64

    public init(t1Milliseconds: UInt64 = 500, t2Milliseconds: UInt64 = 4_000, t4Milliseconds: UInt64 = 5_000) {
        self.t1Milliseconds = t1Milliseconds
        self.t2Milliseconds = t2Milliseconds
        self.t4Milliseconds = t4Milliseconds
    }

    /// Timers B, F, H, J, L and M: 64·T1.
    @inlinable public var transactionTimeoutMilliseconds: UInt64 { 64 * t1Milliseconds }
    /// Timer D: at least 32 s on unreliable transports, whatever T1 is (RFC 3261 §17.1.1.2).
    @inlinable public var timerDMilliseconds: UInt64 { max(32_000, 64 * t1Milliseconds) }
}

/// Whether the transport retransmits by itself; decides Timers A, D, E, G, I, J and K.
@frozen
public enum Reliability: UInt8, Sendable {
    case unreliable
    case reliable
}

/// What a transaction asks its owner to do after an event. Several may come together.
@frozen
public struct TransactionActions: OptionSet, Sendable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Send the transaction's message (again): a client's request, a server's latest response.
    public static let transmit = TransactionActions(rawValue: 1 << 0)
    /// Hand the message that just arrived to the transaction user.
    public static let deliver = TransactionActions(rawValue: 1 << 1)
    /// Send the ACK for a non-2xx final response (again).
    public static let acknowledge = TransactionActions(rawValue: 1 << 2)
    /// Tell the transaction user: nobody answered in time (client), or the ACK never came (server).
    public static let timedOut = TransactionActions(rawValue: 1 << 3)
    /// Tell the transaction user: the transport could not send.
    public static let transportFailed = TransactionActions(rawValue: 1 << 4)
    /// The transaction is over; its memory may go.
    public static let terminated = TransactionActions(rawValue: 1 << 5)
}

/// The two clocks that any one state runs: one that retransmits, one that ends the state.
///
/// Absolute times in milliseconds; `never` when stopped.
@frozen
public struct TransactionClocks: Sendable, Equatable {
    public static let never = UInt64.max

    /// Timer A, E or G.
    public var retransmitAt: UInt64 = .max
    /// Timer B, D, F, H, I, J, K, L or M.
    public var endAt: UInt64 = .max
    /// Interval that led to `retransmitAt`.
    public var intervalMilliseconds: UInt64 = 0

    @inlinable
    public init() {}

    /// The earlier of the two clocks.
    @inlinable public var nextDeadline: UInt64 { min(retransmitAt, endAt) }

    @inlinable
    mutating func startRetransmitting(every interval: UInt64, from now: UInt64) {
        intervalMilliseconds = interval
        retransmitAt = now &+ interval
    }

    /// The next retransmission after twice the interval, at most `cap`.
    @inlinable
    mutating func backOff(from now: UInt64, cap: UInt64) {
        startRetransmitting(every: min(intervalMilliseconds * 2, cap), from: now)
    }

    @inlinable
    mutating func stop() {
        retransmitAt = .max
        endAt = .max
    }

    /// Only the end of the state remains to be awaited.
    @inlinable
    mutating func end(after interval: UInt64, from now: UInt64) {
        retransmitAt = .max
        endAt = now &+ interval
    }
}
