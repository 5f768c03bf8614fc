/// `servartuka check`: the configuration, then the script that it names.
public struct CheckResult: Sendable {
    public var file: String?
    public var diagnostics: [ConfigurationDiagnostic] = []
    public var problems: [ScriptProblem] = []
    /// The script that was checked; nil when there is none or the configuration was in error already.
    public var script: String?

    public var succeeded: Bool { problems.isEmpty && !diagnostics.contains { $0.severity == .error } }

    /// Scripts and certificates are looked at only under a configuration without errors, since it says where and how they are.
    public init(path: String?, environment: [String: String], checker: any ScriptChecker) {
        file = path
        do {
            let loaded = try ConfigurationLoader.load(path: path, environment: environment)
            diagnostics = loaded.warnings
            script = loaded.configuration.script
            problems = checker.check(loaded.configuration)
        } catch {
            diagnostics = error.diagnostics
        }
    }

    /// One line for each thing found, in the form that editors and compilers share; empty when all is well.
    public var lines: [String] { diagnostics.map(\.description) + problems.map(\.description) }

    public var json: JSONValue {
        [
            "ok": .boolean(succeeded),
            "configuration": file.map { .string($0) } ?? .null,
            "script": script.map { .string($0) } ?? .null,
            "diagnostics": .array(diagnostics.map(\.json) + problems.map(\.json)),
        ]
    }
}

extension ConfigurationDiagnostic {
    fileprivate var json: JSONValue {
        var fields: [(key: String, value: JSONValue)] = [(key: "severity", value: .string(severity.rawValue))]
        switch origin {
        case .standard: break
        case .file(let name, let line, let column):
            fields += [(key: "file", value: .string(name))]
            if line > 0 { fields += [(key: "line", value: .integer(line)), (key: "column", value: .integer(column))] }
        case .environment(let variable): fields += [(key: "variable", value: .string(variable))]
        }
        if !key.isEmpty { fields += [(key: "key", value: .string(key))] }
        fields += [(key: "message", value: .string(message))]
        return .object(fields)
    }
}

extension ScriptProblem {
    fileprivate var json: JSONValue {
        ["severity": "error", "file": .string(file), "line": .integer(line), "message": .string(message)]
    }
}
