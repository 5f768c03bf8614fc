/// Why a handler was stopped.
public enum KillReason: UInt8, Sendable {
    case instructions = 1
    case time
    case memory
}

/// A script that does not load, or a handler that failed.
public struct ScriptError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Path of the script as it was given to the loader; empty when the error has no place.
    public var file: String
    /// From 1; 0 when the error has no place.
    public var line: Int
    /// Without the place.
    public var message: String
    /// One line a level, innermost first; empty for errors of the compiler.
    public var traceback: String
    /// Set when a budget was exceeded.
    public var killed: KillReason?

    public init(file: String, line: Int, message: String, traceback: String = "", killed: KillReason? = nil) {
        self.file = file
        self.line = line
        self.message = message
        self.traceback = traceback
        self.killed = killed
    }

    /// "routing.lua:12: message", as compilers print it.
    public var description: String {
        if file.isEmpty { return message }
        return line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)"
    }
}

/// An error that a binding raises in the script; it names the place of the call there by itself.
public struct ScriptFailure: Error, Sendable {
    public var message: String

    public init(_ message: String) {
        self.message = message
    }
}
