internal import NIOCore
internal import NIOPosix
public import ProxyCore
public import Reactor
internal import Synchronization

/// All connections of the process: accepts and opens them, knows them by their peers' addresses.
///
/// `init` and `stop` are for the control side; the rest may be called from any thread.
public final class StreamHub: StreamSender, @unchecked Sendable {
    private struct Registry {
        var connections: [Reactor.SocketAddress: StreamConnection] = [:]
        /// Accepted connections of each IP address, under port 0.
        var accepted: [Reactor.SocketAddress: Int] = [:]
        var count = 0
        var isStopped = false
    }

    let settings: StreamSettings
    let counters = StreamCounters()
    /// As bound, in the order given.
    public private(set) var listeners: [StreamListener] = []
    private let workers: [Worker]
    private let group: MultiThreadedEventLoopGroup
    private let readers: [ObjectIdentifier: HeaderReader]
    private let registry = Monitor(Registry())
    /// Bytes that workers have posted and event loops have not seen yet.
    private let postedBytes = Atomic<Int>(0)
    private static let postedBytesMax = 64 << 20

    /// Binds all listeners and accepts from now on; what comes waits in the workers' mailboxes until they run.
    ///
    /// - Throws: `StreamError` naming the address that could not be bound.
    public init(_ settings: StreamSettings, listeners: [StreamListener], workers: [Worker]) throws {
        precondition(!workers.isEmpty && settings.threads > 0, "at least one worker and one thread")
        self.settings = settings
        self.workers = workers
        group = MultiThreadedEventLoopGroup(numberOfThreads: settings.threads)
        readers = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), HeaderReader()) })
        do {
            for listener in listeners { self.listeners.append(try bind(listener)) }
        } catch {
            stop()
            throw error
        }
    }

    private func bind(_ listener: StreamListener) throws -> StreamListener {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in self.accept(channel, listener: listener.index) }
        if listener.address.isIPv6 {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.ipv6_v6only), value: 1)
        }
        do {
            let channel = try bootstrap.bind(to: try listener.address.forChannels).wait()
            guard let bound = channel.localAddress.flatMap({ Reactor.SocketAddress(channels: $0) }) else {
                return listener
            }
            return StreamListener(address: bound, index: listener.index)
        } catch {
            throw StreamError(address: listener.address, reason: "\(error)")
        }
    }

    /// Closes everything and waits for it. Does nothing the second time.
    public func stop() {
        let wasStopped = registry.withLock { registry in
            defer { registry.isStopped = true }
            return registry.isStopped
        }
        if !wasStopped { try? group.syncShutdownGracefully() }
    }

    /// A recent value.
    public func value(_ counter: StreamCounter) -> UInt64 { counters.value(counter) }

    // MARK: Connections

    private func accept(_ channel: any Channel, listener: Int) -> EventLoopFuture<Void> {
        guard let peer = channel.remoteAddress.flatMap({ Reactor.SocketAddress(channels: $0) }),
            let reader = readers[ObjectIdentifier(channel.eventLoop)]
        else { return channel.eventLoop.makeFailedFuture(StreamRefusal()) }
        let connection = StreamConnection(
            peer: peer, isAccepted: true, loop: channel.eventLoop, listener: listener, worker: worker(for: peer),
            hub: self, reader: reader)
        let refusal: StreamCounter? = registry.withLock { registry in
            guard !registry.isStopped, registry.count < settings.connectionsMax else { return .refusedTotal }
            let source = peer.withPort(0)
            guard registry.accepted[source, default: 0] < settings.connectionsPerSourceMax else {
                return .refusedSource
            }
            registry.accepted[source, default: 0] += 1
            registry.count += 1
            registry.connections[peer] = connection
            counters.set(.open, registry.count)
            return nil
        }
        if let refusal {
            counters.add(refusal)
            return channel.eventLoop.makeFailedFuture(StreamRefusal())
        }
        counters.add(.accepted)
        return connection.addHandlers(to: channel)
    }

    func forget(_ connection: StreamConnection) {
        registry.withLock { registry in
            if registry.connections[connection.peer] === connection { registry.connections[connection.peer] = nil }
            registry.count -= 1
            counters.set(.open, registry.count)
            guard connection.isAccepted else { return }
            let source = connection.peer.withPort(0)
            let left = registry.accepted[source, default: 1] - 1
            registry.accepted[source] = left > 0 ? left : nil
        }
    }

    private func worker(for peer: Reactor.SocketAddress) -> Worker {
        // The top bits depend on all bits below; the lowest of a port do not differ between the ports that Linux gives out.
        let hash = (peer.high ^ peer.low << 16 ^ UInt64(peer.port)) &* 0x9E37_79B9_7F4A_7C15
        return workers[Int(((hash >> 32) * UInt64(workers.count)) >> 32)]
    }

    // MARK: Sending

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

    /// The open connection for a message, or a new one that is still to be connected. nil: there may be no more.
    func find(
        for message: OutgoingMessage, preferring preferred: Reactor.SocketAddress
    ) -> (StreamConnection, isNew: Bool)? {
        registry.withLock { registry in
            guard !registry.isStopped else { return nil }
            if !preferred.isNone, let found = registry.connections[preferred] { return (found, false) }
            if let found = registry.connections[message.destination] { return (found, false) }
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

/// An address that could not be listened on.
public struct StreamError: Error, Sendable, CustomStringConvertible {
    public var address: Reactor.SocketAddress
    public var reason: String

    public var description: String { "cannot listen on tcp:\(address): \(reason)" }
}

/// A limit was reached: the connection is closed by its bootstrap.
private struct StreamRefusal: Error {}
