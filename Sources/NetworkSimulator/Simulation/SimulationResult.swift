/// What happened during one interval of a run. Rates are calls a second, over the interval.
public struct Snapshot: Sendable, Equatable {
    /// End of the interval.
    public var timeSeconds = 0.0
    /// Calls that came.
    public var offered = 0.0
    /// Calls that reached their exit.
    public var throughput = 0.0
    /// Calls that no proxy had time for, or whose way led through a dead one.
    public var lost = 0.0
    /// Calls refused with 503.
    public var refused = 0.0
    /// Calls that reached their exit and whose state nobody held: must be 0.
    public var withoutHolder = 0.0
    /// By proxy: processor time used, as a part of what it had.
    public var utilisation: [Double] = []
    /// By proxy: of all calls held, the part that it held.
    public var heldShare: [Double] = []
    /// By proxy: calls that crossed it.
    public var arrivals: [Double] = []
    /// κ at the end of the interval, by `SimulationResult.keepLinks`.
    public var keep: [Double] = []
    /// Calls that κ decided on, by `SimulationResult.keepLinks`.
    public var open: [Double] = []

    /// The most loaded proxy's utilisation.
    public var utilisationMax: Double { utilisation.max() ?? 0 }

    public init() {}
}

/// A whole run.
public struct SimulationResult: Sendable, Equatable {
    public var snapshots: [Snapshot] = []
    /// From proxy and to proxy of each κ.
    public var keepLinks: [KeepLink] = []

    public struct KeepLink: Sendable, Equatable {
        public var from: Int
        public var to: Int
    }

    public init() {}

    /// Mean of a figure over the snapshots from a time on.
    public func mean(since time: Double, _ figure: (Snapshot) -> Double) -> Double {
        let chosen = snapshots.filter { $0.timeSeconds > time + 1e-9 }
        return chosen.isEmpty ? 0 : chosen.reduce(0) { $0 + figure($1) } / Double(chosen.count)
    }

    /// Mean utilisation by proxy.
    public func utilisations(since time: Double) -> [Double] {
        guard let count = snapshots.first?.utilisation.count else { return [] }
        return (0..<count).map { proxy in mean(since: time) { $0.utilisation[proxy] } }
    }

    /// The greatest half-width of the band in which a κ moved about its own trend: oscillation, and not slow settling.
    /// - Parameter openMin: κ counts where it decided all the time on at least this part of the proxy's calls; one that
    ///   decides on next to nothing may be anything.
    public func keepSwing(since time: Double, openMin: Double = 0.02) -> Double {
        let chosen = snapshots.filter { $0.timeSeconds > time + 1e-9 }
        var swing = 0.0
        for index in keepLinks.indices {
            let from = keepLinks[index].from
            guard chosen.allSatisfy({ $0.open[index] > openMin * $0.arrivals[from] }) else { continue }
            let rest = Self.withoutTrend(chosen.map { $0.keep[index] })
            if let low = rest.min(), let high = rest.max() { swing = max(swing, (high - low) / 2) }
        }
        return swing
    }

    /// Values less the straight line that fits them best.
    private static func withoutTrend(_ values: [Double]) -> [Double] {
        let count = Double(values.count)
        let middle = (count - 1) / 2
        let mean = values.reduce(0, +) / count
        var slope = 0.0
        var square = 0.0
        for (index, value) in values.enumerated() {
            slope += (Double(index) - middle) * (value - mean)
            square += (Double(index) - middle) * (Double(index) - middle)
        }
        guard square > 0 else { return values }
        return values.enumerated().map { $1 - mean - slope / square * (Double($0) - middle) }
    }
}
