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
    var proxies: [ProxyState]
    /// Flows' rates by what events made of them, and by `options.load`.
    var rates: [Double]
    /// κ by slot, as the packet path has it.
    var keep: [Double]
    var counts: [WayCount]
    var channels: [FeedbackChannel]
    /// What each proxy last heard, by slot; taken by its next update.
    var heard: [Feedback?]
    var totals = Totals()
    var slice = 0
    private var events: [Network.Event]
    private var nextEvent = 0
    private var result = SimulationResult()

    /// One proxy's state of the run.
    struct ProxyState: Sendable {
        var policy: any StatePolicy
        var decision = NodeDecision()
        var isUp = true
        /// A fixed policy that holds nothing, not even at an exit.
        var isStateless: Bool { policy.fixedMode == .stateless }
        var epoch: UInt32 = 1
        var sequence: UInt32 = 0
        /// CPU seconds of work not yet done.
        var backlog = 0.0
        /// CPU seconds of work that came in this slice, before losses.
        var work = 0.0
        /// Of new arrivals, the part lost because the backlog is full.
        var lossNow = 0.0
        var quotaFactor = 1.0
        var announcedFactor = 1.0
        var usedInPeriod = 0.0
        var usedInRecord = 0.0
        var heldInRecord = 0

        mutating func decide(_ sample: NodeSample) {
            policy.update(sample, &decision)
            sequence += 1
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
        proxies = network.proxies.indices.map { ProxyState(policy: Self.policy(of: $0, network, options)) }
        rates = network.flows.map { $0.rate * options.load }
        keep = [Double](repeating: 1, count: topology.neighbourOfSlot.count)
        counts = [WayCount](repeating: WayCount(), count: topology.ways.count)
        heard = [Feedback?](repeating: nil, count: topology.neighbourOfSlot.count)
        channels = topology.links.map {
            FeedbackChannel(delaySlices: max(1, Int(($0.model.delaySeconds / options.sliceSeconds).rounded())))
        }
        events = network.events.sorted { $0.timeSeconds < $1.timeSeconds }
        result.keepLinks = topology.neighbourOfSlot.indices.map { slot in
            let from = topology.slotStart.lastIndex { $0 <= slot }!
            return .init(from: from, to: topology.neighbourOfSlot[slot])
        }
        for index in proxies.indices { spread(index) }
    }

    static func policy(of index: Int, _ network: Network, _ options: SimulationOptions) -> any StatePolicy {
        var settings = options.settings
        settings.targetUtilisation = network.proxies[index].targetUtilisation
        return (options.policyOfProxy[index] ?? options.policy).make(settings)
    }

    public var timeSeconds: Double { Double(slice) * options.sliceSeconds }

    /// What a proxy knows of itself now, and what it decided last; its neighbours are numbered in the order of their numbers here.
    public func estimate(of proxy: Int) -> NodeEstimate { proxies[proxy].policy.estimate }
    public func decision(of proxy: Int) -> NodeDecision { proxies[proxy].decision }

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
            for index in proxies.indices where (slice + index) % slicesPerPeriod == 0 { decide(index) }
            if slice % slicesPerRecord == 0 { takeSnapshot(seconds: Double(slicesPerRecord) * options.sliceSeconds) }
        }
        return result
    }

    private mutating func applyEvents() {
        while nextEvent < events.count, events[nextEvent].timeSeconds <= timeSeconds + 1e-9 {
            switch events[nextEvent].change {
            case .load(let flow, let factor):
                for index in rates.indices where flow == nil || flow == index {
                    rates[index] = network.flows[index].rate * options.load * factor
                }
            case .down(let proxy): kill(proxy)
            case .up(let proxy): start(proxy)
            case .quota(let proxy, let factor, let announced):
                proxies[proxy].quotaFactor = factor
                if announced { proxies[proxy].announcedFactor = factor }
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
        let held = proxies.reduce(0) { $0 + $1.heldInRecord }
        for index in proxies.indices {
            let capacity = network.proxies[index].processors * proxies[index].quotaFactor * seconds
            snapshot.utilisation.append(proxies[index].usedInRecord / capacity)
            snapshot.heldShare.append(held > 0 ? Double(proxies[index].heldInRecord) / Double(held) : 0)
            proxies[index].usedInRecord = 0
            proxies[index].heldInRecord = 0
        }
        snapshot.keep = keep
        totals = Totals()
        result.snapshots.append(snapshot)
    }
}
