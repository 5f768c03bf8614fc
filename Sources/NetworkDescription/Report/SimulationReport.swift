internal import NetworkSimulator
public import Server
internal import StatePolicy

/// Runs of one network under several policies, for people, programs and spreadsheets.
public struct SimulationReport: Sendable {
    public var description: NetworkDescription
    public var runs: [PolicyRun]
    public var best: BestPossible
    public var seed: UInt64
    public var seconds: Double

    public init(
        _ description: NetworkDescription, runs: [PolicyRun], best: BestPossible, seed: UInt64, seconds: Double
    ) {
        self.description = description
        self.runs = runs
        self.best = best
        self.seed = seed
        self.seconds = seconds
    }

    /// For the network as it is at the end of the run; nil: not known.
    var plan: Plan? { best.atEnd }

    /// The most loaded proxy's load, of what it could be at best.
    func loadRatio(_ run: PolicyRun) -> Double? { plan.map { run.figures.loadMax / $0.loadMax } }

    func peakRatio(_ run: PolicyRun) -> Double? {
        guard let plan, let peak = run.peakThroughput else { return nil }
        return peak / plan.throughput
    }

    public var text: String {
        var text = """
            \(description.file): \(description.size), \(shortText(seconds)) s simulated, seed \(seed)

            """
        if let plan {
            text += """
                best possible: \(NumberText.rate(plan.throughput)) calls/s; at the rates offered the most loaded proxy \
                at \(NumberText.fixed(plan.loadMax, 3)) of its target

                """
        }
        text += "\n"
        let hasPeaks = runs.contains { $0.peakThroughput != nil }
        var header = [
            "policy", "offered/s", "calls/s", "delivered", "lost/s", "refused/s", "util. max", "load max", "settled",
            "κ ±",
        ]
        if hasPeaks { header += ["peak/s", "of best"] }
        var table = TextTable(header)
        for run in runs {
            let figures = run.figures
            var row = [
                run.policy.rawValue, NumberText.rate(figures.offered), NumberText.rate(figures.throughput),
                NumberText.percent(figures.offered > 0 ? figures.throughput / figures.offered : 1),
                NumberText.rate(figures.lost), NumberText.rate(figures.refused),
                NumberText.fixed(figures.utilisationMax, 3), NumberText.fixed(figures.loadMax, 3),
                figures.settleSeconds.map { NumberText.fixed($0, 0) + " s" } ?? "never",
                NumberText.fixed(figures.keepSwing, 3),
            ]
            if hasPeaks { row += [run.peakThroughput.map(NumberText.rate) ?? "–", Self.ratio(peakRatio(run))] }
            table.add(row)
        }
        text += table.text
        for run in runs where run.figures.withoutHolder > 0 {
            text +=
                "\(run.policy.rawValue): nobody held the state of \(NumberText.rate(run.figures.withoutHolder)) calls/s\n"
        }
        return text
    }

    private static func ratio(_ value: Double?) -> String { value.map { NumberText.fixed($0, 3) } ?? "–" }

    public var json: JSONValue {
        [
            "file": .string(description.file), "seed": .integer(Int(clamping: seed)), "seconds": .number(seconds),
            "plan": plan.map {
                [
                    "throughput": .number($0.throughput), "factor": .number($0.factor),
                    "load_max": .number($0.loadMax),
                ]
            } ?? .null,
            "runs": .array(runs.map(json)),
        ]
    }

    private func json(_ run: PolicyRun) -> JSONValue {
        func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
        let figures = run.figures
        return [
            "policy": .string(run.policy.rawValue), "offered": .number(figures.offered),
            "throughput": .number(figures.throughput), "lost": .number(figures.lost),
            "refused": .number(figures.refused), "without_holder": .number(figures.withoutHolder),
            "utilisation_max": .number(figures.utilisationMax), "load_max": .number(figures.loadMax),
            "load_ratio": optional(loadRatio(run)), "settle_seconds": optional(figures.settleSeconds),
            "keep_swing": .number(figures.keepSwing), "peak_throughput": optional(run.peakThroughput),
            "peak_ratio": optional(peakRatio(run)),
        ]
    }

    /// Above so many proxies the time series has the greatest utilisation only.
    public static let proxiesInSeriesMax = 50

    /// A line for each policy and interval.
    public var csv: String {
        let network = description.network
        let proxies = network.proxies.count <= Self.proxiesInSeriesMax ? Array(network.proxies.indices) : []
        let links = proxies.isEmpty ? [] : KeepSeries.links(of: network, in: runs.first?.result)
        var csv = CSVWriter()
        csv.add(
            [
                "policy", "time_seconds", "offered", "throughput", "lost", "refused", "without_holder",
                "utilisation_max",
            ] + proxies.map { "utilisation \(network.proxies[$0].name)" }
                + proxies.map { "held_share \(network.proxies[$0].name)" } + links.map { "keep \($0.name)" })
        for run in runs {
            for snapshot in run.result.snapshots {
                let totals = [
                    snapshot.timeSeconds, snapshot.offered, snapshot.throughput, snapshot.lost, snapshot.refused,
                    snapshot.withoutHolder, snapshot.utilisationMax,
                ]
                let details =
                    proxies.map { snapshot.utilisation[$0] } + proxies.map { snapshot.heldShare[$0] }
                    + links.map { snapshot.keep[$0.index] }
                csv.add([run.policy.rawValue] + (totals + details).map { "\($0)" })
            }
        }
        return csv.text
    }
}

/// The keep-fractions that mean something: towards proxies that calls go to next.
struct KeepSeries {
    var name: String
    /// In `Snapshot.keep`.
    var index: Int

    static func links(of network: Network, in result: SimulationResult?) -> [KeepSeries] {
        guard let result else { return [] }
        var used: Set<[Int]> = []
        for flow in network.flows where flow.path.count > 1 {
            for (from, to) in zip(flow.path, flow.path.dropFirst()) { used.insert([from, to]) }
        }
        return result.keepLinks.enumerated().compactMap { index, link in
            guard used.contains([link.from, link.to]) else { return nil }
            return KeepSeries(
                name: "\(network.proxies[link.from].name) → \(network.proxies[link.to].name)", index: index)
        }
    }
}
