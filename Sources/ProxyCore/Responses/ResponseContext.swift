public import Reactor
public import SIPMessage

/// The response being handled: its message, pending edits and whether it goes on. One a worker, reused.
public final class ResponseContext {
    public let message: UnsafeMutablePointer<SIPMessage>
    public let edits: UnsafeMutablePointer<MessageEdits>
    public internal(set) var source = SocketAddress.none
    public internal(set) var now: UInt64 = 0
    /// Set by the logic: a provisional response is not to be forwarded. Final ones always are.
    public var isDropped = false
    /// A transaction is held here, and so the response to a request this worker forwarded statefully.
    public internal(set) var isStateful = false
    /// Handlers of the transaction, none when it is stateless.
    public internal(set) var handlers = TransactionHandlers()

    init(message: UnsafeMutablePointer<SIPMessage>, edits: UnsafeMutablePointer<MessageEdits>) {
        self.message = message
        self.edits = edits
    }

    func begin(source: SocketAddress, now: UInt64) {
        edits.pointee.removeAll()
        self.source = source
        self.now = now
        isDropped = false
        isStateful = false
        handlers = TransactionHandlers()
    }
}
