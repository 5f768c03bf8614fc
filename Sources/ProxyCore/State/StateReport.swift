public import Reactor
public import StatePolicy

/// What a node knows and decided about state at its last tick: plain values for `ctl state` and metrics.
public struct StateReport: Sendable, Equatable {
    /// Of one worker.
    public struct Worker: Sendable, Equatable {
        public var estimate = NodeEstimate()
        /// Processors it was said to have: its part of the quota.
        public var processors = 0.0
        public var reason = NodeDecision.Reason.starting
        /// Of new calls from outside the fraction that is refused.
        public var refuse = 0.0

        public init() {}
    }

    /// A neighbour that requests go to next, and that said something of itself at some time.
    public struct NextHop: Sendable, Equatable {
        public var address = SocketAddress.none
        /// Of the open requests that go there the fraction held here: κ, the mean of the workers by their traffic.
        public var keepFraction = 1.0
        /// Requests a second that it takes with their state; `.infinity`: any number. D.
        public var allowance = 0.0
        /// Seconds since it last said so.
        public var allowanceAge = 0.0
        /// What it says that one more request will meet, in CPU seconds; 0 where the policy has no prices.
        public var price = 0.0
        /// Start of its life, as it says.
        public var epoch: UInt32 = 0
        public var keptPerSecond = 0.0
        public var delegatedPerSecond = 0.0
        /// Requests to it whose state was held before they came here, or had to be held here.
        public var othersPerSecond = 0.0

        public init() {}
    }

    /// A neighbour that requests come from, and that takes part.
    public struct Upstream: Sendable, Equatable {
        public var address = SocketAddress.none
        /// Requests a second that it may send open; `.infinity`: any number; nil: it was told nothing.
        public var grant: Double?
        /// Seconds since the grant last changed.
        public var grantAge = 0.0
        /// What it was told that one more request will meet, in CPU seconds.
        public var price = 0.0
        public var openPerSecond = 0.0
        public var heldPerSecond = 0.0

        public init() {}
    }

    public var policy = ""
    /// Seconds of the clock that `StateNode.tick` was given.
    public var time = 0.0
    public var ticks: UInt64 = 0
    /// Start of this node's life and number of the last publication: what neighbours see as `svk-seq`.
    public var epoch: UInt32 = 0
    public var sequence: UInt32 = 0
    /// Processors that the node may use.
    public var processors = 0.0
    /// Rates summed, costs and utilisation as the mean of the workers by their traffic.
    public var estimate = NodeEstimate()
    public var refuse = 0.0
    public var reason = NodeDecision.Reason.starting
    /// Why the node does what it does, for people.
    public var explanation = ""
    public var workers: [Worker] = []
    public var nextHops: [NextHop] = []
    public var upstreams: [Upstream] = []
    /// Requests a second that leave for where nobody takes state, and are held here.
    public var exitsPerSecond = 0.0

    public init() {}
}

extension NodeDecision.Reason {
    /// Of several workers the one that has most to say speaks for the node.
    var weight: Int {
        switch self {
        case .starting: 0
        case .fixed: 1
        case .roomForAll: 2
        case .balancing: 3
        case .delegating: 4
        case .askingUpstream: 5
        case .overloaded: 6
        }
    }
}

extension StateReport {
    /// One sentence in plain words.
    static func explanation(of report: StateReport) -> String {
        let load = "\(percent(report.estimate.utilisation)) of its processors are busy"
        let delegated = report.nextHops.reduce(0) { $0 + $1.delegatedPerSecond }
        switch report.reason {
        case .starting:
            return "Nothing has been measured yet, so everything that may be held is held here."
        case .fixed:
            return "The policy \(report.policy) always decides the same; nothing is measured."
        case .roomForAll:
            return "There is room for the state of everything that comes: \(load), and upstream may send any number."
        case .delegating:
            return "There is no room for all (\(load)): \(rate(delegated)) requests a second are left to next hops."
        case .balancing:
            return "State goes where holding it is cheapest: \(load), \(rate(delegated)) requests a second "
                + "are left to next hops."
        case .askingUpstream:
            return "Neither this proxy (\(load)) nor its next hops have room for all: upstream was told to hold more."
        case .overloaded:
            return "More comes than anybody can hold (\(load)): \(percent(report.refuse)) of new calls from outside "
                + "are refused with 503."
        }
    }

    private static func percent(_ fraction: Double) -> String {
        fraction.isFinite ? "\(Int((min(max(fraction, 0), 10) * 100).rounded())) %" : "an unknown part"
    }

    private static func rate(_ value: Double) -> String {
        value.isFinite ? "\(Int(min(max(value, 0), 1e9).rounded()))" : "any number of"
    }
}
