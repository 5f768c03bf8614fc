public import StatePolicy

/// Runs a network slice by slice with the policies that ship: discrete calls, queues, feedback on replies.
///
/// Calls of one flow and slice are a batch: how many of them are held at a hop is drawn from the binomial distribution, which is what
/// hashes below a threshold give. A call crosses all its proxies within a slice; what they have no time for waits as work in their backlog,
/// and what the backlog has no room for is lost.
public struct Simulation: Sendable {
    public let network: Network
    public let options: SimulationOptions
    let topology: Topology
    var random: RandomSource
    var minds: [Mind]
    var bodies: [Body]
    /// What each flow starts in a slice (bursts of calls), by what events made of its rate, and by `options.load`.
    var arrivals: [PoissonRate] = []
    /// κ by slot, as the packet path has it.
    var keep: [Double]
    /// Calls that κ decided on since the last record, by slot.
    var openInRecord: [Int]
    /// What each proxy last granted, by slot.
    var grants: [NodeDecision.Grant]
    var counts: [WayCount]
    /// By link: the slice in which calls last went that way, whose replies carry feedback.
    var lastTraffic: [Int]
    var channels: [FeedbackChannel]
    /// What each proxy last heard, by slot; taken by its next update.
    var heard: [Feedback?]
    var totals = Totals()
    var slice = 0
    private var events: [Network.Event]
    private var nextEvent = 0
    private var result = SimulationResult()

    /// What decides at a proxy.
    struct Mind: Sendable {
        var policy: any StatePolicy
        var decision = NodeDecision()

        mutating func decide(_ sample: NodeSample) {
            policy.update(sample, &decision)
        }
    }

    /// What works at a proxy: plain numbers, touched by every flow that crosses it.
    struct Body: Sendable {
        var isUp = true
        /// A fixed policy that holds nothing, not even at an exit.
        var isStateless = false
        /// It says something to its neighbours.
        var hasGrants = false
        /// Which life it lives, and how often it has decided in any of them.
        var epoch: UInt32 = 1
        var sequence: UInt32 = 0
        let statelessCost: Double
        let stateCost: Double
        let processors: Double
        var quotaFactor = 1.0
        var announcedFactor = 1.0
        /// Of new calls, the part refused.
        var refuse = 0.0
        /// CPU seconds of work not yet done.
        var backlog = 0.0
        /// CPU seconds of work that came in this slice, with what is lost.
        var work = 0.0
        /// Of new arrivals, the part lost because the backlog is full.
        var lossNow = 0.0
        var usedInPeriod = 0.0
        var usedInRecord = 0.0
        var heldInRecord = 0
        var arrivalsInRecord = 0

        init(_ model: ProxyModel) {
            statelessCost = model.statelessCostSeconds
            stateCost = model.stateCostSeconds
            processors = model.processors
        }
    }

    /// Calls counted on one way through a proxy since its last update.
    struct WayCount: Sendable {
        var heldUpstream = 0
        var kept = 0
        var delegated = 0
    }

    struct Totals: Sendable {
        var offered = 0
        var delivered = 0
        var lost = 0
        var refused = 0
        var withoutHolder = 0
    }

    public init(_ network: Network, _ options: SimulationOptions = SimulationOptions()) throws(NetworkError) {
        try network.validate()
        self.network = network
        self.options = options
        topology = Topology(network)
        random = RandomSource(seed: options.seed)
        minds = network.proxies.indices.map { Mind(policy: Self.policy(of: $0, network, options)) }
        bodies = network.proxies.map { Body($0) }
        keep = [Double](repeating: 1, count: topology.neighbourOfSlot.count)
        openInRecord = [Int](repeating: 0, count: topology.neighbourOfSlot.count)
        grants = [NodeDecision.Grant](repeating: NodeDecision.Grant(), count: topology.neighbourOfSlot.count)
        counts = [WayCount](repeating: WayCount(), count: topology.ways.count)
        heard = [Feedback?](repeating: nil, count: topology.neighbourOfSlot.count)
        lastTraffic = [Int](repeating: -1, count: topology.links.count)
        channels = topology.links.map {
            FeedbackChannel(delaySlices: max(1, Int(($0.model.delaySeconds / options.sliceSeconds).rounded())))
        }
        events = network.events.sorted { $0.timeSeconds < $1.timeSeconds }
        result.keepLinks = topology.neighbourOfSlot.indices.map { slot in
            let from = topology.slotStart.lastIndex { $0 <= slot }!
            return .init(from: from, to: topology.neighbourOfSlot[slot])
        }
        arrivals = network.flows.map { arrivals(atRate: $0.rate * options.load) }
        for index in minds.indices { spread(index) }
    }

    static func policy(of index: Int, _ network: Network, _ options: SimulationOptions) -> any StatePolicy {
        var settings = options.settings
        settings.targetUtilisation = network.proxies[index].targetUtilisation
        return (options.policyOfProxy[index] ?? options.policy).make(settings)
    }

    public var timeSeconds: Double { Double(slice) * options.sliceSeconds }

    /// What a proxy knows of itself now, and what it decided last; its neighbours are numbered in the order of their numbers here.
    public func estimate(of proxy: Int) -> NodeEstimate { minds[proxy].policy.estimate }
    public func decision(of proxy: Int) -> NodeDecision { minds[proxy].decision }

    /// The run so far.
    public var record: SimulationResult { result }

    /// Runs on for so many seconds of simulated time.
    @discardableResult
    public mutating func run(seconds: Double) -> SimulationResult {
        let end = slice + Int((seconds / options.sliceSeconds).rounded())
        let slicesPerRecord = max(1, Int((options.recordSeconds / options.sliceSeconds).rounded()))
        let slicesPerPeriod = max(1, Int((options.periodSeconds / options.sliceSeconds).rounded()))
        while slice < end {
            applyEvents()
            crossCalls()
            work()
            sendFeedback()
            slice += 1
            for index in minds.indices where (slice + index) % slicesPerPeriod == 0 { decide(index) }
            if slice % slicesPerRecord == 0 { takeSnapshot(seconds: Double(slicesPerRecord) * options.sliceSeconds) }
        }
        return result
    }

    private mutating func applyEvents() {
        while nextEvent < events.count, events[nextEvent].timeSeconds <= timeSeconds + 1e-9 {
            switch events[nextEvent].change {
            case .load(let flow, let factor):
                for index in arrivals.indices where flow == nil || flow == index {
                    arrivals[index] = arrivals(atRate: network.flows[index].rate * options.load * factor)
                }
            case .down(let proxy): kill(proxy)
            case .up(let proxy): start(proxy)
            case .quota(let proxy, let factor, let announced):
                bodies[proxy].quotaFactor = factor
                if announced { bodies[proxy].announcedFactor = factor }
            }
            nextEvent += 1
        }
    }

    private mutating func takeSnapshot(seconds: Double) {
        var snapshot = Snapshot()
        snapshot.timeSeconds = timeSeconds
        snapshot.offered = Double(totals.offered) / seconds
        snapshot.throughput = Double(totals.delivered) / seconds
        snapshot.lost = Double(totals.lost) / seconds
        snapshot.refused = Double(totals.refused) / seconds
        snapshot.withoutHolder = Double(totals.withoutHolder) / seconds
        let held = bodies.reduce(0) { $0 + $1.heldInRecord }
        for index in bodies.indices {
            let capacity = bodies[index].processors * bodies[index].quotaFactor * seconds
            snapshot.utilisation.append(bodies[index].usedInRecord / capacity)
            snapshot.heldShare.append(held > 0 ? Double(bodies[index].heldInRecord) / Double(held) : 0)
            bodies[index].usedInRecord = 0
            snapshot.arrivals.append(Double(bodies[index].arrivalsInRecord) / seconds)
            bodies[index].heldInRecord = 0
            bodies[index].arrivalsInRecord = 0
        }
        snapshot.open = openInRecord.map { Double($0) / seconds }
        for slot in openInRecord.indices { openInRecord[slot] = 0 }
        snapshot.keep = keep
        totals = Totals()
        result.snapshots.append(snapshot)
    }
}
