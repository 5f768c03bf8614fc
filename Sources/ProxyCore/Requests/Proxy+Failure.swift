internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// `on_failure`: the script's chance to try other targets or answer otherwise.
extension Proxy {
    /// True: the handler took over; new branches are under way or an answer was sent.
    func runFailureHook(_ server: UInt32, now: UInt64) -> Bool {
        let slot = table.pointee.servers[server]
        let logic = generations.pointee.logic(slot.pointee.generation)
        let isAwaited = slot.pointee.waitingHandler != 0
        let wantsHook = isAwaited || slot.pointee.onFailure != 0 || logic.hooks.contains(.onFailure)
        // §16.7 step 5: nothing new is tried after CANCEL or 6xx.
        guard wantsHook, slot.pointee.flags.isDisjoint(with: [.cancelled, .global]),
            Int(slot.pointee.branchCount) < settings.limits.branchesMax
        else { return false }
        if isAwaited { return goOnAfterFailure(server, now: now) }
        takeUp(server, now: now)
        request.failureCode = Int(slot.pointee.bestCode)
        guard loadStoredRequest(server) else { return false }
        // A handler runs once; it may name the next.
        slot.pointee.onFailure = 0
        let previous = request.handlers
        logic.onFailure(request)
        return carryOutAfterFailure(server, previous: previous, logic: logic, now: now)
    }

    /// Does what the logic decided after a failure. False: the best response so far is to go upstream.
    func carryOutAfterFailure(
        _ server: UInt32, previous: TransactionHandlers, logic: any RoutingLogic, now: UInt64
    ) -> Bool {
        keepHandlers(server, previous: previous, logic: logic)
        switch request.verdict {
        case .relay:
            return retry(server)
        case .wait:
            guard storeChanges(server) else {
                logic.abandon(request.handler)
                return false
            }
            return enterWait(server)
        case .reply:
            guard request.replyCode >= 300 else { return false }
            replyStatefully(
                server, code: request.replyCode, reason: request.replyReason, headers: request.replyHeaders, now: now)
            return true
        case .drop, .none:
            return false
        }
    }

    /// Makes the context that of a transaction held here, without its message.
    func takeUp(_ server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        request.begin(source: slot.pointee.source, listener: Int(slot.pointee.listener), now: now)
        request.generation = slot.pointee.generation
        request.loopHash = slot.pointee.loopHash
        request.selectionSeed = slot.pointee.key.high
        request.upstream = Int32(slot.pointee.upstream)
        request.recordsRoute = slot.pointee.flags.contains(.recordRoute)
        request.flow = slot.pointee.flow
        request.wasRoutedHere = slot.pointee.flags.contains(.routedHere)
        request.handlers = slot.pointee.handlers
        request.dialogMark = dialogMark(of: server)
    }

    /// Stores the handlers that the failure handler left, and releases those it replaced.
    private func keepHandlers(_ server: UInt32, previous: TransactionHandlers, logic: any RoutingLogic) {
        let slot = table.pointee.servers[server]
        var replaced = TransactionHandlers()
        let current = request.handlers
        if current.onFailure != previous.onFailure {
            slot.pointee.onFailure = current.onFailure
            replaced.onFailure = previous.onFailure
        } else {
            replaced.onFailure = previous.onFailure
            request.handlers.onFailure = 0
        }
        if current.onReply != previous.onReply {
            slot.pointee.onReply = current.onReply
            replaced.onReply = previous.onReply
        }
        if current.onBranch != previous.onBranch {
            slot.pointee.onBranch = current.onBranch
            replaced.onBranch = previous.onBranch
        }
        if !replaced.isEmpty { logic.release(replaced) }
    }

    /// Branches to the targets that the failure handler named. False: it only had the same request again.
    private func retry(_ server: UInt32) -> Bool {
        if request.targetCount == 0 { request.addOwnTarget() }
        guard storeChanges(server) else {
            if request.handler != 0 { generations.pointee.logic(request.generation).abandon(request.handler) }
            return false
        }
        if request.handler != 0, !enterWait(server) { return false }
        forwardBranches(server)
        return true
    }

    /// Makes the current message with its edits the stored request. False: no memory, or it does not fit.
    func storeChanges(_ server: UInt32) -> Bool {
        let slot = table.pointee.servers[server]
        // The best response so far stays a candidate: if nothing better comes it goes upstream.
        if request.newRequestURI.count > 0 {
            edits.pointee.replace(message.pointee.requestURI, with: request.newRequestURI)
            request.newRequestURI = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        // Edits that the handler has applied already stand in a message that is not the stored one.
        if !edits.pointee.isEmpty || message.pointee.bytes.baseAddress != UnsafeRawPointer(slot.pointee.request.start) {
            let edited = storeEdited()
            guard !edited.isNone else { return false }
            table.pointee.buffers.give(back: &slot.pointee.request)
            slot.pointee.request = edited
            guard loadStoredRequest(server) else { return false }
        }
        return true
    }
}
