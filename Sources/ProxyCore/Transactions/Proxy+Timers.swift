internal import Reactor
internal import SIPTransaction

// Time passing: every deadline of every transaction goes through here.
extension Proxy {
    /// Fires what is due. `now` in milliseconds, never earlier than before.
    public func advance(to now: UInt64) {
        table.pointee.latestTime = now
        if dialogs.isInUse { sweepDialogs(now: now) }
        while let payload = table.pointee.wheel.popExpired(now: now) {
            let slot = UInt32(truncatingIfNeeded: payload)
            if measuresCost { meter.pointee.beginTimer() }
            if payload & Self.nameTimer != 0 {
                nameTimedOut(Int(slot), now: now)
            } else if payload & Self.handlerTimer != 0 {
                handlerTimedOut(slot, now: now)
            } else if payload & Self.routingTimer != 0 {
                routingTimerFired(slot, now: now)
            } else if payload & TransactionTable.clientTimer != 0 {
                table.pointee.clients[slot].pointee.timer = 0
                table.pointee.clients[slot].pointee.timerAt = .max
                clientTimer(slot, now: now)
            } else {
                table.pointee.servers[slot].pointee.timer = 0
                table.pointee.servers[slot].pointee.timerAt = .max
                serverTimer(slot, now: now)
            }
            if measuresCost { meter.pointee.end() }
        }
        if let dispatcher { probeTargets(of: dispatcher, now: now) }
    }

    /// When `advance` is needed next; nil when nothing waits.
    public func nextDeadline() -> UInt64? {
        var deadline = table.pointee.wheel.nextDeadline()
        if dialogs.isInUse { deadline = min(deadline ?? .max, dialogSweepAt) }
        if let dispatcher, dispatcher.isProbing { deadline = min(deadline ?? .max, dispatcher.probeAt) }
        return deadline
    }

    private func serverTimer(_ server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        let actions = slot.pointee.machine.timerFired(timers: settings.timers, now: now)
        if actions.contains(.transmit) {
            count(.responsesRetransmitted)
            transmit(
                slot.pointee.response.bytes, to: slot.pointee.responseTarget, listener: Int(slot.pointee.listener),
                connection: slot.pointee.source)
        }
        finishServer(server, actions)
    }

    private func clientTimer(_ client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        var actions: TransactionActions =
            slot.pointee.flags.contains(.expired)
            ? [] : slot.pointee.machine.timerFired(timers: settings.timers, now: now)
        if actions.contains(.transmit) {
            count(.requestsRetransmitted)
            transmit(slot.pointee.request.bytes, to: slot.pointee.destination, listener: Int(slot.pointee.listener))
        }
        if actions.isDisjoint(with: .terminated), now >= slot.pointee.giveUpAt {
            actions.formUnion(giveUp(client, now: now))
        }
        finishClient(client, actions, now: now)
    }

    /// Timer C fired (§16.8), or nothing came 64·T1 after our CANCEL (§9.1).
    private func giveUp(_ client: UInt32, now: UInt64) -> TransactionActions {
        let slot = table.pointee.clients[client]
        slot.pointee.giveUpAt = .max
        if slot.pointee.flags.contains(.expired) { return .terminated }
        guard slot.pointee.flags.isDisjoint(with: [.finished]) else { return [] }
        if slot.pointee.machine.isProceeding, !slot.pointee.flags.contains(.cancelSent) {
            count(.timerCFired)
            sendCancel(client, now: now)
            return []
        }
        return [.timedOut, .terminated]
    }

    /// Carries out what a client machine's event left to do beside transmitting and delivering.
    func finishClient(_ client: UInt32, _ actions: TransactionActions, now: UInt64) {
        let slot = table.pointee.clients[client]
        let lostFlow = slot.pointee.destination.transport.isWebSocket ? slot.pointee.destination : .none
        var failed: UInt32 = 0
        if !actions.isDisjoint(with: [.timedOut, .transportFailed]), !slot.pointee.key.isCancel {
            if actions.contains(.timedOut) { count(.clientTimeouts) }
            if !slot.pointee.flags.contains(.finished) {
                failed = slot.pointee.server
                if let dispatcher {
                    noteFailure(of: client, dispatcher, timedOut: actions.contains(.timedOut), now: now)
                }
            }
            slot.pointee.flags.insert(.finished)
        }
        if actions.contains(.timedOut), !slot.pointee.key.isCancel {
            expire(client, now: now)
        } else if actions.contains(.terminated) {
            table.pointee.removeClient(client)
            publishClientCount()
        } else if !table.pointee.armClient(client) {
            count(.timersRefused)
        }
        guard failed != 0 else { return }
        let server = table.pointee.servers[failed]
        server.pointee.pendingCount -= 1
        guard !server.pointee.flags.contains(.finalSent) else { return }
        // §16.9: a transport failure counts as a 503. A branch that ended because upstream cancelled it is answered
        // as the cancelled request it is.
        let isCancelled = server.pointee.flags.contains(.cancelled)
        let isLost = actions.contains(.transportFailed) && !lostFlow.isNone
        let code = actions.contains(.transportFailed) ? 503 : isCancelled ? 487 : 408
        considerLocal(failed, code: isLost ? codeOfLostFlow(lostFlow, server.pointee.flow) : code)
        if server.pointee.pendingCount == 0 { finishContext(failed, now: now) }
    }

    /// RFC 5626 §5.3: 430 when the request's route named the connection; a client that has registered by it, and nobody else,
    /// knows when it will be back, so 480.
    private func codeOfLostFlow(_ lost: SocketAddress, _ routed: SocketAddress) -> Int { lost == routed ? 430 : 480 }

    /// Keeps a branch that got no answer for as long as one may still come: passed on as if nobody knew of it, that
    /// would be a second answer upstream.
    private func expire(_ client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        slot.pointee.flags.insert(.expired)
        slot.pointee.giveUpAt = now &+ settings.timers.transactionTimeoutMilliseconds
        if !slot.pointee.machine.isInvite { table.pointee.buffers.give(back: &slot.pointee.request) }
        if !table.pointee.armClient(client) {
            count(.timersRefused)
            table.pointee.removeClient(client)
            publishClientCount()
        }
    }

    /// The kernel refused a datagram for good: branches just sent there fail at once, as by a 503 (RFC 3261 §16.9).
    ///
    /// - Parameter isTransient: the refusal is about this moment (buffers full); retransmissions will see to it.
    func sendFailed(to address: SocketAddress, listener: Int, isTransient: Bool, now: UInt64) {
        guard !isTransient else { return }
        var index = 0
        // One refusal, one branch: the latest that is still unanswered.
        while let client = table.pointee.recentSends.latest(index) {
            index += 1
            let slot = table.pointee.clients[client]
            guard client != 0, slot.pointee.timer != 0, slot.pointee.destination == address,
                Int(slot.pointee.listener) == listener, slot.pointee.flags.isDisjoint(with: [.expired, .finished])
            else { continue }
            let actions = slot.pointee.machine.transportFailed(timers: settings.timers, now: now)
            guard !actions.isEmpty else { continue }
            count(.transportFailures)
            request.now = now
            return finishClient(client, actions, now: now)
        }
    }
}
