public import Logging
internal import Synchronization

/// The log of one process: its writer, its format, and the level that a reload may change for every logger at once.
public final class LogOutput: Sendable {
    public let writer: LogWriter
    public let format: Configuration.LoggingOptions.Format
    private let levelIndex: Atomic<Int>

    /// - Throws: when the destination cannot be opened.
    public init(_ options: Configuration.LoggingOptions) throws(SystemError) {
        let format = options.format
        self.format = format
        levelIndex = Atomic(LogOutput.index(options.level))
        writer = try LogWriter(
            destination: LogDestination(options.destination), linesMax: options.queue,
            reopenNotice: { error in
                LogLine(
                    level: .error, message: "cannot open the log file anew, the old one is written on",
                    fields: [("error", "\(error)")]
                ).bytes(format, at: LogLine.now)
            },
            dropNotice: { count in
                LogLine(level: .warning, message: "log lines dropped", fields: [("count", String(count))])
                    .bytes(format, at: LogLine.now)
            })
    }

    public var level: Configuration.LoggingOptions.Level {
        Configuration.LoggingOptions.Level.allCases[levelIndex.load(ordering: .relaxed)]
    }

    public func setLevel(_ level: Configuration.LoggingOptions.Level) {
        levelIndex.store(LogOutput.index(level), ordering: .relaxed)
    }

    /// A logger that writes here.
    public func logger(label: String) -> Logger {
        Logger(label: label) { StructuredLogHandler(label: $0, output: self) }
    }

    private static func index(_ level: Configuration.LoggingOptions.Level) -> Int {
        Configuration.LoggingOptions.Level.allCases.firstIndex(of: level)!
    }
}

/// Formats on the caller's thread and hands the finished line to the writer; a level that is off costs one comparison.
public struct StructuredLogHandler: LogHandler {
    private let label: String
    private let output: LogOutput
    private var ownLevel: Logger.Level?
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    public init(label: String, output: LogOutput) {
        self.label = label
        self.output = output
    }

    /// The process's level unless this logger was given one of its own.
    public var logLevel: Logger.Level {
        get { ownLevel ?? Logger.Level(output.level) }
        set { ownLevel = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
        if let given = event.metadata { merged.merge(given) { $1 } }
        var fields: [(key: String, value: String)] = []
        if label != ServartukaVersion.name { fields.append(("logger", label)) }
        if let error = event.error { fields.append(("error", "\(error)")) }
        // Metadata is a dictionary: sorted, so that the same line reads the same each time.
        fields += merged.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let line = LogLine(level: .init(event.level), message: event.message.description, fields: fields)
        output.writer.write(line.bytes(output.format, at: LogLine.now))
    }
}

extension Logger.Level {
    public init(_ level: Configuration.LoggingOptions.Level) {
        switch level {
        case .trace: self = .trace
        case .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        case .critical: self = .critical
        }
    }
}

extension Configuration.LoggingOptions.Level {
    init(_ level: Logger.Level) {
        switch level {
        case .trace: self = .trace
        case .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        case .critical: self = .critical
        }
    }
}
