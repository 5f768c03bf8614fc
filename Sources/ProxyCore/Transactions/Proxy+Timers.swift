internal import Reactor
internal import SIPTransaction

// Time passing: every deadline of every transaction goes through here.
extension Proxy {
    /// Fires what is due. `now` in milliseconds, never earlier than before.
    public func advance(to now: UInt64) {
        while let payload = table.pointee.wheel.popExpired(now: now) {
            let slot = UInt32(truncatingIfNeeded: payload)
            if payload & TransactionTable.clientTimer != 0 {
                table.pointee.clients[slot].pointee.timer = 0
                table.pointee.clients[slot].pointee.timerAt = .max
                clientTimer(slot, now: now)
            } else {
                table.pointee.servers[slot].pointee.timer = 0
                table.pointee.servers[slot].pointee.timerAt = .max
                serverTimer(slot, now: now)
            }
        }
    }

    /// When `advance` is needed next; nil when nothing waits.
    public func nextDeadline() -> UInt64? {
        table.pointee.wheel.nextDeadline()
    }

    private func serverTimer(_ server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        let actions = slot.pointee.machine.timerFired(timers: settings.timers, now: now)
        if actions.contains(.transmit) {
            count(.responsesRetransmitted)
            transmit(slot.pointee.response.bytes, to: slot.pointee.responseTarget, listener: Int(slot.pointee.listener))
        }
        finishServer(server, actions)
    }

    private func clientTimer(_ client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        var actions = slot.pointee.machine.timerFired(timers: settings.timers, now: now)
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
        var failed: UInt32 = 0
        if actions.contains(.timedOut), !slot.pointee.key.isCancel {
            count(.clientTimeouts)
            if !slot.pointee.flags.contains(.finished) { failed = slot.pointee.server }
            slot.pointee.flags.insert(.finished)
        }
        if actions.contains(.terminated) {
            table.pointee.removeClient(client)
            publishClientCount()
        } else if !table.pointee.armClient(client) {
            count(.timersRefused)
        }
        guard failed != 0 else { return }
        let server = table.pointee.servers[failed]
        server.pointee.pendingCount -= 1
        guard !server.pointee.flags.contains(.finalSent) else { return }
        // A branch that ended because upstream cancelled it is answered as the cancelled request it is.
        considerLocal(failed, code: server.pointee.flags.contains(.cancelled) ? 487 : 408)
        if server.pointee.pendingCount == 0 { finishContext(failed, now: now) }
    }
}
