import ArgumentParser
import Foundation
import Server

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the proxy in the foreground.",
        discussion: """
            SIGHUP reloads the script and what else applies without a restart. SIGTERM and SIGINT drain: new dialogs \
            are refused, transactions in flight are finished for up to drain_seconds; a second one stops at once.
            """)

    @OptionGroup var options: ConfigurationOption

    func run() throws {
        Signals.block()
        let status = Server.run(
            configurationPath: options.path, environment: ProcessInfo.processInfo.environment,
            makeRuntime: Assembly.makeRuntime, report: reportError)
        throw ExitCode(status)
    }
}
