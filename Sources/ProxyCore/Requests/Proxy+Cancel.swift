internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// RFC 3261 §9 and §16.10: CANCEL from upstream, and CANCEL of our own branches.
extension Proxy {
    /// A CANCEL whose INVITE is held here. Answered without state: its retransmissions get the same answer.
    func receivedCancel(of invite: UInt32, key: TransactionKey, from source: SocketAddress, listener: Int, now: UInt64)
    {
        count(.cancelsReceived)
        request.begin(source: source, listener: listener, now: now)
        request.needsReceived = needsReceivedParameter(source)
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        replyStatelessly(code: 200, reason: empty, headers: empty, key: key)
        guard !table.pointee.servers[invite].pointee.flags.contains(.finalSent) else { return }
        cancelRequest(invite, now: now)
    }

    /// Ends a held INVITE that nobody has answered yet as its CANCEL does.
    func cancelRequest(_ invite: UInt32, now: UInt64) {
        let slot = table.pointee.servers[invite]
        slot.pointee.flags.insert(.cancelled)
        var hadWaiting = slot.pointee.firstWaiting != 0
        if slot.pointee.waitingHandler != 0, slot.pointee.pendingCount == 0 {
            // It waits for something else than branches, and the call it would decide about is over.
            abandonHandler(invite)
            considerLocal(invite, code: 487)
            hadWaiting = true
        }
        cancelBranches(invite, now: now)
        if hadWaiting, slot.pointee.pendingCount == 0 { finishContext(invite, now: now) }
    }

    /// Cancels every branch without a final response (§16.7 step 10).
    func cancelBranches(_ server: UInt32, now: UInt64) {
        if table.pointee.servers[server].pointee.firstWaiting != 0 {
            // Nothing was sent that could be cancelled.
            dropWaiting(of: server)
            considerLocal(server, code: 487)
        }
        var client = table.pointee.servers[server].pointee.firstClient
        while client != 0 {
            let slot = table.pointee.clients[client]
            // Cancelling may put a new transaction in front of the list, never behind this one.
            let next = slot.pointee.nextOfServer
            if slot.pointee.machine.isInvite, slot.pointee.flags.isDisjoint(with: [.finished, .cancelSent]) {
                if slot.pointee.machine.isProceeding {
                    sendCancel(client, now: now)
                } else {
                    slot.pointee.flags.insert(.cancelWanted)
                }
            }
            client = next
        }
    }

    /// Sends CANCEL for a branch in Proceeding, as a client transaction of its own.
    func sendCancel(_ client: UInt32, now: UInt64) {
        let slot = table.pointee.clients[client]
        slot.pointee.flags.remove(.cancelWanted)
        slot.pointee.flags.insert(.cancelSent)
        // §9.1: without a final response 64·T1 after the CANCEL the branch counts as ended.
        slot.pointee.giveUpAt = now &+ settings.timers.transactionTimeoutMilliseconds
        if !table.pointee.armClient(client) { count(.timersRefused) }
        guard case .complete = storedMessage.pointee.parse(slot.pointee.request.bytes, as: .datagram) else { return }
        let written = RequestWriter.writeCancel(for: storedMessage.pointee, into: scratch)
        guard written > 0 else { return count(.messageOverflows) }
        let cancel = UnsafeRawBufferPointer(rebasing: scratch[..<written])
        transmit(cancel, to: slot.pointee.destination, listener: Int(slot.pointee.listener))
        count(.cancelsSent)
        // Without memory it is sent just once.
        let bytes = takeBlock(copying: cancel)
        guard !bytes.isNone else { return }
        var key = slot.pointee.key
        key.method = .cancel
        let departure = Departure(
            destination: slot.pointee.destination, listener: Int(slot.pointee.listener), strictRoute: nil)
        _ = createClient(server: 0, key: key, isInvite: false, departure: departure, request: bytes, now: now)
    }
}
