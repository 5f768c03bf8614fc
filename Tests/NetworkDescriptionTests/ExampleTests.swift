import Foundation
import NetworkDescription
import NetworkSimulator
import Server
import StatePolicy
import Testing

/// What we give to users to start from must run.
@Suite("Examples of networks")
struct ExampleTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let folder = root.appending(path: "config/networks")
    static let names = [
        "two-in-series", "three-in-series", "one-to-two", "two-to-one", "mixed-exits", "random-1000",
    ]

    @Test("the list of files is complete")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(files) == Set(Self.names.map { $0 + ".yaml" }))
    }

    @Test("each has a plan and runs under both policies, and each delivered call has a holder", arguments: names)
    func runs(name: String) throws {
        let description = try NetworkDescription.load(path: Self.folder.appending(path: name + ".yaml").path)
        let seconds = 5.0
        let best = try BestPossible(description.network, seconds: seconds)
        #expect(best.atEnd?.isFeasible == true)
        var runs: [PolicyRun] = []
        for policy in [PolicyName.servartuka, .balanced] {
            var options = SimulationOptions()
            options.policy = policy
            var simulation = try Simulation(description.network, options)
            let run = PolicyRun(policy, simulation.run(seconds: seconds), description.network)
            #expect(run.figures.withoutHolder == 0)
            #expect(run.figures.throughput > 0.9 * run.figures.offered, "seed \(options.seed)")
            runs.append(run)
        }
        let report = SimulationReport(description, runs: runs, best: best, seed: 1, seconds: seconds)
        try WellFormed.checkSVG(report.svg)
        #expect(try WellFormed.parseCSV(report.csv).count == 1 + 2 * 5)
    }

    @Test(
        "what the closed forms say is what the plan says",
        arguments: [
            ("two-in-series", 11_250.0), ("one-to-two", 15_000), ("two-to-one", 15_000),
        ])
    func closedForms(name: String, throughput: Double) throws {
        let description = try NetworkDescription.load(path: Self.folder.appending(path: name + ".yaml").path)
        #expect(abs(try Plan(description.network).throughput - throughput) < 0.01)
    }

    @Test("the tables of docs/simulator.md are those of the reader")
    func tables() throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/simulator.md"), encoding: .utf8)
        #expect(
            text.contains(DescriptionReference.markdown),
            "put this into docs/simulator.md:\n\(DescriptionReference.markdown)")
    }

    @Test("each description in docs/simulator.md runs")
    func documented() throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/simulator.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(blocks.count >= 2)
        for block in blocks {
            let network = try NetworkDescription.load(yaml: block, file: "docs/simulator.md").network
            _ = try Plan(network)
            var simulation = try Simulation(network)
            simulation.run(seconds: 2)
        }
    }
}
