/// Where a script runs: while it is loaded, and in its hooks.
public enum ScriptPhase: UInt8, Sendable, CaseIterable {
    case load
    case onStart
    case onRequest
    case onReply
    case onBranch
    case onFailure
    case chooseStateMode
    case onTimer

    /// The global function that the script defines; for `load` what messages call it.
    public var name: String {
        switch self {
        case .load: "load"
        case .onStart: "on_start"
        case .onRequest: "on_request"
        case .onReply: "on_reply"
        case .onBranch: "on_branch"
        case .onFailure: "on_failure"
        case .chooseStateMode: "choose_state_mode"
        case .onTimer: "on_timer"
        }
    }
}

/// The phases in which something may be used.
public struct ScriptPhases: OptionSet, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    public init(_ phase: ScriptPhase) {
        self.init(rawValue: 1 << UInt16(phase.rawValue))
    }

    public static let load = ScriptPhases(.load)
    public static let onStart = ScriptPhases(.onStart)
    public static let onRequest = ScriptPhases(.onRequest)
    public static let onReply = ScriptPhases(.onReply)
    public static let onBranch = ScriptPhases(.onBranch)
    public static let onFailure = ScriptPhases(.onFailure)
    public static let chooseStateMode = ScriptPhases(.chooseStateMode)
    /// Every hook that handles a message.
    public static let handlers: ScriptPhases = [.onRequest, .onReply, .onBranch, .onFailure, .chooseStateMode]
    /// Functions given to `timer.every` and `timer.after`.
    public static let onTimer = ScriptPhases(.onTimer)
    public static let all: ScriptPhases = [.load, .onStart, .handlers, .onTimer]
}
