public import Reactor

/// Every limit of connections, by name.
public struct StreamSettings: Sendable, Equatable {
    /// Connections of the process, accepted and opened together. Further ones are closed, or not opened.
    public var connectionsMax = 10_000
    /// Accepted connections from one IP address.
    public var connectionsPerSourceMax = 1_000
    /// A connection by which nothing went for so long is closed.
    public var idleMilliseconds: Int64 = 600_000
    public var connectMilliseconds: Int64 = 5_000
    /// How long a TLS handshake may take.
    public var handshakeMilliseconds: Int64 = 5_000
    /// Bytes that may wait for a peer that reads slowly; beyond, its connection is closed.
    public var writeQueueBytesMax = 1 << 20
    public var webSocket = WebSocketSettings()
    /// Threads that serve all connections.
    public var threads = 1

    public init() {}
}

/// Where connections are accepted.
public struct StreamListener: Sendable {
    /// With its transport. Port 0: the system chooses.
    public var address: Reactor.SocketAddress
    /// The proxy's number for it.
    public var index: Int

    public init(address: Reactor.SocketAddress, index: Int) {
        self.address = address
        self.index = index
    }
}
