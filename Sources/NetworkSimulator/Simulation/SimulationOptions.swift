public import StatePolicy

/// How a network is run.
public struct SimulationOptions: Sendable, Equatable {
    public var policy = PolicyName.servartuka
    /// Proxies, by number, with a policy of their own.
    public var policyOfProxy: [Int: PolicyName] = [:]
    /// For every proxy; its target utilisation is the proxy's.
    public var settings = PolicySettings()
    public var seed: UInt64 = 1
    /// All rates are multiplied by this.
    public var load = 1.0
    /// Calls come in bursts of so many at once; 1: a Poisson process.
    public var burst = 1
    /// Relative standard deviation of what a proxy measures of its processor time in a period.
    public var costNoise = 0.02
    /// Arrivals within a slice are one batch; feedback rides on the replies of a slice.
    public var sliceSeconds = 0.05
    /// How often policies decide.
    public var periodSeconds = 0.2
    /// How often the run is recorded.
    public var recordSeconds = 1.0
    /// A proxy's receive buffer, in seconds of its processors: what goes beyond is lost.
    public var backlogMaxSeconds = 0.25

    public init() {}
}
