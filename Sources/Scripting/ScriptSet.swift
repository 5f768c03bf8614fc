/// A script as it is read from disk, with the globals it is given.
public struct ScriptSource: Sendable {
    /// What errors name.
    public var path: String
    public var text: String
    /// Such as `config`.
    public var globals: [String: ScriptValue]

    public init(path: String, text: String, globals: [String: ScriptValue] = [:]) {
        self.path = path
        self.text = text
        self.globals = globals
    }
}

/// The generations of one worker's script: the one that new requests use, and older ones whose transactions are
/// still in flight. Owned by one worker.
///
/// Reload in two steps, so that all workers can switch together or none: `prepare` compiles and runs the new
/// script in a fresh VM and touches nothing else; `activate` switches.
public final class ScriptSet {
    private let bindings: BindingTable
    private let limits: ScriptLimits
    private let host: UnsafeMutableRawPointer?
    private let events: ScriptEvents
    private let clock: (() -> UInt64)?
    private var retired: [ScriptVM] = []
    public private(set) var current: ScriptVM?
    /// Counts activations.
    public private(set) var generation = 0

    public init(
        bindings: BindingTable, limits: ScriptLimits = ScriptLimits(), host: UnsafeMutableRawPointer? = nil,
        events: ScriptEvents = ScriptEvents(), clock: (() -> UInt64)? = nil
    ) {
        self.bindings = bindings
        self.limits = limits
        self.host = host
        self.events = events
        self.clock = clock
    }

    /// A VM with the script loaded. Throws what the script did wrong; whatever runs now is not affected.
    public func prepare(_ source: ScriptSource) throws(ScriptError) -> ScriptVM {
        let vm = try ScriptVM(bindings: bindings, limits: limits, host: host, events: events, clock: clock)
        for (name, value) in source.globals { try vm.setGlobal(name, value) }
        try vm.load(source.text, path: source.path)
        return vm
    }

    /// From now on new requests use `vm`; the one before it closes when its last user has gone.
    public func activate(_ vm: ScriptVM) {
        if let old = current, old !== vm {
            old.retire()
            if !old.isClosed { retired.append(old) }
        }
        current = vm
        generation += 1
        sweep()
    }

    public func load(_ source: ScriptSource) throws(ScriptError) {
        activate(try prepare(source))
    }

    /// Drops retired generations that nobody uses any more. Cheap; call it when idle.
    public func sweep() {
        retired.removeAll { $0.closeIfUnused() }
    }

    /// Older generations with transactions in flight.
    public var retiredCount: Int { retired.count }

    /// Memory of all generations.
    public var memoryUsedBytes: Int {
        retired.reduce(current?.memoryUsedBytes ?? 0) { $0 + $1.memoryUsedBytes }
    }
}
