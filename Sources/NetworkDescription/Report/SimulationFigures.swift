public import NetworkSimulator
public import StatePolicy

/// One policy's run of a network, and what came of it.
public struct PolicyRun: Sendable {
    public var policy: PolicyName
    public var result: SimulationResult
    public var figures: SimulationFigures
    /// Calls a second that it sustains, when that was searched for.
    public var peakThroughput: Double?

    public init(_ policy: PolicyName, _ result: SimulationResult, _ network: NetworkSimulator.Network) {
        self.policy = policy
        self.result = result
        figures = SimulationFigures(result, network)
    }
}

/// Means over the last quarter of the time after the last event, and how long it took to get there. Rates are calls a second.
public struct SimulationFigures: Sendable, Equatable {
    public var offered = 0.0
    public var throughput = 0.0
    public var lost = 0.0
    public var refused = 0.0
    /// Calls that were delivered and whose state nobody held.
    public var withoutHolder = 0.0
    /// Mean utilisation of the proxy where it is greatest.
    public var utilisationMax = 0.0
    /// The same over the proxy's target.
    public var loadMax = 0.0
    /// Half of the band in which the most restless keep-fraction moved.
    public var keepSwing = 0.0
    /// From the last event, or the beginning, until throughput and the greatest utilisation stayed near their means.
    /// nil: they never did.
    public var settleSeconds: Double?

    /// Of the time after the last event.
    public static let measuredPart = 0.25
    /// Near: within this part of the mean, or what chance explains if that is more.
    public static let settleTolerance = 0.03
    /// Chance: so many standard deviations of a Poisson process.
    private static let deviations = 4.0

    public init(_ result: SimulationResult, _ network: NetworkSimulator.Network) {
        guard let end = result.snapshots.last?.timeSeconds else { return }
        let event = network.lastEventSeconds(until: end)
        let since = event + (end - event) * (1 - Self.measuredPart)
        offered = result.mean(since: since) { $0.offered }
        throughput = result.mean(since: since) { $0.throughput }
        lost = result.mean(since: since) { $0.lost }
        refused = result.mean(since: since) { $0.refused }
        withoutHolder = result.mean(since: since) { $0.withoutHolder }
        keepSwing = result.keepSwing(since: since)
        for (used, proxy) in zip(result.utilisations(since: since), network.proxies) {
            utilisationMax = max(utilisationMax, used)
            loadMax = max(loadMax, used / proxy.targetUtilisation)
        }
        settleSeconds = settle(result, since: since, event: event)
    }

    private func settle(_ result: SimulationResult, since: Double, event: Double) -> Double? {
        let busiest = result.mean(since: since) { $0.utilisationMax }
        var before = 0.0
        var restless = event
        for snapshot in result.snapshots {
            let seconds = snapshot.timeSeconds - before
            before = snapshot.timeSeconds
            guard snapshot.timeSeconds > event + 1e-9 else { continue }
            let chance = Self.deviations / max(1, throughput * seconds).squareRoot()
            let tolerance = max(Self.settleTolerance, chance)
            let isNear =
                abs(snapshot.throughput - throughput) <= tolerance * throughput
                && abs(snapshot.utilisationMax - busiest) <= tolerance * busiest
            if !isNear { restless = snapshot.timeSeconds }
        }
        return restless >= before ? nil : restless - event
    }
}
