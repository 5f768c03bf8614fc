internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// Responses made here: RFC 3261 §8.2.6.
extension Proxy {
    /// Answers the current request without keeping state (§8.2.7): a retransmission is handled anew and
    /// gets the same answer.
    func replyStatelessly(
        code: Int, reason: UnsafeRawBufferPointer, headers: UnsafeRawBufferPointer, key: TransactionKey
    ) {
        let target = responseTarget(of: request.source)
        withUnsafeTemporaryAllocation(byteCount: LocalTag.count + SocketAddress.ipTextBytesMax, alignment: 8) { text in
            var content = ResponseWriter.Content()
            content.reason = reason
            content.extraHeaders = headers
            let tag = UnsafeMutableRawBufferPointer(rebasing: text[..<LocalTag.count])
            LocalTag(key: key, hashKey: settings.hashKey).write(into: tag)
            content.toTag = UnsafeRawBufferPointer(tag)
            fillReceived(&content, UnsafeMutableRawBufferPointer(rebasing: text[LocalTag.count...]))
            if sharesState { fillFeedback(&content, for: request.upstream, now: request.now) }
            transmitReply(code: code, content, to: target, listener: request.listener)
            if request.isAccounted { accountUnheld(code: code, reason: reason, toTag: content.toTag) }
        }
    }

    /// `received` and `rport` for a response to a request that does not carry them yet.
    private func fillReceived(_ content: inout ResponseWriter.Content, _ text: UnsafeMutableRawBufferPointer) {
        guard request.needsReceived else { return }
        let count = request.source.writeIP(into: text)
        content.received = UnsafeRawBufferPointer(rebasing: text[..<count])
        content.rport = Int(request.source.port)
    }

    private func transmitReply(code: Int, _ content: ResponseWriter.Content, to target: SocketAddress, listener: Int) {
        // The status line and what is added beside the request's own headers.
        let room = sink.reserve(message.pointee.byteCount + content.extraHeaders.count + content.reason.count + 512)
        let written = ResponseWriter.write(code, content, to: message.pointee, into: room)
        guard written > 0 else { return count(.messageOverflows) }
        finish(room, written, to: target, listener: listener, connection: request.source)
        count(.repliesLocal)
    }

    /// 100 (Trying), kept for retransmissions (§17.2.1).
    func sendTrying(_ server: UInt32) {
        var content = ResponseWriter.Content()
        // The stored request has received and rport; the message at hand gets them here.
        withUnsafeTemporaryAllocation(byteCount: SocketAddress.ipTextBytesMax, alignment: 8) { text in
            request.needsReceived = needsReceivedParameter(request.source)
            fillReceived(&content, text)
            if sharesState { fillFeedback(&content, for: request.upstream, now: request.now) }
            request.needsReceived = false
            let buffer = writeReply(code: 100, content, to: message)
            guard !buffer.isNone else { return }
            storeAndSend(buffer, code: 100, server: server, now: request.now)
        }
    }

    /// A response in a block of its own. None: no memory, or it does not fit.
    func writeReply(
        code: Int, _ content: ResponseWriter.Content, to stored: UnsafeMutablePointer<SIPMessage>
    ) -> PooledBuffer {
        // Responses carry no body of the request and few of its headers: write to scratch, keep what is there.
        let written = ResponseWriter.write(code, content, to: stored.pointee, into: scratch)
        guard written > 0 else {
            count(.messageOverflows)
            return .none
        }
        return takeBlock(copying: UnsafeRawBufferPointer(rebasing: scratch[..<written]))
    }

    /// Answers a held request with a final response made here. The request must still be stored.
    func replyStatefully(
        _ server: UInt32, code: Int, reason: UnsafeRawBufferPointer, headers: UnsafeRawBufferPointer, now: UInt64
    ) {
        let slot = table.pointee.servers[server]
        guard !slot.pointee.request.isNone,
            case .complete = storedMessage.pointee.parse(slot.pointee.request.bytes, as: .datagram)
        else { return finishServer(server, .terminated) }
        var content = ResponseWriter.Content()
        content.reason = reason
        content.extraHeaders = headers
        withUnsafeTemporaryAllocation(byteCount: LocalTag.count, alignment: 8) { tag in
            LocalTag(key: slot.pointee.key, hashKey: settings.hashKey).write(into: tag)
            content.toTag = UnsafeRawBufferPointer(tag)
            if sharesState { fillFeedback(&content, for: Int32(slot.pointee.upstream), now: now) }
            let buffer = writeReply(code: code, content, to: storedMessage)
            count(.repliesLocal)
            guard !buffer.isNone else {
                // No memory to keep it for retransmissions: it goes out once, from where it was written.
                let written = ResponseWriter.write(code, content, to: storedMessage.pointee, into: scratch)
                let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<max(written, 0)])
                transmit(
                    bytes, to: slot.pointee.responseTarget, listener: Int(slot.pointee.listener),
                    connection: slot.pointee.source)
                accountFinal(server, code: code, reason: reason, toTag: content.toTag, now: now)
                return finishServer(server, .terminated)
            }
            storeAndSend(buffer, code: code, server: server, now: now)
        }
    }

    /// Answers the current request, which is to be accounted, from a transaction: retransmissions are absorbed there and make no
    /// second record. False: a limit was reached, or nothing would be absorbed.
    func replyHeld(key: TransactionKey, method: TransactionMethod) -> Bool {
        // A 2xx to an INVITE is repeated by who made it and not by the transaction (RFC 6026 §7.1): without one each INVITE gets it.
        guard request.replyCode >= (message.pointee.method == .invite ? 300 : 200) else { return false }
        releaseHandlers()
        addReceivedParameter()
        removeForeignSignals()
        let server = createServer(key: key, method: method)
        guard server != 0 else {
            request.needsReceived = needsReceivedParameter(request.source)
            return false
        }
        noteMustHold()
        replyStatefully(
            server, code: request.replyCode, reason: request.replyReason, headers: request.replyHeaders,
            now: request.now)
        return true
    }

    /// Ends a request that nothing can be done about any more.
    func failServer(_ server: UInt32, code: Int) {
        replyStatefully(
            server, code: code, reason: UnsafeRawBufferPointer(start: nil, count: 0),
            headers: UnsafeRawBufferPointer(start: nil, count: 0), now: request.now)
    }

    /// Keeps a response for retransmissions and sends it through the server machine.
    func storeAndSend(_ buffer: PooledBuffer, code: Int, server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        table.pointee.buffers.give(back: &slot.pointee.response)
        slot.pointee.response = buffer
        let actions = slot.pointee.machine.send(code: code, timers: settings.timers, now: now)
        if actions.contains(.transmit) {
            transmit(
                buffer.bytes, to: slot.pointee.responseTarget, listener: Int(slot.pointee.listener),
                connection: slot.pointee.source)
        }
        if code >= 200 {
            if slot.pointee.accounting != nil { accountFinal(server, response: buffer.bytes, code: code, now: now) }
            finalWasSent(server, code: code, now: now)
        }
        finishServer(server, actions)
    }

    /// After the final response the request and the candidates are not needed any more.
    func finalWasSent(_ server: UInt32, code: Int, now: UInt64) {
        let slot = table.pointee.servers[server]
        if slot.pointee.dialog != nil { dialogFinal(server, code: code, now: now) }
        if !slot.pointee.flags.contains(.finalSent) { counters.add(ProxyCounter.requestsOpen.rawValue, .max) }
        slot.pointee.flags.insert(.finalSent)
        if slot.pointee.firstWaiting != 0 { dropWaiting(of: server) }
        if slot.pointee.waitingHandler != 0 { leaveHandler(server, code: code) }
        table.pointee.releaseMessages(of: server)
    }

    /// Carries out what a server machine's event left to do beside transmitting.
    func finishServer(_ server: UInt32, _ actions: TransactionActions) {
        if actions.contains(.timedOut) { count(.ackTimeouts) }
        if actions.contains(.terminated) {
            endServer(server)
        } else if !table.pointee.armServer(server) {
            count(.timersRefused)
            endServer(server)
        }
    }

    func endServer(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        let generation = slot.pointee.generation
        if !slot.pointee.flags.contains(.finalSent) { counters.add(ProxyCounter.requestsOpen.rawValue, .max) }
        if slot.pointee.dialog != nil { leaveDialog(server) }
        if slot.pointee.accounting != nil { accountLost(server) }
        if slot.pointee.firstWaiting != 0 { dropWaiting(of: server) }
        if slot.pointee.waitingHandler != 0 { abandonHandler(server) }
        let handlers = slot.pointee.handlers
        if !handlers.isEmpty { generations.pointee.logic(generation).release(handlers) }
        table.pointee.removeServer(server)
        publishServerCount()
        generations.pointee.release(generation)
    }

    // MARK: Malformed requests

    func receivedMalformed(_ error: ParseError, from source: SocketAddress, listener: Int, now: UInt64) {
        guard error.responseCode != 0 else { return count(.malformedDropped) }
        count(.malformedAnswered)
        answerMalformed(code: Int(error.responseCode), text: error.text, from: source, listener: listener, now: now)
    }

    /// Answers as far as the message could be read; drops what can't be answered: responses, ACKs, and
    /// requests without a Via to go back by.
    func answerMalformed(code: Int, text: StaticString, from source: SocketAddress, listener: Int, now: UInt64) {
        guard message.pointee.isRequest, message.pointee.method != .ack, !message.pointee.topVia.host.isAbsent else {
            return count(.malformedDropped)
        }
        request.begin(source: source, listener: listener, now: now)
        request.needsReceived = needsReceivedParameter(source)
        let key = TransactionKey(request: message.pointee, hashKey: settings.hashKey)
        replyStatelessly(
            code: code, reason: text.rawBytes, headers: UnsafeRawBufferPointer(start: nil, count: 0), key: key)
    }
}
