public import ProxyCore
internal import Reactor
internal import SIPMessage
public import StatePolicy

/// One generation of a routing script on one worker.
///
/// Made on a control thread by `load`, then handed to the worker that owns it until it goes: with the last
/// transaction that began with it, on the worker's thread.
public final class ScriptRouting: RoutingLogic {
    public let hooks: RoutingHooks
    public let dispatcher: Dispatcher?
    let vm: ScriptVM
    let host: UnsafeMutablePointer<ScriptHost>
    private var throttle = ScriptErrorThrottle()

    private init(vm: ScriptVM, host: UnsafeMutablePointer<ScriptHost>) {
        self.vm = vm
        self.host = host
        var hooks: RoutingHooks = []
        if vm.hasHook(.onReply) { hooks.insert(.onReply) }
        if vm.hasHook(.onBranch) { hooks.insert(.onBranch) }
        if vm.hasHook(.onFailure) { hooks.insert(.onFailure) }
        if vm.hasHook(.chooseStateMode) { hooks.insert(.chooseStateMode) }
        self.hooks = hooks
        let dispatcher = host.pointee.services.dispatcher
        self.dispatcher = dispatcher.isEmpty ? nil : dispatcher
    }

    deinit {
        vm.retire()
        host.pointee.deallocate()
        host.deinitialize(count: 1).deallocate()
    }

    /// Compiles and runs a script, looks its hooks up and runs its `on_start`.
    ///
    /// - Parameters:
    ///   - version: what `servartuka.version()` answers.
    ///   - services: what scripts use of the process; it stays when they are reloaded.
    ///   - lines: note which lines run of the script and its modules.
    /// - Throws: what the script did wrong, with its place.
    public static func load(
        _ source: ScriptSource, limits: ScriptLimits = ScriptLimits(), log: ScriptLog = .silent, version: String = "",
        services: ScriptServices = ScriptServices(), lines: [LineRecord] = []
    ) throws(ScriptError) -> ScriptRouting {
        let host = UnsafeMutablePointer<ScriptHost>.allocate(capacity: 1)
        host.initialize(to: ScriptHost(log: log, version: version, services: services))
        do throws(ScriptError) {
            return ScriptRouting(vm: try start(source, limits, host, lines), host: host)
        } catch {
            host.pointee.deallocate()
            host.deinitialize(count: 1).deallocate()
            throw error
        }
    }

    /// A VM whose script is loaded and has begun.
    private static func start(
        _ source: ScriptSource, _ limits: ScriptLimits, _ host: UnsafeMutablePointer<ScriptHost>, _ lines: [LineRecord]
    ) throws(ScriptError) -> ScriptVM {
        let vm = try ScriptVM(
            bindings: SIPBindings.table, limits: limits, host: UnsafeMutableRawPointer(host), events: events(host))
        for (name, value) in source.globals { try vm.setGlobal(name, value) }
        vm.setModules(source.modules)
        let names = host.pointee.services.dictionaries.map(\.name)
        try vm.setObjects(
            "shared", kind: SIPKind.dictionary.rawValue, names: names,
            hint: names.isEmpty
                ? "declare it in the configuration: shared: {NAME: 1MiB}"
                : "the configuration declares \(names.joined(separator: ", ")) under shared")
        if !lines.isEmpty { vm.record(lines) }
        try vm.load(source.text, path: source.path)
        guard vm.hasHook(.onRequest) else {
            throw ScriptError(
                file: source.path, line: 0, message: "defines no function on_request(req), so it could route nothing")
        }
        if vm.run(.onStart) != .finished { throw vm.lastError }
        return vm
    }

    private static func events(_ host: UnsafeMutablePointer<ScriptHost>) -> ScriptEvents {
        var events = ScriptEvents()
        events.printed = { host.pointee.log.write(.info, $0, callID: host.pointee.callID) }
        events.globalWritten = { host.pointee.reportGlobal($0) }
        return events
    }

    /// Memory of the VM, in bytes.
    public var memoryUsedBytes: Int { vm.memoryUsedBytes }

    /// Handlers that run or wait.
    public var runsActive: Int { vm.runsActive }

    // MARK: Hooks

    public func onRequest(_ request: RequestContext) {
        if isResting(at: request.now) {
            request.noteScriptFailure()
            _ = request.reply(code: 503)
            return
        }
        // Nothing but the removal of our own Route can be pending yet.
        let touched = request.edits.pointee.isEmpty ? 0 : HeaderName.route.touchedBit
        host.pointee.begin(request, touched: touched, keepsOriginal: false)
        conclude(request, vm.run(.onRequest, Self.requestArgument))
        host.pointee.end()
    }

    /// Sees that the request has a verdict when its handler has ended, or waits.
    func conclude(_ request: RequestContext, _ status: RunStatus) {
        switch status {
        case .finished where !host.pointee.isOverflowed:
            if request.verdict == .none { reportUndecided(request) }
        case .waiting(let run) where !host.pointee.isOverflowed:
            putAside(request, run)
        case .finished, .waiting, .failed, .killed:
            reportFailure(.onRequest, status, now: request.now)
            request.noteScriptFailure()
            discard(request, handlers: TransactionHandlers())
            _ = request.reply(code: host.pointee.isOverflowed ? 513 : 500)
        }
    }

    public func onReply(_ response: ResponseContext) {
        if isResting(at: response.now) { return response.noteScriptFailure() }
        host.pointee.begin(response)
        let status = run(response.handlers.onReply, .onReply, .object(kind: SIPKind.reply.rawValue, handle: 0))
        if status != .finished || host.pointee.isOverflowed {
            reportFailure(.onReply, status, now: response.now)
            response.noteScriptFailure()
            host.pointee.restoreOriginal()
            response.isDropped = false
        }
        host.pointee.end()
    }

    public func onBranch(_ request: RequestContext) {
        if isResting(at: request.now) { return request.noteScriptFailure() }
        // Edits of on_request may be pending on a stateless request. They stay whatever happens here; when they
        // do not fit, the core says so.
        guard request.synchronise() else { return }
        let uri = request.requestURI
        host.pointee.begin(request, touched: 0, keepsOriginal: true)
        let status = run(request.handlers.onBranch, .onBranch, Self.requestArgument)
        if status != .finished || host.pointee.isOverflowed {
            reportFailure(.onBranch, status, now: request.now)
            request.noteScriptFailure()
            // A Request-URI of on_request stays in its arena; the message's own has been put back.
            let isChanged = request.requestURI.baseAddress != uri.baseAddress
            host.pointee.restoreOriginal()
            if isChanged { _ = request.setRequestURI(uri) }
        }
        host.pointee.end()
    }

    public func onFailure(_ request: RequestContext) {
        if isResting(at: request.now) { return request.noteScriptFailure() }
        let previous = request.handlers
        host.pointee.begin(request, touched: 0, keepsOriginal: false)
        let status: RunStatus
        if previous.onFailure != 0 {
            status = vm.run(
                FunctionReference(raw: previous.onFailure), as: .onFailure,
                [Self.requestArgument, .integer(Int64(request.failureCode))])
        } else {
            status = vm.run(.onFailure, Self.requestArgument, .integer(Int64(request.failureCode)))
        }
        concludeFailure(request, status, handlers: previous)
        host.pointee.end()
    }

    /// The same for a handler that was asked what to do after a failure; `previous` are the handlers that it found.
    func concludeFailure(_ request: RequestContext, _ status: RunStatus, handlers previous: TransactionHandlers) {
        switch status {
        case .finished where !host.pointee.isOverflowed:
            if request.verdict != .relay { request.edits.pointee.removeAll() }
        case .waiting(let run) where !host.pointee.isOverflowed:
            putAside(request, run)
        case .finished, .waiting, .failed, .killed:
            reportFailure(.onFailure, status, now: request.now)
            request.noteScriptFailure()
            discard(request, handlers: previous)
        }
    }

    public func chooseStateMode(_ request: RequestContext, _ view: StateView) -> StateMode? {
        if isResting(at: request.now) {
            request.noteScriptFailure()
            return nil
        }
        host.pointee.begin(request, touched: request.edits.pointee.isEmpty ? 0 : .max, keepsOriginal: false)
        host.pointee.view = view
        host.pointee.choice = nil
        defer {
            host.pointee.view = nil
            host.pointee.end()
        }
        let status = vm.run(
            .chooseStateMode, Self.requestArgument, .object(kind: SIPKind.view.rawValue, handle: 0))
        guard status == .finished else {
            reportFailure(.chooseStateMode, status, now: request.now)
            request.noteScriptFailure()
            return host.pointee.choice
        }
        if case .bytes(let name) = vm.result(0) {
            if name.equals(UnsafeRawBufferPointer("stateful" as StaticString)) { return .stateful }
            if name.equals(UnsafeRawBufferPointer("stateless" as StaticString)) { return .stateless }
        }
        report(
            .chooseStateMode,
            ScriptError(
                file: "", line: 0,
                message: "returned something else than \"stateful\" or \"stateless\"; the policy decides"),
            now: request.now)
        request.noteScriptFailure()
        return host.pointee.choice
    }

    public func release(_ handlers: TransactionHandlers) {
        if handlers.onFailure != 0 { vm.release(FunctionReference(raw: handlers.onFailure)) }
        if handlers.onReply != 0 { vm.release(FunctionReference(raw: handlers.onReply)) }
        if handlers.onBranch != 0 { vm.release(FunctionReference(raw: handlers.onBranch)) }
    }

    private static var requestArgument: ScriptArgument { .object(kind: SIPKind.request.rawValue, handle: 0) }

    /// The function that the transaction named, or the hook.
    private func run(_ handler: Int32, _ phase: ScriptPhase, _ argument: ScriptArgument) -> RunStatus {
        guard handler != 0 else { return vm.run(phase, argument) }
        return vm.run(FunctionReference(raw: handler), as: phase, [argument])
    }

    // MARK: Failures

    /// Takes back what a handler that failed had done; `handlers` are those that were there before it.
    private func discard(_ request: RequestContext, handlers: TransactionHandlers) {
        request.edits.pointee.removeAll()
        var dropped = request.handlers
        if dropped.onFailure == handlers.onFailure { dropped.onFailure = 0 }
        if dropped.onReply == handlers.onReply { dropped.onReply = 0 }
        if dropped.onBranch == handlers.onBranch { dropped.onBranch = 0 }
        release(dropped)
        request.handlers = handlers
        request.clearVerdict()
        request.stateDemand = .auto
    }

    private func reportUndecided(_ request: RequestContext) {
        let message = "ended without relay, reply or drop; the request is answered with 500"
        report(.onRequest, ScriptError(file: "", line: 0, message: message), now: request.now)
    }

    func reportFailure(_ phase: ScriptPhase, _ status: RunStatus, now: UInt64) {
        if case .waiting(let run) = status { abandon(run.number) }
        switch status {
        case .finished, .waiting:
            report(
                phase, ScriptError(file: "", line: 0, message: "the message as edited would not fit a datagram"),
                now: now)
        case .failed:
            report(phase, vm.lastError, now: now)
        case .killed(let reason):
            report(phase, vm.lastError, now: now)
            restIfFull(after: reason, now: now)
        }
    }

    private func report(_ phase: ScriptPhase, _ error: ScriptError, now: UInt64) {
        var hasher = Hasher()
        hasher.combine(phase)
        hasher.combine(error.file)
        hasher.combine(error.line)
        hasher.combine(error.killed)
        if error.line == 0 { hasher.combine(error.message) }
        let callID = host.pointee.callID
        switch throttle.admit(hasher.finalize(), now: now) {
        case .full:
            let traceback = error.traceback.isEmpty ? "" : "\n\(error.traceback)"
            host.pointee.log.write(.error, "\(phase.name): \(error)\(traceback)", callID: callID)
        case .short(let leftOut):
            let more = leftOut > 0 ? " (\(leftOut) more since the last such line)" : ""
            host.pointee.log.write(.error, "\(phase.name): \(error)\(more)", callID: callID)
        case .leaveOut:
            break
        }
    }
}
