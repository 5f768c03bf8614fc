/// One line that a client of the control socket sends: `{"command":"status","id":1}`.
public struct ControlRequest: Sendable, Equatable {
    public enum Command: String, Sendable, CaseIterable {
        case status
        case reload
        case stats
        case state
        case metrics
        case location
        case dialog
        case dispatcher
        case drain
        case stop
    }

    public var command: Command
    /// Given back with the answer, so that a client may send several requests before it reads.
    public var id: JSONValue?
    /// What the command is about, for those that need to know: of `location` an object, of `dialog` and `dispatcher` a list of words.
    public var arguments: JSONValue?

    /// The arguments when they are words.
    public var words: [String] { arguments?.arrayValue?.compactMap(\.stringValue) ?? [] }

    public init(_ command: Command, id: JSONValue? = nil, arguments: JSONValue? = nil) {
        self.command = command
        self.id = id
        self.arguments = arguments
    }

    public var json: JSONValue {
        var fields: [(key: String, value: JSONValue)] = [(key: "command", value: .string(command.rawValue))]
        if let id { fields.append((key: "id", value: id)) }
        if let arguments { fields.append((key: "arguments", value: arguments)) }
        return .object(fields)
    }

    /// The request in `line`, or what to answer when there is none in it.
    static func parse(_ line: some Collection<UInt8>) -> Result<ControlRequest, ControlAnswer> {
        guard let text = String(validating: Array(line), as: UTF8.self) else {
            return .failure(ControlAnswer.failure("the request is not UTF-8 text"))
        }
        let value: JSONValue
        do {
            value = try JSONValue.parse(text)
        } catch {
            return .failure(ControlAnswer.failure("the request is not JSON: \(error)"))
        }
        let id = value["id"]
        guard let name = value["command"]?.stringValue else {
            let message = #"expected an object with a command, such as {"command":"status"}"#
            return .failure(ControlAnswer.failure(message, id: id))
        }
        guard let command = Command(rawValue: name) else {
            let names = Command.allCases.map(\.rawValue)
            let hint = nearestName(to: name, among: names).map { ", did you mean \"\($0)\"?" }
            let shown = name.prefix(64)
            return .failure(
                ControlAnswer.failure(
                    "unknown command \"\(shown)\"" + (hint ?? "; the commands are \(names.joined(separator: ", "))"),
                    id: id))
        }
        return .success(ControlRequest(command, id: id, arguments: value["arguments"]))
    }
}

/// One line back: `{"ok":true,"result":…}` or `{"ok":false,"error":{"message":…,"details":[…]}}`.
public struct ControlAnswer: Error, Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        case success(JSONValue)
        /// Details are lines for people, such as the errors of a script with file and line.
        case failure(message: String, details: [String])
    }

    public var outcome: Outcome
    public var id: JSONValue?

    public init(_ outcome: Outcome, id: JSONValue? = nil) {
        self.outcome = outcome
        self.id = id
    }

    public static func success(_ result: JSONValue) -> ControlAnswer { ControlAnswer(.success(result)) }

    public static func failure(_ message: String, details: [String] = [], id: JSONValue? = nil) -> ControlAnswer {
        ControlAnswer(.failure(message: message, details: details), id: id)
    }

    public var json: JSONValue {
        var fields: [(key: String, value: JSONValue)] = []
        if let id { fields.append((key: "id", value: id)) }
        switch outcome {
        case .success(let result):
            fields.append((key: "ok", value: true))
            fields.append((key: "result", value: result))
        case .failure(let message, let details):
            fields.append((key: "ok", value: false))
            fields.append(
                (key: "error", value: ["message": .string(message), "details": .array(details.map { .string($0) })]))
        }
        return .object(fields)
    }

    /// nil when `json` is not an answer.
    public init?(json: JSONValue) {
        id = json["id"]
        switch json["ok"]?.booleanValue {
        case true?:
            guard let result = json["result"] else { return nil }
            outcome = .success(result)
        case false?:
            guard let message = json["error"]?["message"]?.stringValue else { return nil }
            let details = json["error"]?["details"]?.arrayValue ?? []
            outcome = .failure(message: message, details: details.compactMap(\.stringValue))
        case nil: return nil
        }
    }
}
