public import ArgumentParser
import Foundation
public import Server

struct ControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctl", abstract: "Ask or steer a running proxy over its control socket.",
        discussion: """
            status: what runs, where, under which settings. reload: take over the script and the settings that apply \
            at once. stats: counters for people. state: who holds the state of transactions, and why. metrics: Prometheus text. \
            dialog list, dialog terminate ID: calls that are tracked. dispatcher list, dispatcher mark SET URI up|down|drained: \
            servers that share requests. drain: finish what is in flight, then exit. \
            stop: exit at once. location: who is registered where; see servartuka ctl location --help.
            """,
        subcommands: [AskCommand.self, LocationCommand.self], defaultSubcommand: AskCommand.self)
}

/// Which proxy is meant.
struct ControlSocketOption: ParsableArguments {
    @Option(
        help: """
            The proxy's control.socket; by default SERVARTUKA_CONTROL_SOCKET, then that of the configuration given \
            with --config, then \(Configuration.Control.standardSocket).
            """)
    var socket: String?

    @OptionGroup var options: ConfigurationOption

    func connect() throws(ControlError) -> ControlClient { try ControlClient(path: path()) }

    /// The configuration of the proxy includes the environment, so loading it honours the variable too.
    private func path() throws(ControlError) -> String {
        if let socket { return socket }
        do {
            let loaded = try ConfigurationLoader.load(
                path: options.path, environment: ProcessInfo.processInfo.environment)
            guard let path = loaded.configuration.control.socket else {
                throw ControlError("the configuration switches the control socket off (control.socket is empty)")
            }
            return path
        } catch let error as ControlError {
            throw error
        } catch {
            throw ControlError("the configuration has errors; name the socket with --socket\n\(error)")
        }
    }
}

/// The commands that are one question and its answer.
struct AskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "What the other commands of ctl mean when nothing is said.")

    private static let commands = ControlRequest.Command.allCases.filter { $0 != .location }

    @Argument(help: "One of \(AskCommand.commands.map(\.rawValue).joined(separator: ", ")).")
    var command: ControlRequest.Command

    @Argument(
        help: """
            Of dialog: list, or terminate and the ID of one. Of dispatcher: list, or mark, a set, the URI of a target \
            and up, down or drained.
            """)
    var arguments: [String] = []

    @OptionGroup var target: ControlSocketOption

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @Flag(help: "With state: print a line each second, or with --json a JSON object a line, until interrupted.")
    var watch = false

    func validate() throws {
        if command == .location { throw ValidationError("Put options behind it: servartuka ctl location list …") }
        if !arguments.isEmpty, command != .dialog, command != .dispatcher {
            throw ValidationError("\(command.rawValue) takes no arguments.")
        }
        if watch, command != .state { throw ValidationError("--watch goes with state only.") }
    }

    func run() throws {
        let answer: ControlAnswer
        do throws(ControlError) {
            var client = try target.connect()
            let words: JSONValue? = arguments.isEmpty ? nil : .array(arguments.map { .string($0) })
            answer = try watch ? watchState(&client) : client.send(ControlRequest(command, arguments: words))
        } catch {
            reportError("servartuka ctl: \(error)")
            throw ExitCode(Server.Exit.failure)
        }
        switch answer.outcome {
        case .success(let result):
            output(json ? result.prettyText + "\n" : ControlReport.text(of: result, for: command))
        case .failure(let message, let details):
            if json {
                output(answer.json.prettyText + "\n")
            } else {
                let text = ControlReport.text(ofFailure: "\(command.rawValue) refused: \(message)", details: details)
                FileHandle.standardError.write(Data(text.utf8))
            }
            throw ExitCode(Server.Exit.failure)
        }
    }

    /// Lines between two headings: about a screen.
    private static let headingInterval = 20

    /// Prints until the proxy refuses or goes; gives the refusal.
    private func watchState(_ client: inout ControlClient) throws(ControlError) -> ControlAnswer {
        var count = 0
        while true {
            let answer = try client.send(ControlRequest(.state))
            guard case .success(let result) = answer.outcome else { return answer }
            if json {
                output(result.text + "\n")
            } else {
                if count % Self.headingInterval == 0 { output(ControlReport.stateLineHeading) }
                output(ControlReport.stateLine(result))
            }
            count += 1
            sleep(1)
        }
    }
}

extension ControlRequest.Command: ExpressibleByArgument {}
