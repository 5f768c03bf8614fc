internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// The way out: datagrams to the sink, everything else to the connections.
extension Proxy {
    /// Sends bytes as they are.
    ///
    /// - Parameters:
    ///   - connection: of a response to a request that came by a connection: the peer's end of it (RFC 3261 §18.2.2).
    ///   - client: the client transaction that is to learn of a failure; 0: none.
    func transmit(
        _ bytes: UnsafeRawBufferPointer, to destination: SocketAddress, listener: Int,
        connection: SocketAddress = .none, client: UInt32 = 0
    ) {
        guard let source = bytes.baseAddress else { return }
        guard destination.transport == .udp else {
            meter.pointee.sent()
            return sendByStream(bytes, to: destination, listener: listener, connection: connection, client: client)
        }
        let room = sink.reserve(bytes.count)
        guard room.count >= bytes.count, let start = room.baseAddress else { return count(.messageOverflows) }
        start.copyMemory(from: source, byteCount: bytes.count)
        meter.pointee.sent()
        sink.commit(bytes.count, to: destination, listener: listener)
    }

    /// Sends a request made here, as a client transaction without a server. Without memory it is sent just once.
    ///
    /// - Parameter answerMilliseconds: how long its final answer may take; 0: as the transaction's timer says.
    /// - Returns: the client transaction; 0: there is none.
    @discardableResult
    func sendOwn(
        _ bytes: UnsafeRawBufferPointer, _ key: ClientKey, to departure: Departure, now: UInt64,
        answerMilliseconds: UInt64 = 0, probed: Unmanaged<TargetCell>? = nil
    ) -> UInt32 {
        let stored = takeBlock(copying: bytes)
        var client: UInt32 = 0
        if !stored.isNone {
            client = createClient(
                server: 0, key: key, isInvite: false, departure: departure, request: stored, now: now,
                answerMilliseconds: UInt32(truncatingIfNeeded: answerMilliseconds))
        }
        if client != 0 {
            table.pointee.clients[client].pointee.flags.insert(.own)
            table.pointee.clients[client].pointee.probed = probed
            table.pointee.recentSends.note(client: client)
        }
        transmit(bytes, to: departure.destination, listener: departure.listener, client: client)
        return client
    }

    /// Serialises the current message with its edits and sends it. False: it does not fit.
    func transmitEdited(to destination: SocketAddress, listener: Int, connection: SocketAddress = .none) -> Bool {
        guard !edits.pointee.overflowed else {
            count(.messageOverflows)
            return false
        }
        let room = sink.reserve(edits.pointee.serialisedCount(message.pointee))
        let written = edits.pointee.serialise(message.pointee, into: room)
        guard written > 0 else {
            count(.messageOverflows)
            return false
        }
        finish(room, written, to: destination, listener: listener, connection: connection)
        return true
    }

    /// Sends what was written into the last reservation.
    @inline(__always)
    func finish(
        _ room: UnsafeMutableRawBufferPointer, _ written: Int, to destination: SocketAddress, listener: Int,
        connection: SocketAddress
    ) {
        meter.pointee.sent()
        guard destination.transport == .udp else {
            // Not committed: the next reservation takes the same room.
            return sendByStream(
                UnsafeRawBufferPointer(rebasing: room[..<written]), to: destination, listener: listener,
                connection: connection, client: 0)
        }
        sink.commit(written, to: destination, listener: listener)
    }

    @inline(never)
    private func sendByStream(
        _ bytes: UnsafeRawBufferPointer, to destination: SocketAddress, listener: Int, connection: SocketAddress,
        client: UInt32
    ) {
        guard let streams else { return count(.targetsUnresolvable) }
        let hash = client == 0 ? 0 : table.pointee.clients[client].pointee.key.hash
        streams.send(
            bytes, to: destination, connection: connection, listener: listener,
            ticket: StreamTicket(worker: workerIndex, client: client, hash: hash))
    }

    /// A message that a connection brought and that can't be read: answered as far as possible, then the connection is
    /// closed, for nobody knows where the next message begins (RFC 3261 §18.3).
    func receivedUnframed(_ bytes: UnsafeRawBufferPointer, from source: SocketAddress, listener: Int, now: UInt64) {
        switch message.pointee.parse(bytes, as: .stream) {
        case .malformed(let error):
            receivedMalformed(error, from: source, listener: listener, now: now)
        case .complete, .incomplete, .tooLarge, .keepAlive:
            count(.tooLarge)
            answerMalformed(code: 513, text: "Message Too Large", from: source, listener: listener, now: now)
        }
        streams?.close(source)
    }

    /// A connection could not take the request of a client transaction: RFC 3261 §17.1.4.
    func streamFailed(_ ticket: StreamTicket, to destination: SocketAddress, now: UInt64) {
        let client = ticket.client
        guard client != 0, table.pointee.clients[client].pointee.timer != 0 else { return }
        let slot = table.pointee.clients[client]
        guard slot.pointee.key.hash == ticket.hash, slot.pointee.destination == destination,
            slot.pointee.flags.isDisjoint(with: [.expired, .finished])
        else { return }
        let actions = slot.pointee.machine.transportFailed(timers: settings.timers, now: now)
        guard !actions.isEmpty else { return }
        count(.transportFailures)
        request.now = now
        finishClient(client, actions, now: now)
    }
}
