internal import CLuaShim

/// What a hook or function is started with.
public enum ScriptArgument {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    /// Copied when the handler starts.
    case bytes(UnsafeRawBufferPointer)
    /// An object; it ends with the handler.
    case object(kind: UInt8, handle: UInt64)

    @inline(__always) var lowered: sv_value {
        switch self {
        case .null: .null
        case .boolean(let flag): .boolean(flag)
        case .integer(let integer): .integer(integer)
        case .number(let number): .number(number)
        case .bytes(let bytes): .bytes(bytes)
        case .object(let kind, let handle): .object(kind: kind, part: 0, handle: handle)
        }
    }
}

/// What a handler returned. Bytes live until the next call of any method of the VM.
public enum ScriptResult {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case bytes(UnsafeRawBufferPointer)
    /// A table, function, object or coroutine.
    case other
}

public enum RunStatus: Equatable, Sendable {
    /// See `ScriptVM.result`.
    case finished
    /// Goes on with `ScriptVM.resume`.
    case waiting(RunIdentifier)
    /// See `ScriptVM.lastError`.
    case failed
    /// A budget was exceeded; see `ScriptVM.lastError`.
    case killed(KillReason)
}

/// One Lua VM with one generation of a script. Belongs to one worker and is used on its thread only; it may be
/// made elsewhere and handed over.
public final class ScriptVM {
    public let bindings: BindingTable
    public let limits: ScriptLimits
    /// Nil once closed. Behind a pointer, so that runs reach it without exclusivity checks.
    private let slot: UnsafeMutablePointer<OpaquePointer?>
    private var raw: OpaquePointer? {
        get { slot.pointee }
        set { slot.pointee = newValue }
    }
    private let context: UnsafeMutablePointer<ScriptContext>
    private let modules = ModuleTexts()
    private var script = ""
    private var lines: [LineRecord] = []
    private var lineTable: UnsafeMutablePointer<sv_line_record>?
    public private(set) var isRetired = false

    /// `host` is handed to every binding. `clock` gives monotonic nanoseconds; without one the system's is read.
    /// Throws when memory does not suffice.
    public init(
        bindings: BindingTable, limits: ScriptLimits = ScriptLimits(), host: UnsafeMutableRawPointer? = nil,
        events: ScriptEvents = ScriptEvents(), clock: (() -> UInt64)? = nil
    ) throws(ScriptError) {
        self.bindings = bindings
        self.limits = limits
        slot = .allocate(capacity: 1)
        slot.initialize(to: nil)
        context = .allocate(capacity: 1)
        context.initialize(
            to: ScriptContext(
                bodies: bindings.bodies.baseAddress ?? UnsafeMutablePointer(bitPattern: 16)!,
                bodyCount: UInt32(bindings.bodies.count), host: host, events: events, clock: clock))
        var configuration = sv_configuration()
        configuration.limits = limits.lowered
        configuration.kinds = UnsafePointer(bindings.kindGroups.baseAddress)
        configuration.kindCount = UInt32(bindings.kindGroups.count)
        configuration.namespaces = UnsafePointer(bindings.namespaceGroups.baseAddress)
        configuration.namespaceCount = UInt32(bindings.namespaceGroups.count)
        configuration.phases = UnsafePointer(bindings.phaseNames.baseAddress)
        configuration.phaseCount = UInt32(bindings.phaseNames.count)
        configuration.call = dispatchCall
        configuration.clock = clock == nil ? nil : readClock
        configuration.context = UnsafeMutableRawPointer(context)
        raw = sv_create(&configuration)
        if raw == nil {
            throw ScriptError(file: "", line: 0, message: "no memory for a Lua VM (limit \(limits.vmBytesMax) bytes)")
        }
    }

    deinit {
        if let raw { sv_close(raw) }
        lineTable?.deallocate()
        slot.deallocate()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    private var vm: OpaquePointer {
        guard let raw else { preconditionFailure("a closed VM is used") }
        return raw
    }

    // ---- Loading ----

    /// Sets a global of the script, such as `config`. Before `load`.
    public func setGlobal(_ name: String, _ value: ScriptValue) throws(ScriptError) {
        var arena = ScratchArena()
        var lowered = arena.lower(value)
        if sv_set_global(vm, name, &lowered) == 0 {
            throw ScriptError(
                file: "", line: 0, message: "cannot set the global \(name): too large or nested too deeply")
        }
    }

    /// Sets what `require` finds beside the modules of the program. Once, before `load`.
    public func setModules(_ modules: [ScriptModule]) {
        self.modules.fill(modules)
        sv_set_modules(vm, self.modules.table, UInt32(modules.count))
    }

    /// Sets a global table of objects of one kind, by name; their handles are their places in `names`. Before `load`.
    ///
    /// - Parameter hint: ends the error for names that are not there: what to write, and where.
    public func setObjects(
        _ table: String, kind: UInt8, names: [String], hint: String
    ) throws(ScriptError) {
        var arena = ScratchArena()
        let objects = names.enumerated().map { index, name in
            var object = sv_named_object()
            object.name = arena.cString(name)
            object.handle = UInt64(index)
            object.kind = kind
            return object
        }
        guard sv_set_objects(vm, table, hint, objects, Int32(clamping: objects.count)) != 0 else {
            throw ScriptError(file: "", line: 0, message: "no memory for \(table)")
        }
    }

    /// Notes which lines of scripts and modules run. Once, before `load`.
    public func record(_ lines: [LineRecord]) {
        precondition(lineTable == nil, "lines are recorded once")
        self.lines = lines
        let table = UnsafeMutablePointer<sv_line_record>.allocate(capacity: max(lines.count, 1))
        for (index, record) in lines.enumerated() {
            (table + index).initialize(
                to: sv_line_record(
                    chunkName: record.chunkName, lines: record.lines.baseAddress, count: record.lines.count))
        }
        lineTable = table
        sv_record_lines(vm, table, UInt32(lines.count))
    }

    /// Compiles and runs a script and looks its hooks up. `path` is what errors name.
    public func load(_ text: String, path: String) throws(ScriptError) {
        script = path
        var text = text
        let status = text.withUTF8 { sv_load(vm, $0.baseAddress, $0.count, "@" + path) }
        if status != Int32(SV_FINISHED) { throw lastError }
    }

    public func hasHook(_ phase: ScriptPhase) -> Bool { sv_has_hook(vm, UInt32(phase.rawValue)) != 0 }

    // ---- Running ----

    /// Runs a hook; one that the script does not define finishes without results.
    public func run(_ phase: ScriptPhase) -> RunStatus {
        status(sv_run_hook(vm, UInt32(phase.rawValue), nil, 0))
    }

    public func run(_ phase: ScriptPhase, _ argument: ScriptArgument) -> RunStatus {
        var value = argument.lowered
        return status(sv_run_hook(vm, UInt32(phase.rawValue), &value, 1))
    }

    public func run(_ phase: ScriptPhase, _ first: ScriptArgument, _ second: ScriptArgument) -> RunStatus {
        withUnsafeTemporaryAllocation(of: sv_value.self, capacity: 2) { values in
            values.initializeElement(at: 0, to: first.lowered)
            values.initializeElement(at: 1, to: second.lowered)
            return status(sv_run_hook(vm, UInt32(phase.rawValue), values.baseAddress, 2))
        }
    }

    /// Runs a function that a call kept. `phase` decides what it may use.
    public func run(
        _ function: FunctionReference, as phase: ScriptPhase, _ arguments: [ScriptArgument]
    ) -> RunStatus {
        let values = arguments.map(\.lowered)
        return status(sv_run_function(vm, function.raw, UInt32(phase.rawValue), values, Int32(clamping: values.count)))
    }

    /// Goes on with a handler that waits; `results` are what the waiting call returns.
    public func resume(_ run: RunIdentifier, _ results: [ScriptArgument] = []) -> RunStatus {
        let values = results.map(\.lowered)
        return status(
            sv_resume(
                vm, run.index, run.generation, Int32(SV_STATUS_OK), values, Int32(clamping: values.count)))
    }

    /// The same with results of any shape.
    public func resume(_ run: RunIdentifier, values: [ScriptValue]) -> RunStatus {
        var arena = ScratchArena()
        let lowered = values.map { arena.lower($0) }
        defer { arena.reset() }
        return status(
            sv_resume(
                vm, run.index, run.generation, Int32(SV_STATUS_OK), lowered, Int32(clamping: lowered.count)))
    }

    /// Goes on with a handler that waits, with an error raised in it.
    public func resume(_ run: RunIdentifier, failure: ScriptFailure) -> RunStatus {
        var message = failure.message
        return message.withUTF8 { utf8 in
            var value = sv_value.bytes(UnsafeRawBufferPointer(utf8))
            return status(sv_resume(vm, run.index, run.generation, Int32(SV_STATUS_ERROR), &value, 1))
        }
    }

    /// Gives a waiting handler up: nothing of it runs any more, not even its `__close`.
    public func abandon(_ run: RunIdentifier) {
        sv_abandon(vm, run.index, run.generation)
        closeIfUnused()
    }

    public func release(_ function: FunctionReference) {
        if let raw { sv_release_function(raw, function.raw) }
    }

    private func status(_ code: Int32) -> RunStatus {
        let outcome = sv_last_outcome(vm)!
        switch Int(code) {
        case SV_FINISHED: return .finished
        case SV_WAITING:
            return .waiting(RunIdentifier(index: outcome.pointee.run, generation: outcome.pointee.generation))
        case SV_KILLED: return .killed(KillReason(rawValue: outcome.pointee.reason) ?? .memory)
        default: return .failed
        }
    }

    // ---- What the last run came to ----

    public var resultCount: Int { Int(sv_last_outcome(vm).pointee.resultCount) }

    /// A value the last handler returned; null past the last one. Only the first four are kept.
    public func result(_ index: Int) -> ScriptResult {
        let outcome = sv_last_outcome(vm)!
        guard index >= 0, index < Int(outcome.pointee.resultCount) else { return .null }
        let value = sv_outcome_result(outcome, Int32(index)).pointee
        switch Int(value.type) {
        case SV_NIL: return .null
        case SV_BOOLEAN: return .boolean(value.integer != 0)
        case SV_INTEGER: return .integer(value.integer)
        case SV_NUMBER: return .number(value.number)
        case SV_BYTES: return .bytes(value.buffer)
        default: return .other
        }
    }

    /// Why the last run or load failed or was killed.
    public var lastError: ScriptError {
        let outcome = sv_last_outcome(vm)!
        let text = String(cString: sv_outcome_message(outcome))
        let traceback = String(cString: sv_outcome_traceback(outcome))
        let file = String(cString: sv_outcome_file(outcome))
        var error = ScriptError(file: file, line: Int(outcome.pointee.line), message: text, traceback: traceback)
        error.killed = outcome.pointee.status == UInt8(SV_KILLED) ? KillReason(rawValue: outcome.pointee.reason) : nil
        if let place = ErrorPlace(text) {
            // The compiler shortens long paths at the front.
            error.file = script.hasSuffix(place.file.drop { $0 == "." }) ? script : place.file
            error.line = place.line
            error.message = place.message
        }
        return error
    }

    // ---- Life ----

    /// Nothing new will run; the VM closes when no handler runs or waits any more.
    public func retire() {
        isRetired = true
        closeIfUnused()
    }

    /// Closes a retired VM without handlers that run or wait. Inside of a run it does nothing; the owner calls it again later.
    @discardableResult public func closeIfUnused() -> Bool {
        guard let raw else { return true }
        guard isRetired, sv_runs_active(raw) == 0, sv_is_running(raw) == 0 else { return false }
        self.raw = nil
        sv_close(raw)
        return true
    }

    public var isClosed: Bool { raw == nil }

    // ---- Figures ----

    public var memoryUsedBytes: Int { raw.map { sv_memory_used($0) } ?? 0 }
    public var runsActive: Int { raw.map { Int(sv_runs_active($0)) } ?? 0 }
    /// Coroutines ever made for handlers: in steady state this stands still.
    public var threadsMade: Int { raw.map { Int(sv_runs_created($0)) } ?? 0 }
    public var objectsLive: Int { raw.map { Int(sv_objects_live($0)) } ?? 0 }

    /// A full garbage collection; for tests and idle moments.
    public func collectGarbage() { sv_collect(vm) }

    /// Asks the C library to give freed pages back to the system.
    public static func trimMemory() { sv_trim() }
}

/// "file:12: message" taken apart.
private struct ErrorPlace {
    var file: String
    var line: Int
    var message: String

    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return nil }
        var end = colon + 1
        var line = 0
        while end < bytes.count, end - colon <= 9, bytes[end] >= UInt8(ascii: "0"), bytes[end] <= UInt8(ascii: "9") {
            line = line * 10 + Int(bytes[end] - UInt8(ascii: "0"))
            end += 1
        }
        guard line > 0, end + 1 < bytes.count, bytes[end] == UInt8(ascii: ":"), bytes[end + 1] == UInt8(ascii: " ")
        else {
            return nil
        }
        self.file = String(decoding: bytes[..<colon], as: UTF8.self)
        self.line = line
        self.message = String(decoding: bytes[(end + 2)...], as: UTF8.self)
    }
}

extension ScriptLimits {
    var lowered: sv_limits {
        var limits = sv_limits()
        limits.handlerInstructionsMax = handlerInstructionsMax
        limits.handlerNanosecondsMax = handlerMilliseconds.saturatingNanoseconds
        limits.handlerBytesMax = max(handlerBytesMax, 0)
        limits.loadInstructionsMax = loadInstructionsMax
        limits.loadNanosecondsMax = loadMilliseconds.saturatingNanoseconds
        limits.vmBytesMax = max(vmBytesMax, 0)
        limits.stringBytesMax = max(stringBytesMax, 0)
        limits.runsMax = UInt32(clamping: runsMax)
        return limits
    }
}

extension UInt64 {
    fileprivate var saturatingNanoseconds: UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .max : product
    }
}
