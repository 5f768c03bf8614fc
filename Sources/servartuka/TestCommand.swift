import ArgumentParser
import Foundation
import SpecRunner

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run tests of routing scripts, without a network and without a running proxy.",
        discussion: """
            Spec files are Lua (docs/testing-scripts.md): they give messages and time to a proxy with your script and look \
            at what it sends. Exits with 1 when an expectation does not hold, with 2 when a spec is wrong in itself.
            """)

    @Argument(help: "Spec files, or folders of files that end in \(SpecRun.suffix).")
    var paths: [String] = [SpecRun.standardPath]

    @Option(help: "Run only the tests whose title contains this.")
    var filter: String?

    @Option(help: "Write the results into this file as JUnit XML.")
    var junit: String?

    @Flag(help: "Show how many lines of the routing scripts ran, and which did not.")
    var coverage = false

    @Flag(help: "Run again whenever a script, spec or configuration changes, until interrupted.")
    var watch = false

    @Option(
        name: .shortAndLong, help: "The configuration of proxies whose spec names neither a script nor a configuration."
    )
    var config: String?

    func run() throws {
        var specs = SpecRun(paths: paths)
        specs.filter = filter
        specs.configurationPath = config
        specs.coverage = coverage
        var report = try runOnce(specs)
        while watch {
            let stamp = specs.stamp(of: report)
            while specs.stamp(of: report) == stamp { Thread.sleep(forTimeInterval: Self.pollSeconds) }
            output("\n")
            report = try runOnce(specs)
        }
        throw ExitCode(report.exitCode)
    }

    private static let pollSeconds = 0.3

    private func runOnce(_ specs: SpecRun) throws -> SpecReport {
        let report = specs.run { file in
            if filter != nil, file.results.isEmpty, file.problem == nil { return }
            output(file.lines.joined(separator: "\n") + "\n")
        }
        output(report.summary.joined(separator: "\n") + "\n")
        if let junit {
            do {
                try report.junit.write(toFile: junit, atomically: true, encoding: .utf8)
            } catch {
                reportError("\(junit): cannot be written: \((error as NSError).localizedDescription)")
                throw ExitCode(2)
            }
        }
        return report
    }
}
