internal import Reactor
internal import SIPMessage
internal import SIPTransaction
internal import StatePolicy

// Forwarding by the verdict `relay`: who keeps the state, then one branch or several.
extension Proxy {
    func relay(key: TransactionKey, method: TransactionMethod) {
        if request.targetCount == 0 { request.addOwnTarget() }
        if dialogs.isInUse { noteDialogRequest() }
        guard hasRoomForHeaders else {
            // With ours it would be more than we could read when an answer comes.
            count(.messageOverflows)
            releaseHandlers()
            return _ = reject(513, "Message Too Large", key: key)
        }
        let pending = pendingName()
        if pending == .refused {
            releaseHandlers()
            return _ = reject(503, "Name Lookup Limit Reached", headers: "Retry-After: 1\r\n", key: key)
        }
        switch chooseMode() {
        case .stateless where pending == .none:
            releaseHandlers()
            forwardStatelessly(key: key)
        case .stateless where message.pointee.method == .ack || message.pointee.method == .cancel:
            // Neither has a transaction that could wait here. Both come again: the ACK with the next 2xx (RFC 3261
            // §13.2.2.4), the CANCEL by its own Timer E.
            releaseHandlers()
            count(.requestsDroppedUnresolved)
        case .stateless, .stateful:
            // Who waits must hold: retransmissions are absorbed meanwhile.
            forwardStatefully(key: key, method: method)
        }
    }

    /// Via, Max-Forwards, two Record-Routes and a Route.
    private static let headersAddedMax = 5

    var hasRoomForHeaders: Bool { message.pointee.headerCount + Self.headersAddedMax <= SIPMessage.headersMax }

    func chooseMode() -> StateMode {
        let sipMethod = message.pointee.method
        // An ACK is no transaction (§17); a CANCEL without its INVITE here goes after it as it is (§16.10).
        if sipMethod == .ack || sipMethod == .cancel { return .stateless }
        if sharesState, !request.source.transport.isReliable { return chooseAmongNeighbours() }
        if request.stateDemand == .stateless, !needsState { return .stateless }
        if request.source.transport.isReliable {
            // The connection that the response goes back by is known to the server transaction only.
            request.holdReason = .mustHold
            return .stateful
        }
        if mustHold {
            noteMustHold()
            request.holdReason = .mustHold
            return .stateful
        }
        let logic = generations.pointee.logic(request.generation)
        request.holdReason = .exit
        if let fixedMode, !logic.hooks.contains(.chooseStateMode) { return fixedMode }
        return ask(logic, StateRequest(callHash: callHash()))
    }

    /// Several targets, handlers or a time limit of its own, a tracked dialog, accounting, or the script's word: no other proxy
    /// could do it.
    var mustHold: Bool {
        request.stateDemand == .stateful || request.targetCount > 1 || request.answerMilliseconds > 0
            || !request.handlers.isEmpty || request.handler != 0 || needsState
    }

    /// Begins a tracked dialog, or may change or end one.
    var holdsForDialog: Bool { request.isDrafting || request.isInDialog }

    /// What is noted of the request or its dialog comes with its answer.
    var needsState: Bool { holdsForDialog || request.isAccounted }

    // MARK: RFC 3261 §16.11

    private func forwardStatelessly(key: TransactionKey) {
        var target = request.target(0)
        guard runStatelessBranchHook(&target) else { return _ = reject(513, "Message Too Large", key: key) }
        guard let departure = departure(of: target) else {
            if request.pendingName != .none {
                return _ = reject(503, "Name Lookup Pending", headers: "Retry-After: 1\r\n", key: key)
            }
            // §16.9: as if a 503 had come, which goes upstream as 500 (§16.7 step 6).
            return _ = reject(500, "Unresolvable Destination", key: key)
        }
        if request.leavesDialogToHolder { request.dialogMark = .elsewhere }
        let branch = Branch(hash: key.high, loopHash: request.loopHash, index: 0)
        let origin = origin(listener: request.listener, target: responseTarget(of: request.source))
        addReceivedParameter()
        removeForeignSignals()
        addForwardingEdits(
            target: target, departure: departure, branch: branch, origin: origin,
            marker: request.marker == .held ? .held : .open)
        guard transmitEdited(to: departure.destination, listener: departure.listener) else {
            edits.pointee.removeAll()
            request.needsReceived = needsReceivedParameter(request.source)
            return _ = reject(513, "Message Too Large", key: key)
        }
        count(.requestsForwardedStateless)
    }

    /// Runs `on_branch` for a stateless request. False: its edits do not fit.
    private func runStatelessBranchHook(_ target: inout Target) -> Bool {
        let logic = generations.pointee.logic(request.generation)
        if logic.hooks.contains(.onBranch) { runBranchHook(logic, &target) }
        return !edits.pointee.overflowed
    }

    /// Runs `on_branch` with the branch's own Request-URI in place, which the handler may replace.
    private func runBranchHook(_ logic: any RoutingLogic, _ target: inout Target) {
        let previous = request.newRequestURI
        if target.uri.count > 0 { request.newRequestURI = target.uri }
        logic.onBranch(request)
        target.uri = request.newRequestURI
        request.newRequestURI = previous
    }

    // MARK: RFC 3261 §16.2

    private func forwardStatefully(key: TransactionKey, method: TransactionMethod) {
        addReceivedParameter()
        removeForeignSignals()
        let changesURI = request.newRequestURI.count > 0
        if changesURI {
            edits.pointee.replace(message.pointee.requestURI, with: request.newRequestURI)
            request.isRequestURIEdited = true
        }
        let server = createServer(key: key, method: method)
        guard server != 0 else {
            // Within a dialog the call matters more than what is known of it.
            let mayGoStateless = (request.isInDialog || !mustHold) && mayGoWithoutHolder
            releaseHandlers()
            if mayGoStateless {
                endDialogUnheld()
                if request.isAccounted { count(.accountingUnheld) }
                // No room for state, and nobody insists on it: the call goes on all the same.
                return forwardStatelessly(key: key)
            }
            request.needsReceived = needsReceivedParameter(request.source)
            return _ = reject(503, "Transaction Limit Reached", headers: "Retry-After: 1\r\n", key: key)
        }
        count(.requestsForwardedStateful)
        if settings.logsHolders { noteHolder() }
        if message.pointee.method == .invite { sendTrying(server) }
        if request.handler != 0, !enterWait(server) { return failServer(server, code: 503) }
        let logic = generations.pointee.logic(request.generation)
        if request.targetCount > 1 || changesURI || runsBranchHook(logic) {
            // Each branch starts from the request as the script left it.
            request.newRequestURI = UnsafeRawBufferPointer(start: nil, count: 0)
            request.isRequestURIEdited = false
            guard loadStoredRequest(server) else { return failServer(server, code: 500) }
        }
        forwardBranches(server)
    }

    /// Stores the request with the edits so far and enters its server transaction. 0: a limit was reached.
    func createServer(key: TransactionKey, method: TransactionMethod) -> UInt32 {
        let isInvite = message.pointee.method == .invite
        let reliability: Reliability = request.source.transport.isReliable ? .reliable : .unreliable
        var slot = ServerSlot(
            key: key, method: method,
            machine: isInvite
                ? .invite(InviteServerTransaction(reliability: reliability))
                : .other(NonInviteServerTransaction(reliability: reliability)),
            source: request.source, responseTarget: responseTarget(of: request.source),
            listener: UInt8(request.listener), loopHash: request.loopHash, generation: request.generation)
        slot.flow = request.flow
        slot.upstream = Int16(truncatingIfNeeded: request.upstream)
        slot.handlers = request.handlers
        if request.recordsRoute { slot.flags.insert(.recordRoute) }
        if request.wasRoutedHere { slot.flags.insert(.routedHere) }
        slot.request = storeEdited()
        guard !slot.request.isNone else { return 0 }
        let server = table.pointee.insertServer(slot)
        guard server != 0 else {
            table.pointee.buffers.give(back: &slot.request)
            count(.transactionsRefused)
            return 0
        }
        beginDialog(server)
        if request.isAccounted { enterAccounting(server) }
        meter.pointee.touchedState()
        publishServerCount()
        counters.add(ProxyCounter.requestsOpen.rawValue)
        generations.pointee.retain(request.generation)
        count(.transactionsCreated)
        return server
    }

    /// The current message with its edits, in a block of its own. None: no memory, or it does not fit.
    func storeEdited() -> PooledBuffer {
        guard !edits.pointee.overflowed else {
            count(.messageOverflows)
            return .none
        }
        var buffer = takeBlock(edits.pointee.serialisedCount(message.pointee))
        guard !buffer.isNone else { return .none }
        let written = edits.pointee.serialise(message.pointee, into: table.pointee.buffers.room(of: buffer))
        guard written > 0 else {
            count(.messageOverflows)
            table.pointee.buffers.give(back: &buffer)
            return .none
        }
        buffer.count = UInt32(written)
        return buffer
    }

    /// A block of the pool, refusals counted.
    func takeBlock(_ capacity: Int) -> PooledBuffer {
        let slabBytes = table.pointee.buffers.slabBytesInUse
        let buffer = table.pointee.buffers.take(capacity)
        if buffer.isNone { count(.transactionMemoryRefused) }
        if table.pointee.buffers.slabBytesInUse != slabBytes {
            counters.set(ProxyCounter.transactionMemoryBytes.rawValue, UInt64(table.pointee.buffers.slabBytesInUse))
        }
        return buffer
    }

    /// A block of the pool holding a copy of `bytes`, refusals counted.
    func takeBlock(copying bytes: UnsafeRawBufferPointer) -> PooledBuffer {
        var buffer = takeBlock(bytes.count)
        guard let start = buffer.start else { return .none }
        if let source = bytes.baseAddress { start.copyMemory(from: source, byteCount: bytes.count) }
        buffer.count = UInt32(bytes.count)
        return buffer
    }

    /// Makes the stored request the current message, without edits.
    func loadStoredRequest(_ server: UInt32) -> Bool {
        edits.pointee.removeAll()
        request.routesRemoved = 0
        request.needsReceived = false
        let slot = table.pointee.servers[server]
        guard !slot.pointee.request.isNone,
            case .complete = message.pointee.parse(slot.pointee.request.bytes, as: .datagram)
        else { return false }
        return true
    }

    /// Sends a branch to each target of the context, or to the first of them by their order. With none left standing
    /// the next ones' turn comes, or the best response goes up.
    func forwardBranches(_ server: UInt32) {
        let logic = generations.pointee.logic(request.generation)
        let runsHook = runsBranchHook(logic)
        let targetCount = putLaterTargetsAside(server)
        for index in 0..<targetCount {
            var target = request.target(index)
            if runsHook { runBranchHook(logic, &target) }
            forwardBranch(server, to: target)
            // The next branch starts afresh; the last one's edits are not needed any more.
            if index + 1 < targetCount {
                guard loadStoredRequest(server) else { break }
            }
        }
        if table.pointee.servers[server].pointee.pendingCount == 0 { finishContext(server) }
    }

    func runsBranchHook(_ logic: any RoutingLogic) -> Bool {
        logic.hooks.contains(.onBranch) || request.handlers.onBranch != 0
    }

    private func forwardBranch(_ server: UInt32, to target: Target) {
        let slot = table.pointee.servers[server]
        guard Int(slot.pointee.branchCount) < min(settings.limits.branchesMax, Branch.branchesMax) else {
            count(.branchesRefused)
            return
        }
        // Counted before anything can go wrong: a failure handler that names unreachable targets for ever comes to
        // its end here as well.
        let index = UInt8(slot.pointee.branchCount)
        slot.pointee.branchCount += 1
        sendBranch(server, to: target, index: index)
    }

    /// Sends the current message as a branch, or has it wait for its name.
    func sendBranch(_ server: UInt32, to target: Target, index: UInt8) {
        let slot = table.pointee.servers[server]
        guard let departure = departure(of: target) else {
            if case .lookedUp(let entry) = request.pendingName {
                return waitForName(entry, server: server, to: target, index: index)
            }
            // §16.9: a transport failure counts as a 503.
            slot.pointee.flags.insert(.unresolved)
            return considerLocal(server, code: 503)
        }
        let branch = Branch(hash: slot.pointee.key.high, loopHash: slot.pointee.loopHash, index: index)
        let origin = origin(listener: Int(slot.pointee.listener), target: slot.pointee.responseTarget)
        addForwardingEdits(
            target: target, departure: departure, branch: branch, origin: origin, marker: .held)
        let bytes = storeEdited()
        guard !bytes.isNone else {
            let fits = !edits.pointee.overflowed && edits.pointee.serialisedCount(message.pointee) <= datagramBytesMax
            return considerLocal(server, code: fits ? 503 : 513)
        }
        let client = createClient(
            server: server, key: ClientKey(branch, slot.pointee.method), isInvite: slot.pointee.machine.isInvite,
            departure: departure, request: bytes, now: request.now, answerMilliseconds: request.answerMilliseconds)
        guard client != 0 else { return considerLocal(server, code: 503) }
        slot.pointee.pendingCount += 1
        count(.branchesForwarded)
        if slot.pointee.accounting != nil { noteNextHop(server, departure.destination) }
        table.pointee.recentSends.note(client: client)
        transmit(bytes.bytes, to: departure.destination, listener: departure.listener, client: client)
    }

    /// Enters a client transaction that owns `request`. 0: a limit was reached, and the block is given back.
    func createClient(
        server: UInt32, key: ClientKey, isInvite: Bool, departure: Departure, request: PooledBuffer, now: UInt64,
        answerMilliseconds: UInt32 = 0
    ) -> UInt32 {
        let reliability: Reliability = departure.destination.transport.isReliable ? .reliable : .unreliable
        var slot = ClientSlot(
            key: key,
            machine: isInvite
                ? .invite(InviteClientTransaction(reliability: reliability, timers: settings.timers, now: now))
                : .other(NonInviteClientTransaction(reliability: reliability, timers: settings.timers, now: now)),
            destination: departure.destination, listener: UInt8(departure.listener), server: server)
        slot.request = request
        if answerMilliseconds > 0 {
            slot.giveUpAt = now &+ UInt64(answerMilliseconds)
            slot.flags.insert(.awaitsAnswer)
        } else if isInvite {
            slot.giveUpAt = now &+ settings.limits.timerCMilliseconds
        }
        let client = table.pointee.insertClient(slot)
        guard client != 0 else {
            table.pointee.buffers.give(back: &slot.request)
            count(.transactionsRefused)
            return 0
        }
        guard table.pointee.armClient(client) else {
            count(.timersRefused)
            table.pointee.removeClient(client)
            return 0
        }
        publishClientCount()
        return client
    }

    func publishServerCount() {
        counters.set(ProxyCounter.serverTransactionsLive.rawValue, UInt64(table.pointee.servers.count))
    }

    func publishClientCount() {
        counters.set(ProxyCounter.clientTransactionsLive.rawValue, UInt64(table.pointee.clients.count))
    }
}
