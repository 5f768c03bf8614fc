internal import Reactor
public import StatePolicy

/// The control side of state distribution in one node: reads what the workers' desks counted, asks each worker's
/// policy, and leaves the decisions on the desks.
///
/// `tick` is called once a period from one thread at a time; `snapshot` from any. It has no clock: whoever ticks it
/// says what time it is, so tests drive it with simulated time.
public final class StateNode: Sendable {
    /// One a worker, to be given to its `Proxy`.
    public let desks: [StateDesk]
    private let state: Monitor<StateNodeState>

    /// - Parameters:
    ///   - epoch: start of this node's life, greater than that of any before: seconds since 1970 will do.
    ///   - makePolicy: an instance for each worker; nil: as the settings name it.
    public init(
        settings: ProxySettings, epoch: UInt32, makePolicy: (@Sendable () -> any StatePolicy)? = nil
    ) {
        let policies = (0..<settings.workerCount).map { _ in makePolicy?() ?? settings.policy.make() }
        desks = policies.map { policy in
            StateDesk(policyName: policy.name, fixedMode: policy.fixedMode, trustedPeers: settings.trustedPeers)
        }
        state = Monitor(StateNodeState(policies: policies, epoch: epoch))
    }

    /// Whether there is anything to do each period: with a fixed answer or without trusted peers there isn't.
    public var needsTicks: Bool {
        desks.contains { $0.sharesState && $0.fixedMode == nil }
    }

    /// One period: samples, decisions, publication.
    ///
    /// - Parameters:
    ///   - time: seconds of a clock that never goes back.
    ///   - processors: what the node may use of its machine, such as a quota of 1.5.
    ///   - costs: of each worker since the last tick; those left out count as nothing measured.
    public func tick(time: Double, processors: Double, costs: [CostSample] = []) {
        state.withLock { $0.tick(desks: desks, time: time, processors: processors, costs: costs) }
    }

    /// What the last tick found and decided.
    public func snapshot() -> StateReport {
        state.withLock { $0.report() }
    }
}

/// A neighbour as the whole node knows it.
struct NodeNeighbour {
    var address: SocketAddress
    /// The newest that any worker heard.
    var heard: Feedback?
    var heardAt = 0.0
    /// Some worker heard from it since the last tick.
    var isFresh = false
    var grant: NodeDecision.Grant?
    var grantedAt = 0.0
}

/// One worker as the control side sees it.
struct NodeWorker {
    var policy: any StatePolicy
    var decision = NodeDecision()
    var processors = 0.0
    /// Number in the node of each of the worker's neighbours; `outside` for those beyond the node's table.
    var numbers: [Int32] = []
    /// Feedback that had been heard of each neighbour at the last tick.
    var heardCounts: [UInt64] = []
    /// Counts of the paths at the last tick, by row.
    var counted: [PathSample] = []
    /// Of the last period, neighbours by their numbers in the node.
    var paths: [PathSample] = []
    var rates = NeighbourRates()

    init(policy: any StatePolicy) {
        self.policy = policy
    }
}
