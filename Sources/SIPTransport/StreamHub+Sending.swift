internal import NIOCore
internal import NIOPosix
public import ProxyCore
public import Reactor
internal import Synchronization

// Messages find their connection, or a new one.
extension StreamHub {
    public func send(
        _ message: UnsafeRawBufferPointer, to destination: Reactor.SocketAddress,
        connection: Reactor.SocketAddress, listener: Int, ticket: StreamTicket
    ) {
        let outgoing = OutgoingMessage(
            bytes: ByteBuffer(bytes: message), destination: destination, listener: listener, ticket: ticket)
        let posted = postedBytes.wrappingAdd(message.count, ordering: .relaxed).newValue
        guard posted <= Self.postedBytesMax else {
            postedBytes.wrappingSubtract(message.count, ordering: .relaxed)
            return failed(outgoing)
        }
        guard let (target, isNew) = find(for: outgoing, preferring: connection) else {
            postedBytes.wrappingSubtract(message.count, ordering: .relaxed)
            return failed(outgoing)
        }
        let local = isNew ? listenAddress(listener) : .none
        target.loop.execute {
            self.postedBytes.wrappingSubtract(outgoing.bytes.readableBytes, ordering: .relaxed)
            target.send(outgoing)
            if isNew { target.connect(from: local) }
        }
    }

    public func close(_ connection: Reactor.SocketAddress) {
        guard let found = registry.withLock({ $0.connections[connection] }) else { return }
        found.loop.execute { found.finish() }
    }

    /// The open connection for a message, or a new one that is still to be connected. nil: there may be no more, or none
    /// by WebSocket.
    func find(
        for message: OutgoingMessage, preferring preferred: Reactor.SocketAddress
    ) -> (StreamConnection, isNew: Bool)? {
        registry.withLock { registry in
            guard !registry.isStopped else { return nil }
            if !preferred.isNone, let found = registry.connections[preferred] { return (found, false) }
            if let found = registry.connections[message.destination] { return (found, false) }
            // RFC 7118 §5: only clients open them.
            guard !message.destination.transport.isWebSocket else { return nil }
            guard registry.count < settings.connectionsMax else {
                counters.add(.refusedTotal)
                return nil
            }
            let loop = group.next()
            guard let reader = readers[ObjectIdentifier(loop)] else { return nil }
            let made = StreamConnection(
                peer: message.destination, isAccepted: false, loop: loop, listener: message.listener,
                worker: worker(for: message.destination), hub: self, reader: reader)
            registry.connections[message.destination] = made
            registry.count += 1
            counters.set(.open, registry.count)
            return (made, true)
        }
    }

    private func listenAddress(_ index: Int) -> Reactor.SocketAddress {
        listeners.first { $0.index == index }?.address ?? .none
    }

    /// A message that an open connection turned out unable to take: once more by a fresh one.
    func retry(_ message: OutgoingMessage) {
        guard !message.isRetry else { return failed(message) }
        var again = message
        again.isRetry = true
        guard let (target, isNew) = find(for: again, preferring: .none) else { return failed(message) }
        counters.add(.sendRetries)
        let local = isNew ? listenAddress(message.listener) : .none
        target.loop.execute { [again] in
            target.send(again)
            if isNew { target.connect(from: local) }
        }
    }

    func failed(_ message: OutgoingMessage) {
        counters.add(.sendFailures)
        guard message.ticket.client != 0, workers.indices.contains(message.ticket.worker) else { return }
        // A full mailbox loses the news: the transaction ends by its timer then, and the worker has counted that.
        _ = workers[message.ticket.worker].post(
            Mail(
                kind: StreamMail.failed, listener: message.listener, address: message.destination,
                word0: UInt64(message.ticket.client), word1: message.ticket.hash))
    }
}
