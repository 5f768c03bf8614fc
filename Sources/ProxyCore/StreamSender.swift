public import Reactor

/// Names the client transaction that sent a request by a connection, for the moment when that fails.
public struct StreamTicket: Sendable, BitwiseCopyable {
    /// The worker that holds it.
    public var worker: Int
    /// Its slot; 0: nobody needs to know.
    public var client: UInt32
    /// Of its branch, for a slot may have found another use meanwhile.
    public var hash: UInt64

    public init(worker: Int, client: UInt32, hash: UInt64) {
        self.worker = worker
        self.client = client
        self.hash = hash
    }
}

/// The connections of this process as a worker sees them: where messages for all transports but UDP go.
///
/// A connection is named by its peer's address and port, with the transport. Called on workers' threads; never blocks.
public protocol StreamSender: AnyObject {
    /// Sends a message, which is copied. A failure comes as `StreamMail.failed`, later and never from inside the call.
    ///
    /// - Parameters:
    ///   - destination: sent to by an open connection to it, or by a new one.
    ///   - connection: preferred while it is open; `.none`: no preference.
    ///   - listener: the index of the proxy's listener whose address a new connection leaves from.
    func send(
        _ message: UnsafeRawBufferPointer, to destination: SocketAddress, connection: SocketAddress, listener: Int,
        ticket: StreamTicket)

    /// The names that the peer of a connection has proved by its certificate: URIs and DNS names (RFC 5922 §7.1). Empty
    /// without a verified one.
    func identities(of connection: SocketAddress) -> [String]

    /// Closes a connection after what was sent by it.
    func close(_ connection: SocketAddress)
}

/// Kinds of mail from connections to the workers.
public enum StreamMail {
    /// A whole message; `address` names the connection.
    public static let message: UInt32 = 2
    /// The beginning of what is no message or is too large.
    public static let unframed: UInt32 = 3
    /// A request could not be sent to `address`; `word0` and `word1`: client and hash of its ticket.
    public static let failed: UInt32 = 4
}
