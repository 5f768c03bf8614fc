import ArgumentParser
import Foundation
import NetworkDescription
import NetworkSimulator
import Server
import StatePolicy

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Run the state policies on a simulated network of proxies.",
        discussion: """
            Reads a description (docs/simulator.md) and runs it with the policies' own code: discrete calls, queues, \
            feedback that rides on replies and may be lost. Figures are means over the last quarter of the time after the last event, beside \
            the best possible when the GLPK library is there (Debian: libglpk40).
            """)

    @Argument(help: "Description of the network, in YAML.")
    var file: String

    @Option(
        help: "Policies to run, one after the other: \(PolicyName.allCases.map(\.rawValue).joined(separator: ",")).")
    var policy = PolicyName.servartuka.rawValue

    @Option(help: "Simulated seconds; by default 60, or 30 after the last event if that is later.")
    var seconds: Int?

    @Option(help: "The same seed makes the same run; by default one of the clock, which is printed.")
    var seed: UInt64?

    @Option(help: "Multiply all rates by this.")
    var load: Double = 1

    @Option(help: "Calls come so many at a time.")
    var burst: Int = 1

    @Flag(help: "Also search for the greatest rates that are sustained: takes about ten runs more.")
    var peak = false

    @Option(help: "Write the time series into this file.")
    var csv: String?

    @Option(help: "Draw throughput, utilisation and keep-fractions over time into this file.")
    var svg: String?

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    static let secondsMax = 1_000_000

    func validate() throws {
        _ = try policies()
        if let seconds, !(1...Self.secondsMax).contains(seconds) {
            throw ValidationError("--seconds takes a number from 1 to \(Self.secondsMax).")
        }
        guard load >= 0, load <= 1e6 else { throw ValidationError("--load takes a number from 0 to 1000000.") }
        guard (1...1_000_000).contains(burst) else {
            throw ValidationError("--burst takes a number from 1 to 1000000.")
        }
    }

    private func policies() throws -> [PolicyName] {
        try policy.split(separator: ",").map { name in
            guard let policy = PolicyName(rawValue: String(name)) else {
                let names = PolicyName.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("There is no policy \"\(name)\"; there are \(names).")
            }
            return policy
        }
    }

    func run() throws {
        var description = try loadNetwork(file)
        description.network = description.network.scaled(by: load)
        let network = description.network
        let seconds = self.seconds ?? max(60, Int(network.lastEventSeconds().rounded(.up)) + 30)
        var options = SimulationOptions()
        options.seed = seed ?? UInt64(Date().timeIntervalSince1970 * 1_000)
        options.burst = burst
        let best = best(for: network, seconds: Double(seconds))
        var runs: [PolicyRun] = []
        do {
            for policy in try policies() {
                options.policy = policy
                var simulation = try Simulation(network, options)
                for second in 0..<seconds {
                    ProgressLine.show("\(policy.rawValue): \(second) of \(seconds) s")
                    simulation.run(seconds: 1)
                }
                var run = PolicyRun(policy, simulation.record, network)
                if peak {
                    run.peakThroughput = try searchPeak(network.after(seconds: Double(seconds)), options, best.atEnd)
                }
                runs.append(run)
            }
        } catch let error as NetworkError {
            reportError("\(file): \(error)")
            throw ExitCode(Server.Exit.failure)
        }
        ProgressLine.clear()
        let report = SimulationReport(
            description, runs: runs, best: best, seed: options.seed, seconds: Double(seconds))
        if let csv { try write(report.csv, to: csv) }
        if let svg { try write(report.svg, to: svg) }
        output(json ? report.json.prettyText + "\n" : report.text)
    }

    /// Unknown, with a line why, when it cannot be computed: the simulation needs it only to be compared with.
    private func best(for network: NetworkSimulator.Network, seconds: Double) -> BestPossible {
        ProgressLine.show("computing the best possible")
        defer { ProgressLine.clear() }
        do { return try BestPossible(network, seconds: seconds) } catch {
            ProgressLine.clear()
            reportError("\(file): no comparison with the best possible: \(error)")
            return .unknown
        }
    }

    /// Calls a second that the policy sustains, in the mix of the flows.
    private func searchPeak(
        _ network: NetworkSimulator.Network, _ options: SimulationOptions, _ plan: Plan?
    ) throws(NetworkError) -> Double? {
        guard let plan else { return nil }
        ProgressLine.show("\(options.policy.rawValue): searching the peak")
        let search = PeakSearch()
        // Most policies come near; the others have the rest to search.
        let near = 0.9 * plan.factor
        let isNear = try search.sustains(network, options, load: near)
        let factor =
            isNear
            ? try search.peak(network, options, low: near, high: 1.05 * plan.factor)
            : try search.peak(network, options, low: 0, high: near)
        return factor * plan.offered
    }
}

/// One line on standard error that is written over, if that is a terminal.
enum ProgressLine {
    private static let isTerminal = isatty(STDERR_FILENO) == 1

    static func show(_ text: String) {
        guard isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    static func clear() { show("") }
}
