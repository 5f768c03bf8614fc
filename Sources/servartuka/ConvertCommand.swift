import ArgumentParser
import ConfigPort
import Foundation

/// The values of options, as they are written.
enum DialectOption: String, ExpressibleByArgument, CaseIterable {
    case auto, openser, opensips, kamailio

    var value: ConversionOptions.Dialect {
        switch self {
        case .auto: .auto
        case .openser: .openser
        case .opensips: .opensips
        case .kamailio: .kamailio
        }
    }
}

enum StateOption: String, ExpressibleByArgument, CaseIterable {
    case exact, auto

    var value: ConversionOptions.State {
        switch self {
        case .exact: .exact
        case .auto: .auto
        }
    }
}

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert", abstract: "Convert a configuration of OpenSER, OpenSIPS or Kamailio.",
        discussion:
            "Writes a routing script in Lua, a configuration in YAML and, to standard error, what differs and what is missing. Exits with 1 when the file cannot be read, and with 3 under --strict when something has no counterpart."
    )

    @Argument(help: "The configuration to convert.")
    var file: String

    @Option(name: .shortAndLong, help: "Where to write the script.")
    var output = "routing.lua"

    @Option(help: "Where to write the configuration.")
    var config = "servartuka.yaml"

    @Option(help: "Where to write the report as JSON.")
    var report: String?

    @Option(help: "What the file is written for.")
    var dialect = DialectOption.auto

    @Option(
        help: "exact: t_relay keeps its transaction here; auto: the state policy chooses where the script allows it.")
    var state = StateOption.exact

    @Option(name: [.customShort("D"), .long], help: "A name that #!ifdef finds defined; may be repeated.")
    var define: [String] = []

    @Flag(help: "Exit with 3 when something has no counterpart.")
    var strict = false

    @Flag(help: "Write over files that are there.")
    var force = false

    func run() throws {
        guard let bytes = Self.read(file) else {
            reportError("\(file): cannot be read")
            throw ExitCode(1)
        }
        var options = ConversionOptions()
        options.dialect = dialect.value
        options.state = state.value
        options.definitions = define
        options.scriptName = scriptName
        let conversion = Conversion(path: file, bytes: bytes, options: options, read: Self.read)
        for diagnostic in conversion.diagnostics { reportError(diagnostic.description) }
        guard conversion.succeeded else { throw ExitCode(1) }
        try write(conversion.lua, to: output)
        try write(conversion.yaml, to: config)
        if let report { try write(conversion.report.json(conversion.files), to: report) }
        FileHandle.standardError.write(Data(conversion.report.text(conversion.files).utf8))
        if strict, conversion.report.hasUnsupported { throw ExitCode(3) }
    }

    /// The script as the configuration names it: relative to its folder.
    private var scriptName: String {
        let script = URL(fileURLWithPath: output)
        let folder = URL(fileURLWithPath: config).deletingLastPathComponent()
        return script.deletingLastPathComponent().path == folder.path ? script.lastPathComponent : script.path
    }

    private func write(_ text: String, to path: String) throws {
        if !force, FileManager.default.fileExists(atPath: path) {
            reportError("\(path) is there already; --force writes over it")
            throw ExitCode(1)
        }
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            reportError("\(path): \(error.localizedDescription)")
            throw ExitCode(1)
        }
    }

    private static func read(_ path: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(fileURLWithPath: path))).map { [UInt8]($0) }
    }
}
