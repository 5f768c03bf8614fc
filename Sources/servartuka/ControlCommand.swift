public import ArgumentParser
import Foundation
public import Server

struct ControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctl", abstract: "Ask or steer a running proxy over its control socket.",
        discussion: """
            status: what runs, where, under which settings. reload: take over the script and the settings that apply \
            at once. stats: counters for people. metrics: Prometheus text. drain: finish what is in flight, then exit. \
            stop: exit at once.
            """)

    @Argument(help: "One of \(ControlRequest.Command.allCases.map(\.rawValue).joined(separator: ", ")).")
    var command: ControlRequest.Command

    @Option(
        help: """
            The proxy's control.socket; by default SERVARTUKA_CONTROL_SOCKET, then that of the configuration given \
            with --config, then \(Configuration.Control.standardSocket).
            """)
    var socket: String?

    @OptionGroup var options: ConfigurationOption

    @Flag(help: "Print the answer as JSON.")
    var json = false

    func run() throws {
        let answer: ControlAnswer
        do throws(ControlError) {
            var client = try ControlClient(path: socketPath())
            answer = try client.send(ControlRequest(command))
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

    /// The configuration of the proxy includes the environment, so loading it honours the variable too.
    private func socketPath() throws(ControlError) -> String {
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

extension ControlRequest.Command: ExpressibleByArgument {}
