/// Milliseconds of the worker's clock (CLOCK_MONOTONIC unless a manual clock was injected).
public typealias Milliseconds = UInt64

/// The worker's outgoing side: datagrams are composed in place in its send arena. Tests use an in-memory one.
public protocol DatagramSink: AnyObject {
    /// Room for one datagram in the send arena. At most `capacity` bytes and never more than `datagramBytesMax`: a larger wish gets
    /// a buffer of that size, and the message that does not fit into it is the caller's to refuse. The room stays valid until the
    /// next `reserve`, which may reuse it when no `commit` came between.
    func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer

    /// Queues the first `count` bytes of the last reservation for `address` through the listener of that index. They leave with the
    /// batch, in order within the listener. What the kernel refuses comes back as `WorkerDelegate.sendFailed`.
    func commit(_ count: Int, to address: SocketAddress, listener: Int)

    /// The same with the local address that the datagram must leave from (its port is ignored): for a listener bound to a
    /// wildcard address on a machine with several.
    func commit(_ count: Int, to address: SocketAddress, listener: Int, localAddress: SocketAddress)
}

extension DatagramSink {
    public func commit(_ count: Int, to address: SocketAddress, listener: Int, localAddress: SocketAddress) {
        commit(count, to: address, listener: listener)
    }
}

/// The most that fits into one reservation; UDP over IPv4 carries 65,507 of them.
public let datagramBytesMax = 65_535

/// One address the server listens on; every worker has a socket of its own bound to it.
public struct Listener: Sendable, Hashable {
    /// Position in the configuration, and the `listener` of every call.
    public let index: Int
    /// As bound: the real port also where 0 was asked for.
    public let address: SocketAddress

    public init(index: Int, address: SocketAddress) {
        self.index = index
        self.address = address
    }
}
