import ArgumentParser
import Foundation
import Server

@main
struct Servartuka: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: ServartukaVersion.name,
        abstract: "A SIP proxy with a compiled core and Lua routing.",
        version: "\(ServartukaVersion.name) \(ServartukaVersion.current)",
        subcommands: [
            RunCommand.self, CheckCommand.self, ControlCommand.self, SettingsCommand.self, PlanCommand.self,
            SimulateCommand.self, ConvertCommand.self, TestCommand.self,
        ])
}

/// Which configuration to use, for the commands that need one.
struct ConfigurationOption: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: "The YAML file; by default SERVARTUKA_CONFIG, and without that defaults and environment only.")
    var config: String?

    /// The option wins over the environment.
    var path: String? {
        config ?? ProcessInfo.processInfo.environment["SERVARTUKA_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Writes one line to standard error.
func reportError(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}

/// Writes text to standard output; a reader that has gone is no error of ours.
func output(_ text: String) {
    try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
}
