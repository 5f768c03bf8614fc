internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// A request from its arrival to the verdict: docs/phases.md.
extension Proxy {
    func receivedRequest(from source: SocketAddress, listener: Int, now: UInt64) {
        count(.requestsReceived)
        let key = TransactionKey(request: message.pointee, hashKey: settings.hashKey)
        let method = TransactionMethod(of: message.pointee, hashKey: settings.hashKey)
        if table.pointee.servers.count > 0 {
            let slot = table.pointee.findServer(key, method)
            if slot != 0 {
                meter.pointee.touchedState()
                guard receivedAgain(slot, now: now) else { return }
            } else if method == .cancel {
                let invite = table.pointee.findServer(key, .invite)
                if invite != 0 {
                    meter.pointee.touchedState()
                    receivedCancel(of: invite, key: key, from: source, listener: listener, now: now)
                    return
                }
            }
        }
        if message.pointee.method == .ack { meter.pointee.leaveOut() }
        request.begin(source: source, listener: listener, now: now)
        request.generation = generations.pointee.current
        request.selectionSeed = key.high
        request.needsReceived = needsReceivedParameter(source)
        if sharesState { readMarker() }
        if message.pointee.method == .ack, absorbsAck(key: key) { return }
        request.loopHash = Branch.loopHash(
            of: message.pointee, arrival: source.high ^ source.low ^ UInt64(listener) << 56, hashKey: settings.hashKey)
        guard passesChecks(key: key), preprocessRoute(key: key) else { return }
        generations.pointee.logic(request.generation).onRequest(request)
        carryOut(key: key, method: method)
    }

    /// Does what the logic decided.
    private func carryOut(key: TransactionKey, method: TransactionMethod) {
        switch request.verdict {
        case .relay:
            relay(key: key, method: method)
        case .reply:
            guard message.pointee.method != .ack else { return releaseHandlers() }
            if request.isAccounted, replyHeld(key: key, method: method) { return }
            replyStatelessly(
                code: request.replyCode, reason: request.replyReason, headers: request.replyHeaders, key: key)
            releaseHandlers()
        case .drop:
            count(.requestsDropped)
            releaseHandlers()
        case .wait:
            putAside(key: key, method: method)
        case .none:
            count(.requestsUndecided)
            releaseHandlers()
            reject(500, "No Routing Decision", key: key)
        }
    }

    /// Handlers and dialogs that no transaction took over.
    func releaseHandlers() {
        if request.handler != 0 { generations.pointee.logic(request.generation).abandon(request.handler) }
        if request.isDrafting { request.dropDraft() }
        guard !request.handlers.isEmpty else { return }
        generations.pointee.logic(request.generation).release(request.handlers)
        request.handlers = TransactionHandlers()
    }

    /// A request whose server transaction exists. True: it is to be treated as a new request after all, an
    /// ACK to a 2xx on the INVITE's branch.
    private func receivedAgain(_ slot: UInt32, now: UInt64) -> Bool {
        let server = table.pointee.servers[slot]
        if message.pointee.method == .ack {
            guard case .invite(var machine) = server.pointee.machine else { return false }
            let actions = machine.handle(.ack, timers: settings.timers, now: now)
            server.pointee.machine = .invite(machine)
            if actions.contains(.deliver) { return true }
            count(.acksAbsorbed)
            finishServer(slot, actions)
            return false
        }
        count(.retransmissionsAbsorbed)
        let actions = server.pointee.machine.receivedRetransmission(timers: settings.timers, now: now)
        if actions.contains(.transmit), !server.pointee.response.isNone {
            count(.responsesRetransmitted)
            transmit(
                server.pointee.response.bytes, to: server.pointee.responseTarget,
                listener: Int(server.pointee.listener),
                connection: server.pointee.source)
        }
        return false
    }

    /// An ACK to a non-2xx response that this proxy made without keeping state: the To tag tells.
    private func absorbsAck(key: TransactionKey) -> Bool {
        guard message.pointee.toTag.count == LocalTag.count else { return false }
        guard LocalTag(key: key, hashKey: settings.hashKey).matches(message.pointee.bytes(message.pointee.toTag)) else {
            return false
        }
        count(.acksAbsorbed)
        return true
    }

    // MARK: RFC 3261 §16.3

    private func passesChecks(key: TransactionKey) -> Bool {
        let method = message.pointee.method
        if message.pointee.requestTarget.scheme == .other {
            // §16.3 step 2.
            return reject(416, "Unsupported URI Scheme", key: key)
        }
        if message.pointee.maxForwards == 0 {
            // §16.3 step 3.
            return reject(483, "Too Many Hops", key: key)
        }
        if hasLooped() {
            // §16.3 step 4.
            count(.loopsDetected)
            return reject(482, "Loop Detected", key: key)
        }
        if method != .ack, method != .cancel, message.pointee.first(.proxyRequire) >= 0 {
            // §16.3 step 5: no extension that a request could require of a proxy is supported.
            return rejectProxyRequire(key: key)
        }
        if isDraining, method == .invite, message.pointee.toTag.isAbsent {
            count(.drainRefusals)
            return reject(503, "Shutting Down", headers: "Retry-After: 5\r\n", key: key)
        }
        if sharesState, isRefused() {
            count(.overloadRefusals)
            return reject(503, "Overloaded", headers: "Retry-After: 2\r\n", key: key)
        }
        return true
    }

    /// Whether a Via of ours carries the loop hash that this request would get now (§16.6 step 8, RFC 5393).
    private func hasLooped() -> Bool {
        var cursor = message.pointee.elements(of: .via)
        while let element = cursor.next(in: message.pointee) {
            guard let via = Via.parse(element.value, in: message.pointee.bytes), via.branch.count == Branch.count,
                let branch = Branch(message.pointee.bytes(via.branch)), branch.loopHash == request.loopHash,
                identity.isOwn(via, in: message.pointee)
            else { continue }
            return true
        }
        return false
    }

    /// Option tags that one `Unsupported` names.
    private static let unsupportedTagsMax = 16

    private func rejectProxyRequire(key: TransactionKey) -> Bool {
        // The option tags go back in Unsupported (§16.3 step 5, §8.2.2.3).
        // Not all of a long list: the answer must not be many times the question.
        var writer = TextWriter(scratch)
        var cursor = message.pointee.elements(of: .proxyRequire)
        var listed = 0
        while listed < Self.unsupportedTagsMax, let element = cursor.next(in: message.pointee) {
            writer.append(listed == 0 ? "Unsupported: " : ", ")
            writer.append(message.pointee.bytes(element.value))
            listed += 1
        }
        writer.append("\r\n")
        guard let text = arena.pointee.copy(writer.written) else { return reject(420, "Bad Extension", key: key) }
        count(.requestsRejected)
        replyStatelessly(code: 420, reason: StaticString("Bad Extension").rawBytes, headers: text, key: key)
        return false
    }

    /// Answers with an error of the core's own. Always false: the request goes no further.
    @discardableResult
    func reject(_ code: Int, _ reason: StaticString, headers: StaticString = "", key: TransactionKey) -> Bool {
        count(.requestsRejected)
        if message.pointee.method != .ack {
            replyStatelessly(code: code, reason: reason.rawBytes, headers: headers.rawBytes, key: key)
        }
        return false
    }
}
