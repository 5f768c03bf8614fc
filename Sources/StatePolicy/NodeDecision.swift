/// What a policy decided for the next period. Arrays are by neighbour, as in the sample.
public struct NodeDecision: Sendable, Equatable {
    /// What is allowed to one neighbour upstream.
    public struct Grant: Sendable, Equatable {
        /// Requests a second that it may send open; `.infinity`: no limit.
        public var allowance: Double
        /// What one more open request from it will really meet under `balanced`; 0 where the policy has no prices.
        public var price: Double

        public init(allowance: Double = .infinity, price: Double = 0) {
            self.allowance = allowance
            self.price = price
        }
    }

    /// Of the open requests that go to the neighbour next, the fraction held here, 0…1: κ. 1 for those that take no state.
    public var keep: [Double]
    public var grants: [Grant]
    /// Of new requests from outside, the fraction refused with 503 because nobody can hold them, 0…1.
    public var refuse: Double
    public var reason: Reason

    /// Why the node does what it does, for `ctl state`.
    public enum Reason: String, Sendable, CaseIterable {
        /// The policy always says the same.
        case fixed
        /// Nothing has been measured yet.
        case starting
        /// There is room for the state of everything that comes.
        case roomForAll
        /// There is not, and neighbours downstream take the rest.
        case delegating
        /// There is not, and upstream is told to hold more.
        case askingUpstream
        /// Prices decide.
        case balancing
        /// More than all can hold: some are refused.
        case overloaded
    }

    public init(
        keep: [Double] = [], grants: [Grant] = [], refuse: Double = 0, reason: Reason = .starting
    ) {
        self.keep = keep
        self.grants = grants
        self.refuse = refuse
        self.reason = reason
    }
}

/// What the node knows of itself after a sample: smoothed, as the policy used it.
public struct NodeEstimate: Sendable, Equatable {
    /// CPU seconds to forward one request stateless: c.
    public var statelessCost = 0.0
    /// Extra CPU seconds to hold its state: d.
    public var stateCost = 0.0
    /// CPU seconds a second that may be used: ρ × processors, corrected by queueing.
    public var capacity = 0.0
    /// Used, as a fraction of `processors`.
    public var utilisation = 0.0
    /// Requests a second, all of them: λ.
    public var arrivals = 0.0
    /// Requests a second whose state is held here.
    public var held = 0.0
    /// Requests a second that could be held here: S*.
    public var holdable = 0.0
    /// Requests a second that must be held here: E.
    public var mustHold = 0.0

    public init() {}
}
