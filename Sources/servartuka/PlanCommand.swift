import ArgumentParser
import Foundation
import NetworkDescription
import NetworkSimulator
import Server

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Compute the best that a network of proxies can do, wherever state is held.",
        discussion: """
            Reads a description (docs/simulator.md) and solves a linear program: how much state each proxy should \
            hold so that the most loaded one is as little loaded as can be, and how far the traffic could grow then. \
            Needs the GLPK library (Debian: libglpk40). Errors are printed as FILE:LINE:COLUMN: KEY: MESSAGE.
            """)

    @Argument(help: "Description of the network, in YAML.")
    var file: String

    @Flag(help: "Print one JSON object instead.")
    var json = false

    @Option(help: "Also write a line for each proxy into this file.")
    var csv: String?

    func run() throws {
        let description = try loadNetwork(file)
        let plan: Plan
        do { plan = try Plan(description.network) } catch {
            reportError("\(file): \(error)")
            throw ExitCode(Server.Exit.failure)
        }
        let report = PlanReport(description, plan)
        if let csv { try write(report.csv, to: csv) }
        output(json ? report.json.prettyText + "\n" : report.text)
    }
}

/// The network of a description; prints what is wrong with it and ends the command.
func loadNetwork(_ file: String) throws -> NetworkDescription {
    do {
        return try NetworkDescription.load(path: file)
    } catch {
        for diagnostic in error.diagnostics { reportError(diagnostic.description) }
        throw ExitCode(Server.Exit.failure)
    }
}

/// Writes a report; says why not, and ends the command, when that fails.
func write(_ text: String, to file: String) throws {
    do {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    } catch {
        reportError("\(file): cannot be written: \(error.localizedDescription)")
        throw ExitCode(Server.Exit.failure)
    }
}
