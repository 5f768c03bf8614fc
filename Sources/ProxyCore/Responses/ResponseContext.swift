public import Reactor
public import SIPMessage

/// The response being handled: its message, pending edits and whether it goes on. One a worker, reused.
public final class ResponseContext {
    public let message: UnsafeMutablePointer<SIPMessage>
    public let edits: UnsafeMutablePointer<MessageEdits>
    /// Kept behind a pointer: the packet path reads and writes it without exclusivity checks.
    private let state: UnsafeMutablePointer<ResponseState>

    private let rewriter: MessageRewriter
    private let counters: CounterBlock

    init(
        message: UnsafeMutablePointer<SIPMessage>, edits: UnsafeMutablePointer<MessageEdits>, rewriter: MessageRewriter,
        counters: CounterBlock
    ) {
        self.rewriter = rewriter
        self.counters = counters
        self.message = message
        self.edits = edits
        state = .allocate(capacity: 1)
        state.initialize(to: ResponseState())
    }

    deinit {
        state.deinitialize(count: 1).deallocate()
    }

    func begin(source: SocketAddress, now: UInt64) {
        edits.pointee.removeAll()
        state.pointee = ResponseState(source: source, now: now)
    }

    /// Applies the pending edits, as `RequestContext.synchronise`.
    public func synchronise() -> Bool {
        edits.pointee.isEmpty || rewriter.apply(&edits.pointee, to: &message.pointee)
    }

    /// Counts a handler run that failed.
    public func noteScriptFailure() {
        counters.add(ProxyCounter.scriptFailures.rawValue)
    }

    public var source: SocketAddress { state.pointee.source }

    public var now: UInt64 { state.pointee.now }

    /// Set by the logic: a provisional response is not to be forwarded. Final ones always are.
    public var isDropped: Bool {
        get { state.pointee.isDropped }
        set { state.pointee.isDropped = newValue }
    }

    /// A transaction is held here, and so the response to a request this worker forwarded statefully.
    public internal(set) var isStateful: Bool {
        get { state.pointee.isStateful }
        set { state.pointee.isStateful = newValue }
    }

    /// Handlers of the transaction, none when it is stateless.
    public internal(set) var handlers: TransactionHandlers {
        get { state.pointee.handlers }
        set { state.pointee.handlers = newValue }
    }
}

/// What a `ResponseContext` knows beside the message: plain values, renewed for each response.
private struct ResponseState {
    var source = SocketAddress.none
    var now: UInt64 = 0
    var isDropped = false
    var isStateful = false
    var handlers = TransactionHandlers()
}
