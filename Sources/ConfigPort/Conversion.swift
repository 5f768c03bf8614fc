/// How a configuration is to be converted.
public struct ConversionOptions: Sendable {
    public enum Dialect: String, Sendable, CaseIterable {
        case auto
        case openser
        case opensips
        case kamailio
    }

    public enum State: String, Sendable, CaseIterable {
        /// `t_relay` holds the transaction, `forward` does not.
        case exact
        /// SERvartuka's policy chooses where the script leaves the choice open.
        case auto
    }

    public var dialect = Dialect.auto
    public var state = State.exact
    /// Names that `#!ifdef` finds defined.
    public var definitions: [String] = []
    /// The script's name in the configuration that is written.
    public var scriptName = "routing.lua"

    public init() {}
}

/// What a conversion came to.
public struct Conversion: Sendable {
    /// Errors and warnings of the configuration; with an error nothing else is there.
    public var diagnostics: [SyntaxDiagnostic]
    /// The files that it is made of; places in the report count from here.
    public var files: [SourceFile]
    public var lua = ""
    public var yaml = ""
    public var report = ConversionReport()

    public var succeeded: Bool { !diagnostics.contains { $0.severity == .error } }

    /// Converts a configuration. Pure: `read` gives the bytes of files that it includes, nil for those that cannot be read.
    public init(
        path: String, bytes: [UInt8], options: ConversionOptions = ConversionOptions(),
        read: @escaping (String) -> [UInt8]?
    ) {
        let reading = Reading(path: path, bytes: bytes, definitions: options.definitions, read: read)
        diagnostics = reading.diagnostics
        files = reading.files
        guard !reading.hasErrors else { return }
        var translation = Translation(reading, options)
        translation.run()
        lua = translation.lua
        yaml = translation.yaml
        report = translation.report
    }
}
