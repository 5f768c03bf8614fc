/// Finds the greatest load that a network sustains.
public struct PeakSearch: Sendable {
    public var warmUpSeconds = 15.0
    public var measureSeconds = 10.0
    /// Calls that may be lost or refused, as a part of those offered.
    public var failedMax = 0.001
    /// A proxy's mean utilisation may be above its target by this part of it, and by two standard deviations of the calls that
    /// happened to come.
    public var excessMax = 0.01
    /// Halvings of the interval that is searched.
    public var steps = 7

    public init() {}

    /// The greatest sustained multiple of the network's rates between two bounds, of which the lower is taken for granted.
    public func peak(
        _ network: Network, _ options: SimulationOptions, low: Double, high: Double
    ) throws(NetworkError) -> Double {
        var (low, high) = (low, high)
        for _ in 0..<steps {
            let middle = (low + high) / 2
            if try sustains(network, options, load: middle) { low = middle } else { high = middle }
        }
        return low
    }

    public func sustains(
        _ network: Network, _ options: SimulationOptions, load: Double
    ) throws(NetworkError) -> Bool {
        var options = options
        options.load = load
        var simulation = try Simulation(network, options)
        simulation.run(seconds: warmUpSeconds)
        let result = simulation.run(seconds: measureSeconds)
        let offered = result.mean(since: warmUpSeconds) { $0.offered }
        let failed = result.mean(since: warmUpSeconds) { $0.lost + $0.refused + $0.withoutHolder }
        guard failed <= failedMax * offered else { return false }
        let calls = max(1, offered * measureSeconds)
        let chance = 2 * (Double(max(1, options.burst)) / calls).squareRoot()
        return zip(result.utilisations(since: warmUpSeconds), network.proxies).allSatisfy { used, proxy in
            used <= proxy.targetUtilisation * (1 + excessMax + chance)
        }
    }
}
