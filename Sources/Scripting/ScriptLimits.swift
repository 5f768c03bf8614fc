/// What a script may use. Every handler run has its own budgets; loading a script has larger ones.
public struct ScriptLimits: Sendable {
    /// Lua instructions of one handler; work of library functions that grows with their arguments counts as well.
    public var handlerInstructionsMax: UInt64 = 1_000_000
    /// Running time of one handler; time spent waiting does not count.
    public var handlerMilliseconds: UInt64 = 100
    /// Bytes by which the VM may grow while one handler runs.
    public var handlerBytesMax: Int = 8 << 20
    /// Lua instructions of loading a script.
    public var loadInstructionsMax: UInt64 = 200_000_000
    public var loadMilliseconds: UInt64 = 10_000
    /// Bytes of one VM, all handlers and globals together.
    public var vmBytesMax: Int = 64 << 20
    /// Bytes of one string.
    public var stringBytesMax: Int = 1 << 20
    /// Handlers running or waiting at once in one VM.
    public var runsMax: Int = 10_000 + nestedRunsMax
    /// Handlers that may run inside of each other, beside those that wait.
    public static let nestedRunsMax = 8

    public init() {}
}
