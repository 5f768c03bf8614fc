internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// RFC 3261 §16.7 steps 4 to 7: which of several failures goes upstream.
extension Proxy {
    /// Rank of a final response ≥ 300: the lowest goes upstream (§16.7 step 6).
    static func rank(of code: Int) -> Int {
        switch code {
        // 6xx decides; then the lowest class.
        case 600...699: 0
        // Responses that tell the client how to try again come first in their class.
        case 401, 407, 415, 420, 484: 4_000 + code % 100
        case 400...499: 4_100 + code % 100
        // It would go up as a 500, so any other of its class says more.
        case 503: 5_999
        default: code / 100 * 1_000 + code % 100
        }
    }

    /// A final response ≥ 300 on one branch: kept when it is the best so far.
    func keepCandidate(code: Int, server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        guard !slot.pointee.flags.contains(.finalSent) else { return }
        runReplyHook(server)
        if code == 401 || code == 407, slot.pointee.branchCount > 1 { collectChallenges(server) }
        slot.pointee.lastCode = UInt16(code)
        let best = Int(slot.pointee.bestCode)
        if best == 0 || Self.rank(of: code) < Self.rank(of: best) {
            // Without memory for the response at least its code goes up.
            let buffer = storeForUpstream(server)
            table.pointee.buffers.give(back: &slot.pointee.best)
            slot.pointee.best = buffer
            slot.pointee.bestCode = UInt16(code)
        }
        if code >= 600 {
            // §16.7 step 5: no other branch can succeed; wait for them to end.
            slot.pointee.flags.insert(.global)
            if slot.pointee.pendingCount > 0 { cancelBranches(server, now: now) }
        }
        if slot.pointee.pendingCount == 0 { finishContext(server, now: now) }
    }

    /// A failure that no message tells of: 408 after Timers B, C or F, 503 for a transport error (§16.8, §16.9).
    func considerLocal(_ server: UInt32, code: Int) {
        let slot = table.pointee.servers[server]
        slot.pointee.lastCode = UInt16(code)
        let best = Int(slot.pointee.bestCode)
        guard best == 0 || Self.rank(of: code) < Self.rank(of: best) else { return }
        table.pointee.buffers.give(back: &slot.pointee.best)
        slot.pointee.bestCode = UInt16(code)
    }

    /// §16.7 step 7: all challenges go upstream together. Keeps the header lines of this one.
    private func collectChallenges(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        var writer = TextWriter(scratch)
        let isFirst = slot.pointee.challenges.isNone
        writer.append(slot.pointee.challenges.bytes)
        // A single branch's challenges are not collected: those of the branch before a retry stand in the best response.
        if isFirst, slot.pointee.bestCode == 401 || slot.pointee.bestCode == 407, !slot.pointee.best.isNone,
            case .complete = storedMessage.pointee.parse(slot.pointee.best.bytes, as: .datagram)
        {
            Self.appendChallenges(of: storedMessage.pointee, to: &writer)
        }
        Self.appendChallenges(of: message.pointee, to: &writer)
        guard !writer.overflowed else { return count(.messageOverflows) }
        let buffer = takeBlock(copying: writer.written)
        guard !buffer.isNone else { return }
        table.pointee.buffers.give(back: &slot.pointee.challenges)
        slot.pointee.challenges = buffer
    }

    private static func appendChallenges(of response: borrowing SIPMessage, to writer: inout TextWriter) {
        for name in [HeaderName.wwwAuthenticate, .proxyAuthenticate] {
            var index = response.first(name)
            while index >= 0 {
                writer.append(response.bytes(response.header(index).line))
                index = response.next(after: index)
            }
        }
    }

    func finishContext(_ server: UInt32) {
        finishContext(server, now: request.now)
    }

    /// Every branch has ended without success: the next targets' turn, the failure handler's, or the best response's.
    func finishContext(_ server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        guard !slot.pointee.flags.contains(.finalSent) else { return }
        if slot.pointee.bestCode == 0 { slot.pointee.bestCode = 500 }
        if tryLaterTargets(server, now: now) { return }
        if runFailureHook(server, now: now) { return }
        sendBest(server, now: now)
    }

    /// §16.7 step 9 with step 6's exceptions.
    func sendBest(_ server: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        let code = Int(slot.pointee.bestCode)
        if code == 408, !slot.pointee.machine.isInvite {
            // RFC 4320 §4.2: a 408 to a non-INVITE request would come too late to anyone; send nothing.
            // It stays for Timer J, so that retransmissions are not taken for new requests.
            let actions = slot.pointee.machine.send(code: code, timers: settings.timers, now: now)
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            accountFinal(server, code: code, reason: empty, toTag: empty, now: now)
            finalWasSent(server, code: code, now: now)
            table.pointee.buffers.give(back: &slot.pointee.response)
            return finishServer(server, actions)
        }
        if code == 503 {
            // §16.7 step 6: a 503 would tell upstream that this proxy is unavailable.
            return replyLocally(server, code: 500, now: now)
        }
        guard !slot.pointee.best.isNone else { return replyLocally(server, code: code, now: now) }
        var buffer = slot.pointee.best
        slot.pointee.best = .none
        if !slot.pointee.challenges.isNone, code == 401 || code == 407 { withAllChallenges(&buffer, server) }
        count(.responsesForwarded)
        storeAndSend(buffer, code: code, server: server, now: now)
    }

    private func replyLocally(_ server: UInt32, code: Int, now: UInt64) {
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        let isUnresolved = code == 500 && table.pointee.servers[server].pointee.flags.contains(.unresolved)
        let reason = isUnresolved ? StaticString("Unresolvable Destination").rawBytes : empty
        replyStatefully(server, code: code, reason: reason, headers: empty, now: now)
    }

    /// Replaces the challenges of the best response with those of all branches.
    private func withAllChallenges(_ buffer: inout PooledBuffer, _ server: UInt32) {
        guard case .complete = message.pointee.parse(buffer.bytes, as: .datagram) else { return }
        edits.pointee.removeAll()
        for name in [HeaderName.wwwAuthenticate, .proxyAuthenticate] {
            var index = message.pointee.first(name)
            while index >= 0 {
                edits.pointee.removeHeader(index, of: message.pointee)
                index = message.pointee.next(after: index)
            }
        }
        edits.pointee.begin(at: message.pointee.headersEnd)
        edits.pointee.append(table.pointee.servers[server].pointee.challenges.bytes)
        edits.pointee.end()
        let combined = storeEdited()
        guard !combined.isNone else { return }
        table.pointee.buffers.give(back: &buffer)
        buffer = combined
    }
}
