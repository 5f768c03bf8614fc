internal import Reactor
internal import SIPMessage
internal import SIPTransaction
internal import StatePolicy

// A response from its arrival to its client transaction, or past it by its Via: RFC 3261 §16.7, §16.11.
extension Proxy {
    /// - Parameter posted: another worker received it and handed it over.
    func receivedResponse(from source: SocketAddress, listener: Int, now: UInt64, posted: Bool) {
        if !posted { count(.responsesReceived) }
        // §18.1.2: the top Via must be ours, or the response is not for us.
        let via = message.pointee.topVia
        guard via.branch.count == Branch.count, let branch = Branch(message.pointee.bytes(via.branch)),
            let origin = ViaOrigin(via, in: message.pointee.bytes), identity.isOwn(via, in: message.pointee)
        else { return count(.responsesStray) }
        // Nobody answers an ACK (§17.1.1.3), and its method would pass for the INVITE's.
        guard message.pointee.cSeqMethod != .ack else { return count(.responsesStray) }
        if !posted, Int(origin.worker) != workerIndex, postToOwner(origin, from: source, listener: listener) { return }
        response.begin(source: source, now: now)
        let method = TransactionMethod(of: message.pointee, hashKey: settings.hashKey)
        let client = table.pointee.findClient(ClientKey(branch, method))
        if client != 0 {
            meter.pointee.touchedState()
            // §16.7 step 3: without another Via it is for us, to a CANCEL or BYE that was made here.
            let isOwn = method == .cancel || table.pointee.clients[client].pointee.flags.contains(.own)
            guard isOwn || !hasOneVia else { return count(.responsesStray) }
            if sharesState { readFeedback(sentTo: table.pointee.clients[client].pointee.destination) }
            receivedResponse(client: client, now: now)
        } else {
            forwardResponseStatelessly(branch, origin, readsFeedback: sharesState)
        }
    }

    /// True: the owner has it, or nobody can.
    private func postToOwner(_ origin: ViaOrigin, from source: SocketAddress, listener: Int) -> Bool {
        let owner = Int(origin.worker)
        guard owner < settings.workerCount, let peers, peers.clientTransactions(of: owner) > 0 else { return false }
        let bytes = UnsafeRawBufferPointer(rebasing: message.pointee.bytes[..<message.pointee.byteCount])
        meter.pointee.touchedState()
        if peers.post(bytes, to: owner, source: source, listener: listener) {
            count(.responsesPostedToOwner)
        } else {
            count(.responsesPostFailed)
        }
        return true
    }

    // MARK: Without state

    /// Sends a response on by the Via below ours (§16.11), provided our own Via proves that a request of that branch
    /// went through a holder of our key and that its responses go to that address.
    private func forwardResponseStatelessly(_ branch: Branch, _ origin: ViaOrigin, readsFeedback: Bool) {
        guard let via = secondVia() else { return count(.responsesStray) }
        let key = TransactionKey(via: via, message: message.pointee, hashKey: settings.hashKey)
        guard key.high == branch.hash else { return count(.responsesForged) }
        let incoming = min(Int(origin.listener), settings.listeners.count - 1)
        guard let target = responseTarget(of: via, transport: settings.listeners[incoming].address.transport) else {
            return count(.targetsUnresolvable)
        }
        let returnHash = ViaOrigin.returnHash(
            high: target.high, low: target.low, port: target.port, hashKey: settings.hashKey)
        guard returnHash == origin.returnHash else { return count(.responsesForged) }
        if readsFeedback { readFeedback(sentTo: .none) }
        let upstream = sharesState ? upstreamNumber(target, via.value) : PathSample.outside
        let listener = identity.listener(for: target, incoming: incoming)
        guard listener >= 0 else { return count(.targetsUnresolvable) }
        let logic = generations.pointee.logic(generations.pointee.current)
        if message.pointee.statusCode > 100, logic.hooks.contains(.onReply) {
            logic.onReply(response)
            if response.isDropped && message.pointee.statusCode < 200 { return }
        }
        // A script may have moved things.
        editForUpstream(upstream, logic.hooks.contains(.onReply) ? .absent : via.value)
        if transmitEdited(to: target, listener: listener) { count(.responsesForwardedStateless) }
    }

    private var hasOneVia: Bool {
        let top = message.pointee.topViaElement
        return top.isLast && message.pointee.next(after: top.headerIndex) < 0
    }

    private func secondVia() -> Via? {
        var cursor = message.pointee.elements(of: .via)
        _ = cursor.next(in: message.pointee)
        guard let element = cursor.next(in: message.pointee) else { return nil }
        return Via.parse(element.value, in: message.pointee.bytes)
    }

    /// RFC 3261 §18.2.2, RFC 3581 §4.
    ///
    /// - Parameter transport: what the request came by; a Via may claim another.
    private func responseTarget(of via: Via, transport: Transport) -> SocketAddress? {
        let port = via.port == 0 ? transport.defaultPort : via.port
        if !via.maddr.isAbsent, let address = SocketAddress(ip: message.pointee.bytes(via.maddr), port: port) {
            return address.withTransport(transport)
        }
        let host = via.received.isAbsent ? via.host : via.received
        let address = resolver.resolve(
            host: message.pointee.bytes(host), port: via.rport > 0 ? UInt16(truncatingIfNeeded: via.rport) : port,
            transport: transport)
        return address.isNone ? nil : address
    }

    // MARK: With state

    private func receivedResponse(client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        let code = message.pointee.statusCode
        if slot.pointee.flags.contains(.expired) { return receivedLate(code: code, client: client) }
        let actions = slot.pointee.machine.received(code: code, timers: settings.timers, now: now)
        if actions.contains(.acknowledge) { acknowledge(client) }
        if actions.contains(.deliver) {
            deliver(code: code, client: client, now: now)
        } else if actions.isEmpty || actions == .acknowledge {
            count(.retransmissionsAbsorbed)
        }
        finishClient(client, actions, now: now)
    }

    /// Sends the ACK for a non-2xx final response, hop by hop (§17.1.1.3). It takes the place of the INVITE.
    private func acknowledge(_ client: UInt32) {
        let slot = table.pointee.clients[client]
        let listener = Int(slot.pointee.listener)
        if slot.pointee.flags.contains(.holdsAck) {
            return transmit(slot.pointee.request.bytes, to: slot.pointee.destination, listener: listener)
        }
        guard case .complete = storedMessage.pointee.parse(slot.pointee.request.bytes, as: .datagram) else { return }
        let written = RequestWriter.writeAck(for: storedMessage.pointee, response: message.pointee, into: scratch)
        guard written > 0 else { return count(.messageOverflows) }
        let ack = UnsafeRawBufferPointer(rebasing: scratch[..<written])
        transmit(ack, to: slot.pointee.destination, listener: listener)
        // Kept for retransmissions of the response where the INVITE was: nearly always there is room.
        let room = table.pointee.buffers.room(of: slot.pointee.request)
        if room.count >= written {
            room.copyMemory(from: ack)
            slot.pointee.request.count = UInt32(written)
        } else {
            table.pointee.buffers.give(back: &slot.pointee.request)
            slot.pointee.request = takeBlock(copying: ack)
        }
        slot.pointee.flags.insert(.holdsAck)
    }

    /// A branch that ended without an answer, and then one comes: RFC 6026 §7.2 and RFC 4320 §4.2 allow only a 2xx to an
    /// INVITE upstream, where another answer has long been given.
    private func receivedLate(code: Int, client: UInt32) {
        count(.responsesLate)
        guard table.pointee.clients[client].pointee.machine.isInvite, code >= 200 else { return }
        if code < 300 { forwardByVia() } else { acknowledge(client) }
    }

    private func forwardByVia() {
        let via = message.pointee.topVia
        guard let branch = Branch(message.pointee.bytes(via.branch)),
            let origin = ViaOrigin(via, in: message.pointee.bytes)
        else { return }
        forwardResponseStatelessly(branch, origin, readsFeedback: false)
    }

    /// §16.7: a response that the client transaction passed up.
    private func deliver(code: Int, client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        if code >= 200, let dispatcher { noteAnswer(code, of: client, dispatcher, now: now) }
        if slot.pointee.key.isCancel || slot.pointee.flags.contains(.own) { return }
        if code < 200 {
            return deliverProvisional(code: code, client: client, now: now)
        }
        slot.pointee.giveUpAt = .max
        let wasFinished = slot.pointee.flags.contains(.finished)
        slot.pointee.flags.insert(.finished)
        // A retransmitted INVITE 2xx still needs no request; a first one no longer does.
        if code < 300 { table.pointee.buffers.give(back: &slot.pointee.request) }
        let server = slot.pointee.server
        guard server != 0 else {
            // §16.7 step 5: a 2xx to INVITE goes upstream whatever has happened.
            if code < 300, slot.pointee.machine.isInvite { forwardByVia() }
            return
        }
        if !wasFinished { table.pointee.servers[server].pointee.pendingCount -= 1 }
        if code < 300 {
            forwardSuccess(client: client, server: server, now: now)
        } else if !wasFinished {
            keepCandidate(code: code, server: server, now: now)
        }
    }

    private func deliverProvisional(code: Int, client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        if slot.pointee.flags.contains(.cancelWanted) {
            // §9.1: now that a provisional response has come, CANCEL may go.
            sendCancel(client, now: now)
        }
        if slot.pointee.flags.contains(.awaitsAnswer) {
            // Somebody is there: from now on the usual timers count.
            slot.pointee.flags.remove(.awaitsAnswer)
            slot.pointee.giveUpAt =
                slot.pointee.machine.isInvite ? now &+ settings.limits.timerCMilliseconds : .max
        }
        if code > 100, slot.pointee.machine.isInvite, !slot.pointee.flags.contains(.cancelSent) {
            // §16.7 step 2: Timer C starts again.
            slot.pointee.giveUpAt = now &+ settings.limits.timerCMilliseconds
        }
        let server = slot.pointee.server
        // RFC 4320 §4.1: nothing provisional but 100 goes up to a non-INVITE request.
        guard code > 100, slot.pointee.machine.isInvite, server != 0,
            !table.pointee.servers[server].pointee.flags.contains(.finalSent)
        else { return }
        if table.pointee.servers[server].pointee.dialog != nil { dialogProvisional(server) }
        if table.pointee.servers[server].pointee.accounting != nil { accountProvisional(server, now: now) }
        runReplyHook(server)
        guard !response.isDropped else { return }
        let buffer = storeForUpstream(server)
        guard !buffer.isNone else { return }
        count(.responsesForwarded)
        storeAndSend(buffer, code: code, server: server, now: now)
    }

    /// The response without our Via and with the logic's edits, in a block of its own. Edits that don't fit are left
    /// out: a response must get through. None: no memory.
    func storeForUpstream(_ server: UInt32) -> PooledBuffer {
        let upstream = Int32(table.pointee.servers[server].pointee.upstream)
        editForUpstream(upstream)
        let buffer = storeEdited()
        guard buffer.isNone, edits.pointee.overflowed else { return buffer }
        edits.pointee.removeAll()
        editForUpstream(upstream)
        return storeEdited()
    }

    /// Takes our Via off, and with trusted peers sees to what the Via below it says of state.
    ///
    /// - Parameter via: the Via below, if it is known.
    private func editForUpstream(_ upstream: Int32, _ via: ByteRange = .absent) {
        edits.pointee.removeElement(message.pointee.topViaElement, of: message.pointee)
        if sharesState { editSignals(for: upstream, via) }
    }

    /// Sends the response upstream without keeping it. Edits that don't fit are left out.
    private func transmitUpstream(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        editForUpstream(Int32(slot.pointee.upstream))
        let (target, source) = (slot.pointee.responseTarget, slot.pointee.source)
        var isSent = transmitEdited(to: target, listener: Int(slot.pointee.listener), connection: source)
        if !isSent {
            edits.pointee.removeAll()
            editForUpstream(Int32(slot.pointee.upstream))
            isSent = transmitEdited(to: target, listener: Int(slot.pointee.listener), connection: source)
        }
        if isSent { count(.responsesForwarded) }
    }

    func runReplyHook(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        let logic = generations.pointee.logic(slot.pointee.generation)
        guard logic.hooks.contains(.onReply) || slot.pointee.onReply != 0 else { return }
        response.isStateful = true
        response.handlers.onReply = slot.pointee.onReply
        logic.onReply(response)
    }

    /// §16.7 steps 5, 9 and 10: a 2xx goes up at once and the other branches are cancelled.
    private func forwardSuccess(client: UInt32, server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        let isInvite = slot.pointee.machine.isInvite
        // Only an INVITE may have more than one final response.
        guard isInvite || !slot.pointee.flags.contains(.finalSent) else { return }
        if slot.pointee.dialog != nil { dialogSuccess(server, client: client, now: now) }
        if slot.pointee.accounting != nil {
            noteNextHop(server, table.pointee.clients[client].pointee.destination)
        }
        runReplyHook(server)
        if !isInvite {
            let buffer = storeForUpstream(server)
            guard !buffer.isNone else {
                // No memory to keep it for retransmissions: those go downstream again and are answered from there.
                edits.pointee.removeAll()
                transmitUpstream(server)
                accountFinal(server, message, now: now)
                return endServer(server)
            }
            count(.responsesForwarded)
            return storeAndSend(buffer, code: 200, server: server, now: now)
        }
        // An INVITE's 2xx is retransmitted end to end: nothing to keep.
        transmitUpstream(server)
        let isFirst = !slot.pointee.flags.contains(.finalSent)
        let actions = slot.pointee.machine.send(code: 200, timers: settings.timers, now: now)
        if isFirst {
            if slot.pointee.accounting != nil { accountFinal(server, message, now: now) }
            finalWasSent(server, code: 200, now: now)
            table.pointee.buffers.give(back: &slot.pointee.response)
            if slot.pointee.pendingCount > 0 { cancelBranches(server, now: now) }
        }
        finishServer(server, actions)
    }
}
