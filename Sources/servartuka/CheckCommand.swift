import ArgumentParser
import Foundation
import Server

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the configuration and the routing script, and run nothing.",
        discussion: "Prints each error as FILE:LINE:COLUMN: KEY: MESSAGE and exits with 1 when there are any.")

    @OptionGroup var options: ConfigurationOption

    @Flag(help: "Print one JSON object instead.")
    var json = false

    func run() throws {
        let result = CheckResult(
            path: options.path, environment: ProcessInfo.processInfo.environment, checker: Assembly.checker)
        if json {
            output(result.json.prettyText + "\n")
        } else {
            for line in result.lines { reportError(line) }
            if result.succeeded {
                let script = result.script.map { ", \($0)" } ?? ""
                output("\(result.file ?? "defaults and environment")\(script): no errors\n")
            }
        }
        throw ExitCode(result.succeeded ? Server.Exit.success : Server.Exit.failure)
    }
}
