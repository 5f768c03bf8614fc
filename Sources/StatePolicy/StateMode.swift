/// Whether this proxy keeps the state of a request's transaction or leaves that to a proxy downstream.
@frozen
public enum StateMode: UInt8, Sendable, CaseIterable {
    case stateful
    case stateless
}

/// What a policy may know of a request: plain values, so that a simulator can ask the very same code.
@frozen
public struct StateRequest: Sendable, Equatable {
    /// Keyed hash of the Call-ID: all transactions of a call, and all retransmissions, have the same.
    public var callHash: UInt64
    /// Number of the trusted neighbour that the request goes to next, or `PathSample.outside`: nobody there could take the state.
    public var nextHop: Int32
    /// A trusted peer upstream already holds the state.
    public var heldUpstream: Bool

    @inlinable
    public init(callHash: UInt64, nextHop: Int32 = PathSample.outside, heldUpstream: Bool = false) {
        self.callHash = callHash
        self.nextHop = nextHop
        self.heldUpstream = heldUpstream
    }
}
