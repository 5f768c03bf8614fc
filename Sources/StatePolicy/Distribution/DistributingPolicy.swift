/// Decides from rates, costs and what neighbours say how much state to hold: `servartuka` and `balanced`.
public struct DistributingPolicy: StatePolicy {
    /// How the room of several nodes is used.
    public enum Rule: Sendable {
        /// Fill this node to its target, then leave the rest to the next hops.
        case fillFirst
        /// Hold where it is cheaper, by prices that rise steeply with utilisation.
        case balanced
    }

    public let rule: Rule
    let settings: PolicySettings
    var rates = PathRates()
    var costs: CostEstimator
    var capacity = CapacityEstimator()
    var neighbours: [NeighbourState] = []
    var demand = Demand()
    /// By neighbour, what is told it; 0 where the rule has no prices.
    var prices: [Double] = []
    var refusal = 0.0
    private var lastTime: Double?
    public private(set) var estimate = NodeEstimate()

    /// Utilisation that a node may reach for real, above the target, before requests are refused.
    static let utilisationMax = 0.97

    public init(_ rule: Rule, settings: PolicySettings = PolicySettings()) {
        self.rule = rule
        self.settings = settings.sane
        costs = CostEstimator(self.settings)
    }

    public var name: String {
        switch rule {
        case .fillFirst: PolicyName.servartuka.rawValue
        case .balanced: PolicyName.balanced.rawValue
        }
    }

    public var fixedMode: StateMode? { nil }

    public mutating func update(_ sample: NodeSample, _ decision: inout NodeDecision) {
        resize(for: sample, &decision)
        guard let lastTime else {
            // Counts need a period; the first sample only starts it.
            self.lastTime = sample.time
            decision.reason = .starting
            return
        }
        let seconds = sample.time - lastTime
        guard seconds > 0, sample.processors > 0 else { return }
        self.lastTime = sample.time
        measure(sample, seconds: seconds)
        listen(sample)
        demand.sum(rates.paths, neighbours, load: load(processors: sample.processors))
        moveKeeps(seconds: seconds)
        refusal = refused(after: refusal, seconds: seconds)
        setPrices()
        say(&decision)
        report()
    }

    private mutating func resize(for sample: NodeSample, _ decision: inout NodeDecision) {
        var count = sample.feedback.count
        for path in sample.paths { count = max(count, Int(path.upstream) + 1, Int(path.nextHop) + 1) }
        while neighbours.count < count {
            neighbours.append(NeighbourState())
            prices.append(0)
        }
        if decision.keep.count != neighbours.count {
            decision.keep = neighbours.map { _ in 1 }
            decision.grants = neighbours.map { _ in NodeDecision.Grant() }
        }
    }

    private mutating func measure(_ sample: NodeSample, seconds: Double) {
        rates.add(
            sample.paths, seconds: seconds,
            slowGain: Arithmetic.gain(seconds: seconds, smoothing: settings.rateSmoothingSeconds),
            fastGain: Arithmetic.gain(seconds: seconds, smoothing: settings.rateChangeSeconds))
        var requests = 0.0
        var held = 0.0
        for path in sample.paths {
            requests += Double(path.total)
            held += Double(path.mustHold) + Double(path.kept)
        }
        costs.add(
            sample.cost, requests: requests, held: held,
            gain: Arithmetic.gain(seconds: seconds, smoothing: settings.costSmoothingSeconds))
        let processorSeconds = seconds * sample.processors
        capacity.add(
            CapacityEstimator.Period(
                use: sample.cost.totalSeconds / processorSeconds,
                work: (requests * costs.statelessCost + held * costs.stateCost) / processorSeconds,
                queueing: sample.cost.queueingSeconds, queueingMax: settings.queueingMaxSeconds,
                target: settings.targetUtilisation, turnsAreShort: sample.cost.turns.areShort, seconds: seconds),
            gain: Arithmetic.gain(seconds: seconds, smoothing: settings.rateChangeSeconds))
    }

    private mutating func listen(_ sample: NodeSample) {
        for index in neighbours.indices {
            neighbours[index].hear(
                index < sample.feedback.count ? sample.feedback[index] : nil, time: sample.time,
                silence: settings.silenceSeconds, allowanceGain: Self.allowanceGain)
        }
    }

    /// Weight of a neighbour's newest finite allowance.
    static let allowanceGain = 0.4

    private func load(processors: Double) -> Demand.Load {
        Demand.Load(
            statelessCost: costs.statelessCost, stateCost: costs.stateCost,
            capacity: processors * capacity.factor, target: settings.targetUtilisation,
            greatest: max(Self.utilisationMax, settings.targetUtilisation), relief: capacity.relief)
    }

    private mutating func say(_ decision: inout NodeDecision) {
        var isAsking = false
        var isDelegating = false
        for index in neighbours.indices {
            decision.keep[index] = neighbours[index].keep
            let grant = NodeDecision.Grant(allowance: demand.allowance(of: index), price: prices[index])
            decision.grants[index] = grant
            if grant.allowance < demand.fromNeighbour[index] { isAsking = true }
            if neighbours[index].keep < 1 && demand.toNeighbour[index] > 0 { isDelegating = true }
        }
        decision.refuse = refusal
        decision.reason = reason(isAsking: isAsking, isDelegating: isDelegating)
    }

    private func reason(isAsking: Bool, isDelegating: Bool) -> NodeDecision.Reason {
        if refusal > 0 { return .overloaded }
        if isAsking { return .askingUpstream }
        guard isDelegating else { return .roomForAll }
        switch rule {
        case .fillFirst: return .delegating
        case .balanced: return .balancing
        }
    }

    private mutating func report() {
        estimate.statelessCost = demand.load.statelessCost
        estimate.stateCost = demand.load.stateCost
        estimate.capacity = demand.load.capacity * demand.load.target
        estimate.utilisation = capacity.utilisation
        estimate.arrivals = demand.arrivals
        estimate.held = rates.held.slow
        estimate.holdable = demand.holdable
        estimate.mustHold = demand.mustHold
    }
}
