public import ProxyCore

/// What `ctl state` and the metrics page tell of state distribution.
public struct StateStatus: Sendable, Equatable {
    public var report: StateReport
    /// Whether there is anybody to share with and anything to decide; the report is empty otherwise.
    public var isSharing: Bool
    /// The part of its processors that the policy fills.
    public var targetUtilisation: Double
    /// Name and value of each counter about state, over all workers.
    public var counters: [Counter]

    public struct Counter: Sendable, Equatable {
        public var name: String
        public var value: UInt64

        public init(name: String, value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    public init(
        report: StateReport, isSharing: Bool = true, targetUtilisation: Double = 0.9, counters: [Counter] = []
    ) {
        self.report = report
        self.isSharing = isSharing
        self.targetUtilisation = targetUtilisation
        self.counters = counters
    }

    /// Why the node does what it does.
    public var explanation: String {
        if isSharing { return report.explanation }
        switch report.policy {
        case "stateful": return "The policy is to hold the state of every request; nothing is measured."
        case "stateless": return "The policy is to hold no state but what scripts demand; nothing is measured."
        default: return "No peer is trusted, so there is nobody to share state with: all of it is held here."
        }
    }
}
