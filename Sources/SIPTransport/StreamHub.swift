internal import NIOCore
internal import NIOPosix
public import ProxyCore
public import Reactor
internal import Synchronization

/// All connections of the process: accepts and opens them, knows them by their peers' addresses.
///
/// `init` and `stop` are for the control side; the rest may be called from any thread.
public final class StreamHub: StreamSender, @unchecked Sendable {
    struct Registry {
        var connections: [Reactor.SocketAddress: StreamConnection] = [:]
        /// What peers have proved to be called.
        var identities: [Reactor.SocketAddress: [String]] = [:]
        /// Accepted connections of each IP address, under port 0.
        var accepted: [Reactor.SocketAddress: Int] = [:]
        var count = 0
        var isStopped = false
    }

    let settings: StreamSettings
    let counters = StreamCounters()
    /// As bound, in the order given.
    public private(set) var listeners: [StreamListener] = []
    let workers: [Worker]
    let group: MultiThreadedEventLoopGroup
    let readers: [ObjectIdentifier: HeaderReader]
    let registry = Monitor(Registry())
    private let secrets: Monitor<TLSCredentials?>
    /// Bytes that workers have posted and event loops have not seen yet.
    let postedBytes = Atomic<Int>(0)
    static let postedBytesMax = 64 << 20

    /// Binds all listeners and accepts from now on; what comes waits in the workers' mailboxes until they run.
    ///
    /// - Parameter credentials: for TLS; needed when one of the listeners is secure.
    /// - Throws: `StreamError` naming the address that could not be bound.
    public init(
        _ settings: StreamSettings, listeners: [StreamListener], workers: [Worker], credentials: TLSCredentials? = nil
    ) throws {
        precondition(!workers.isEmpty && settings.threads > 0, "at least one worker and one thread")
        precondition(
            credentials != nil || !listeners.contains { $0.address.transport.isSecure }, "TLS needs credentials")
        self.settings = settings
        secrets = Monitor(credentials)
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
            .childChannelInitializer { channel in self.accept(channel, by: listener) }
        if listener.address.isIPv6 {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.ipv6_v6only), value: 1)
        }
        do {
            let channel = try bootstrap.bind(to: try listener.address.forChannels).wait()
            guard let bound = channel.localAddress.flatMap({ Reactor.SocketAddress(channels: $0) }) else {
                return listener
            }
            return StreamListener(
                address: bound.withTransport(listener.address.transport), index: listener.index)
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

    // MARK: Credentials

    /// What handshakes that begin now use.
    var credentials: TLSCredentials? { secrets.withLock { $0 } }

    /// Handshakes from now on use these; connections that are open stay as they are.
    public func replace(_ credentials: TLSCredentials) { secrets.withLock { $0 = credentials } }

    /// Seconds since 1970; nil without a certificate.
    public var certificateValidUntilSeconds: Int? { credentials?.validUntilSeconds }

    // MARK: Connections

    private func accept(_ channel: any Channel, by listener: StreamListener) -> EventLoopFuture<Void> {
        guard let address = channel.remoteAddress.flatMap({ Reactor.SocketAddress(channels: $0) }),
            let reader = readers[ObjectIdentifier(channel.eventLoop)]
        else { return channel.eventLoop.makeFailedFuture(StreamRefusal()) }
        let peer = address.withTransport(listener.address.transport)
        let connection = StreamConnection(
            peer: peer, isAccepted: true, loop: channel.eventLoop, listener: listener.index,
            worker: worker(for: peer), hub: self, reader: reader)
        let refusal: StreamCounter? = registry.withLock { registry in
            guard !registry.isStopped, registry.count < settings.connectionsMax else { return .refusedTotal }
            let source = Self.source(of: peer)
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
            if registry.connections[connection.peer] === connection {
                registry.connections[connection.peer] = nil
                registry.identities[connection.peer] = nil
            }
            registry.count -= 1
            counters.set(.open, registry.count)
            guard connection.isAccepted else { return }
            let source = Self.source(of: connection.peer)
            let left = registry.accepted[source, default: 1] - 1
            registry.accepted[source] = left > 0 ? left : nil
        }
    }

    /// Its transports count together.
    private static func source(of peer: Reactor.SocketAddress) -> Reactor.SocketAddress {
        peer.withPort(0).withTransport(.tcp)
    }

    func note(_ identities: [String], of connection: StreamConnection) {
        registry.withLock { registry in
            guard registry.connections[connection.peer] === connection else { return }
            registry.identities[connection.peer] = identities
        }
    }

    public func identities(of connection: Reactor.SocketAddress) -> [String] {
        registry.withLock { $0.identities[connection] ?? [] }
    }

    func worker(for peer: Reactor.SocketAddress) -> Worker {
        // The top bits depend on all bits below; the lowest of a port do not differ between the ports that Linux gives out.
        let hash = (peer.high ^ peer.low << 16 ^ UInt64(peer.port)) &* 0x9E37_79B9_7F4A_7C15
        return workers[Int(((hash >> 32) * UInt64(workers.count)) >> 32)]
    }
}

/// An address that could not be listened on.
public struct StreamError: Error, Sendable, CustomStringConvertible {
    public var address: Reactor.SocketAddress
    public var reason: String

    public var description: String { "cannot listen on \(address.transport.name):\(address): \(reason)" }
}

/// A limit was reached: the connection is closed by its bootstrap.
private struct StreamRefusal: Error {}
