internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// Handlers that wait: the request is held, its retransmissions are absorbed, it can be cancelled. docs/waiting.md.
extension Proxy {
    /// Payload of a waiting handler's timer; the rest is its slot.
    static let handlerTimer: UInt64 = 1 << 61

    // MARK: Beginning to wait

    /// `on_request` waits: the request gets its server transaction now.
    func putAside(key: TransactionKey, method: TransactionMethod) {
        request.stateDemand = .stateful
        request.holdReason = .mustHold
        addReceivedParameter()
        removeForeignSignals()
        if request.newRequestURI.count > 0 {
            edits.pointee.replace(message.pointee.requestURI, with: request.newRequestURI)
        }
        let server = handlers.pointee.hasRoom ? createServer(key: key, method: method) : 0
        guard server != 0 else {
            count(.handlersRefused)
            releaseHandlers()
            request.needsReceived = needsReceivedParameter(request.source)
            return _ = reject(503, "Too Many Requests Waiting", headers: "Retry-After: 1\r\n", key: key)
        }
        if settings.logsHolders { noteHolder() }
        if message.pointee.method == .invite { sendTrying(server) }
        if !enterWait(server) { failServer(server, code: 503) }
    }

    /// The context's handler waits from now on. False: there is no room, and it has been given up.
    func enterWait(_ server: UInt32) -> Bool {
        let slot = table.pointee.servers[server]
        var waiting = WaitingHandler(
            server: server, serial: 0, handler: request.handler, wait: request.state.pointee.wait,
            isFailure: request.failureCode > 0)
        waiting.generation = slot.pointee.generation
        guard let entered = enter(waiting) else { return false }
        slot.pointee.waitingHandler = entered
        return true
    }

    private func enter(_ waiting: WaitingHandler) -> UInt32? {
        let logic = generations.pointee.logic(waiting.generation)
        let slot = handlers.pointee.enter(waiting)
        guard slot != 0, setTimer(slot, now: request.now) else {
            if slot != 0 { handlers.pointee.leave(slot) }
            count(.handlersRefused)
            logic.abandon(waiting.handler)
            return nil
        }
        count(.handlersWaited)
        publishWaitingHandlers()
        logic.waits(waiting.handler, as: handlers.pointee.token(slot))
        return slot
    }

    private func setTimer(_ slot: UInt32, now: UInt64) -> Bool {
        let waiting = handlers.pointee.waiting[slot]
        switch waiting.pointee.wait {
        case .time(let milliseconds), .value(let milliseconds):
            waiting.pointee.timer = table.pointee.wheel.schedule(
                at: now &+ milliseconds, payload: Self.handlerTimer | UInt64(slot))
            return waiting.pointee.timer != 0
        case .outcome: return true
        }
    }

    private func publishWaitingHandlers() {
        counters.set(ProxyCounter.handlersWaiting.rawValue, UInt64(handlers.pointee.waiting.count))
    }

    // MARK: Going on

    /// What a handler waited for has come. On the worker's thread; without effect when the handler waits no more.
    public func wake(_ token: WaitToken, _ result: WaitResult, now: UInt64) {
        guard handlers.pointee.isCurrent(token) else { return count(.handlersWokenLate) }
        if measuresCost { meter.pointee.beginMessage(received: 0) }
        goOn(token.slot, result, now: now)
        if measuresCost { meter.pointee.end() }
    }

    func handlerTimedOut(_ slot: UInt32, now: UInt64) {
        let waiting = handlers.pointee.waiting[slot]
        waiting.pointee.timer = 0
        switch waiting.pointee.wait {
        case .time: goOn(slot, .elapsed, now: now)
        case .value: goOn(slot, .expired, now: now)
        case .outcome: goOn(slot, .answered(waiting.pointee.code), now: now)
        }
    }

    private func goOn(_ slot: UInt32, _ result: WaitResult, now: UInt64) {
        let waiting = takeOut(slot)
        let server = waiting.server
        guard server != 0 else { return goOnAnswered(waiting, result, now: now) }
        if waiting.isFailure {
            if !goOn(waiting, result, afterFailureOf: server, now: now) { sendBest(server, now: now) }
        } else {
            takeUp(server, now: now)
            let logic = generations.pointee.logic(request.generation)
            guard loadStoredRequest(server) else {
                logic.abandon(waiting.handler)
                return failServer(server, code: 500)
            }
            logic.resume(request, waiting.handler, result)
            carryOutHeld(server)
        }
    }

    /// Gives the slot of a waiting handler back.
    private func takeOut(_ slot: UInt32) -> WaitingHandler {
        let waiting = handlers.pointee.waiting[slot].pointee
        if waiting.timer != 0 { table.pointee.wheel.cancel(waiting.timer) }
        if waiting.server != 0 { table.pointee.servers[waiting.server].pointee.waitingHandler = 0 }
        handlers.pointee.leave(slot)
        publishWaitingHandlers()
        return waiting
    }

    /// Does what a handler decided in the end, or has it wait on.
    private func carryOutHeld(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        if request.isAccounted { enterAccounting(server) }
        switch request.verdict {
        case .relay: relayHeld(server)
        case .reply:
            replyStatefully(
                server, code: request.replyCode, reason: request.replyReason, headers: request.replyHeaders,
                now: request.now)
        case .drop:
            count(.requestsDropped)
            finishServer(server, .terminated)
        case .wait:
            if request.recordsRoute { slot.pointee.flags.insert(.recordRoute) }
            beginDialog(server)
            if !storeChanges(server) || !enterWait(server) { failServer(server, code: 503) }
        case .none:
            count(.requestsUndecided)
            failServer(server, code: 500)
        }
    }

    private func relayHeld(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        if request.targetCount == 0 { request.addOwnTarget() }
        request.stateDemand = .stateful
        if dialogs.isInUse { noteDialogRequest() }
        beginDialog(server)
        if request.recordsRoute { slot.pointee.flags.insert(.recordRoute) }
        slot.pointee.handlers = request.handlers
        // Held it is already; this counts it.
        _ = chooseMode()
        guard hasRoomForHeaders else {
            count(.messageOverflows)
            return failServer(server, code: 513)
        }
        count(.requestsForwardedStateful)
        guard storeChanges(server) else { return failServer(server, code: 503) }
        if request.handler != 0, !enterWait(server) { return failServer(server, code: 503) }
        forwardBranches(server)
    }

    // MARK: After failures

    /// A handler that waited for the outcome of its relay learns of the failure. False: it leaves it at that.
    func goOnAfterFailure(_ server: UInt32, now: UInt64) -> Bool {
        let slot = table.pointee.servers[server]
        let waiting = takeOut(slot.pointee.waitingHandler)
        return goOn(waiting, .answered(Int(slot.pointee.bestCode)), afterFailureOf: server, now: now)
    }

    private func goOn(
        _ waiting: WaitingHandler, _ result: WaitResult, afterFailureOf server: UInt32, now: UInt64
    ) -> Bool {
        let slot = table.pointee.servers[server]
        takeUp(server, now: now)
        request.failureCode = Int(slot.pointee.bestCode)
        let logic = generations.pointee.logic(request.generation)
        guard loadStoredRequest(server) else {
            logic.abandon(waiting.handler)
            return false
        }
        let previous = request.handlers
        logic.resume(request, waiting.handler, result)
        return carryOutAfterFailure(server, previous: previous, logic: logic, now: now)
    }

    // MARK: After the final response

    /// The final response has gone upstream: who waited for it learns of it when the call is done with; the others are
    /// given up.
    func leaveHandler(_ server: UInt32, code: Int) {
        let slot = table.pointee.servers[server]
        let waiting = handlers.pointee.waiting[slot.pointee.waitingHandler]
        guard case .outcome = waiting.pointee.wait, !slot.pointee.request.isNone else { return abandonHandler(server) }
        // Not from in here: what calls is not done with the message at hand.
        waiting.pointee.timer = table.pointee.wheel.schedule(
            at: table.pointee.latestTime, payload: Self.handlerTimer | UInt64(slot.pointee.waitingHandler))
        guard waiting.pointee.timer != 0 else { return abandonHandler(server) }
        waiting.pointee.server = 0
        waiting.pointee.code = code
        waiting.pointee.request = slot.pointee.request
        waiting.pointee.source = slot.pointee.source
        waiting.pointee.listener = Int(slot.pointee.listener)
        generations.pointee.retain(slot.pointee.generation)
        slot.pointee.request = .none
        slot.pointee.waitingHandler = 0
    }

    /// Nothing of the handler runs any more.
    func abandonHandler(_ server: UInt32) {
        let waiting = takeOut(table.pointee.servers[server].pointee.waitingHandler)
        generations.pointee.logic(waiting.generation).abandon(waiting.handler)
    }

    /// A handler runs on behind its request. It may read it and wait again.
    private func goOnAnswered(_ waiting: WaitingHandler, _ result: WaitResult, now: UInt64) {
        var waiting = waiting
        request.begin(source: waiting.source, listener: waiting.listener, now: now)
        request.generation = waiting.generation
        request.state.pointee.answeredCode = waiting.code
        let logic = generations.pointee.logic(waiting.generation)
        if case .complete = message.pointee.parse(waiting.request.bytes, as: .datagram) {
            logic.resume(request, waiting.handler, result)
        } else {
            logic.abandon(waiting.handler)
        }
        if request.verdict == .wait {
            var next = WaitingHandler(
                server: 0, serial: 0, handler: request.handler, wait: request.state.pointee.wait, isFailure: false)
            (next.request, next.source, next.listener) = (waiting.request, waiting.source, waiting.listener)
            (next.generation, next.code) = (waiting.generation, waiting.code)
            if enter(next) != nil { return }
        }
        table.pointee.buffers.give(back: &waiting.request)
        generations.pointee.release(waiting.generation)
    }
}
