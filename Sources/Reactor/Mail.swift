/// A letter between threads: what one worker tells another without sharing memory.
///
/// The fields' meaning is the sender's and receiver's own, told apart by `kind`. Posting copies the payload; on the receiving side
/// the bytes belong to the receiver until `WorkerDelegate.mail` returns, also for changing them in place.
public struct Mail: ~Copyable {
    /// The payload bytes that travel inside a mailbox cell; larger ones are copied into a block of their own.
    public static let payloadInlineBytesMax = 2_048
    /// Larger payloads are refused.
    public static let payloadBytesMax = 65_535

    /// Kinds from here up are the reactor's own; posting one of them is refused.
    public static let kindReservedFirst: UInt32 = 0xFFFF_FF00

    public var kind: UInt32
    public var listener: Int
    public var address: SocketAddress
    public var word0: UInt64
    public var word1: UInt64
    public var payload: UnsafeRawBufferPointer

    public init(
        kind: UInt32, listener: Int = 0, address: SocketAddress = .none, word0: UInt64 = 0, word1: UInt64 = 0,
        payload: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) {
        self.kind = kind
        self.listener = listener
        self.address = address
        self.word0 = word0
        self.word1 = word1
        self.payload = payload
    }
}
