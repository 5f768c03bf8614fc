public import NetworkSimulator

/// What the best distribution could do during a run, whose events change the network.
public struct BestPossible: Sendable {
    public struct Step: Sendable, Equatable {
        public var fromSeconds: Double
        /// nil: nothing can flow.
        public var plan: Plan?
    }

    /// In order of time, the first from 0; empty: not known.
    public var steps: [Step] = []

    /// Calls a second that could be delivered at most, in the mix of the rates of that time.
    public func throughput(atSeconds seconds: Double) -> Double? {
        guard let step = steps.last(where: { $0.fromSeconds <= seconds }) ?? steps.first else { return nil }
        return step.plan?.throughput ?? 0
    }

    public var atEnd: Plan? { steps.last?.plan }

    public static let unknown = BestPossible()

    private init() {}

    /// Above so many hops of all flows only the end of the run is computed: each plan takes seconds.
    public static let hopsOfEachStepMax = 2_000
    public static let stepsMax = 100

    /// Throws for a solver that is missing or gives up; a network without traffic is a step without a plan.
    public init(_ network: NetworkSimulator.Network, seconds: Double) throws(PlanError) {
        var times = Set(network.events.map(\.timeSeconds).filter { $0 < seconds })
        times.insert(0)
        let hops = network.flows.reduce(0) { $0 + $1.path.count }
        if hops > Self.hopsOfEachStepMax || times.count > Self.stepsMax { times = [times.max() ?? 0] }
        for time in times.sorted() {
            do {
                steps.append(Step(fromSeconds: time, plan: try Plan(network.after(seconds: time))))
            } catch .noTraffic {
                steps.append(Step(fromSeconds: time, plan: nil))
            }
        }
    }
}
