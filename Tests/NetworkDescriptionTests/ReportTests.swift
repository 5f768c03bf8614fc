import NetworkDescription
import NetworkSimulator
import Server
import StatePolicy
import Testing

@Suite("Reports of plans and simulations")
struct ReportTests {
    static let strange = #"a, "b" <&> c"#

    static func description(proxies: Int = 2) -> NetworkDescription {
        let models = (0..<proxies).map { number in
            ProxyModel(
                name: number == 0 ? strange : "p\(number)", statelessCostSeconds: 60e-6, stateCostSeconds: 40e-6)
        }
        var description = NetworkDescription(
            network: .init(proxies: models, flows: [.init(name: "f", path: Array(0..<proxies), rate: 1_000)]),
            file: "folder/\(strange).yaml")
        description.network.events = [
            .init(timeSeconds: 3, change: .load(flow: nil, factor: 1.25)),
            .init(timeSeconds: 3, change: .quota(proxy: 1, factor: 0.5, announced: true)),
        ]
        return description
    }

    static func report(_ description: NetworkDescription, _ policies: [PolicyName]) throws -> SimulationReport {
        let seconds = 8.0
        let runs = try policies.map { policy in
            var options = SimulationOptions()
            options.policy = policy
            var simulation = try Simulation(description.network, options)
            return PolicyRun(policy, simulation.run(seconds: seconds), description.network)
        }
        return SimulationReport(
            description, runs: runs, best: try BestPossible(description.network, seconds: seconds), seed: 1,
            seconds: seconds)
    }

    @Test("a plan's table, CSV and JSON say the same")
    func plan() throws {
        let description = Self.description()
        let plan = try Plan(description.network)
        let report = PlanReport(description, plan)
        #expect(report.text.contains("best throughput   11,250 calls/s, 11.2500 times the offered rates"))
        #expect(report.json["throughput"] == .number(plan.throughput))
        #expect(report.json["feasible"] == .boolean(true))
        #expect(report.json["proxies"]?.arrayValue?.first?["name"]?.stringValue == Self.strange)
        let lines = try WellFormed.parseCSV(report.csv)
        #expect(lines.count == 3)
        #expect(lines[1][0] == Self.strange)
        #expect(Double(lines[1][2]) == plan.proxies[0].held)
    }

    @Test("a long table shows the most loaded proxies and says how many are left out")
    func longTable() throws {
        let description = NetworkDescription(
            network: RandomNetwork(seed: 3, proxies: 60, flows: 100, layers: 3).network, file: "random.yaml")
        let text = PlanReport(description, try Plan(description.network)).text
        #expect(text.contains("and 20 less loaded ones"))
    }

    @Test("a simulation's CSV has a line for each policy and second, and its columns name the proxies")
    func csv() throws {
        let lines = try WellFormed.parseCSV(try Self.report(Self.description(), [.servartuka, .stateful]).csv)
        #expect(lines.count == 1 + 2 * 8)
        #expect(lines[0].contains("utilisation " + Self.strange))
        #expect(lines[0].filter { $0.hasPrefix("keep ") } == ["keep \(Self.strange) → p1"])
        #expect(lines[1...].allSatisfy { line in line.dropFirst().allSatisfy { Double($0) != nil } })
    }

    @Test("a drawing is well-formed whatever the names are, for one policy, many of them and many proxies")
    func svg() throws {
        let one = try WellFormed.checkSVG(try Self.report(Self.description(), [.balanced]).svg)
        #expect(one.texts.contains(Self.strange + ".yaml"))
        #expect(one.texts.contains("load × 1.25"))
        // Offered, delivered, lost, refused and best; two proxies; one keep-fraction.
        #expect(one.elements["polyline"] == 5 + 2 + 1)
        try WellFormed.checkSVG(try Self.report(Self.description(), PolicyName.allCases).svg)
        let many = try WellFormed.checkSVG(try Self.report(Self.description(proxies: 12), [.servartuka]).svg)
        #expect(many.texts.contains("all 12 proxies"))
    }

    @Test("the best possible follows the events")
    func bestPossible() throws {
        let best = try BestPossible(Self.description().network, seconds: 8)
        let before = try #require(best.throughput(atSeconds: 1))
        let after = try #require(best.throughput(atSeconds: 5))
        #expect(abs(before - 11_250) < 0.01)
        // Half of the second proxy can forward at most 0.45 / 60 µs.
        #expect(abs(after - 7_500) < 0.01)
    }

    @Test("a network that dies has a best of nothing")
    func dead() throws {
        var network = Self.description().network
        network.events = [.init(timeSeconds: 2, change: .down(proxy: 0))]
        let best = try BestPossible(network, seconds: 8)
        #expect(best.throughput(atSeconds: 5) == 0)
        #expect(best.atEnd == nil)
    }

    @Test("the time to settle is that from the last event until nothing leaves the band again")
    func settle() {
        var result = SimulationResult()
        for second in 1...40 {
            var snapshot = Snapshot()
            snapshot.timeSeconds = Double(second)
            snapshot.offered = 1e6
            snapshot.throughput = (11...14).contains(second) ? 5e5 : 1e6
            snapshot.utilisation = [0.5]
            result.snapshots.append(snapshot)
        }
        var network = Self.description().network
        network.events = [.init(timeSeconds: 10, change: .load(flow: nil, factor: 2))]
        #expect(SimulationFigures(result, network).settleSeconds == 4)
        result.snapshots[39].throughput = 5e5
        #expect(SimulationFigures(result, network).settleSeconds == nil)
    }

    @Test("without anything to say, reports are empty and do not trap")
    func empty() throws {
        let description = Self.description()
        let report = SimulationReport(description, runs: [], best: .unknown, seed: 1, seconds: 0)
        try WellFormed.checkSVG(report.svg)
        #expect(try WellFormed.parseCSV(report.csv).count == 1)
        #expect(!report.text.isEmpty)
    }
}
