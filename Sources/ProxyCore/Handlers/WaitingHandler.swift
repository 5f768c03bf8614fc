internal import Reactor
internal import SIPMessage

/// What a handler waits for.
@frozen
public enum HandlerWait: Sendable, BitwiseCopyable {
    /// So many milliseconds to pass.
    case time(UInt64)
    /// An answer by `Proxy.wake`, at most so many milliseconds.
    case value(UInt64)
    /// What becomes of the request that it relayed.
    case outcome
}

/// What a waiting handler goes on with.
public enum WaitResult: Sendable {
    /// The time has passed.
    case elapsed
    /// What came; the routing logic knows what it is.
    case value(any Sendable)
    /// Nothing came in time.
    case expired
    /// The request has come to this final response.
    case answered(Int)
}

/// Names a handler that waits, for as long as it does: what an answer from another thread brings back.
public struct WaitToken: Sendable, Hashable {
    let slot: UInt32
    let serial: UInt64
}

/// A handler that waits. Its request is held by a server transaction, until that has its final response.
struct WaitingHandler: BitwiseCopyable {
    /// 0: the request has been answered, and `request` is what is left of it.
    var server: UInt32
    /// Of the token; 0: the slot is free.
    var serial: UInt64
    /// The routing logic's number for the handler.
    let handler: UInt64
    let wait: HandlerWait
    /// It was asked what to do after a failure.
    let isFailure: Bool
    var timer: UInt32 = 0
    // Of a request that has been answered.
    var code = 0
    var request = PooledBuffer.none
    var source = SocketAddress.none
    var listener = 0
    /// Generation of the routing logic; retained.
    var generation: UInt16 = 0
}

/// The waiting handlers of one worker.
struct HandlerTable: ~Copyable {
    var waiting: SlotPool<WaitingHandler>
    private var latestSerial: UInt64 = 0

    init(waitingMax: Int) {
        waiting = SlotPool(capacity: waitingMax)
    }

    var hasRoom: Bool { waiting.count < waiting.capacity }

    /// 0: no room.
    mutating func enter(_ handler: WaitingHandler) -> UInt32 {
        latestSerial += 1
        let slot = waiting.take(handler)
        if slot != 0 { waiting[slot].pointee.serial = latestSerial }
        return slot
    }

    mutating func leave(_ slot: UInt32) {
        waiting[slot].pointee.serial = 0
        waiting.give(back: slot)
    }

    func token(_ slot: UInt32) -> WaitToken { WaitToken(slot: slot, serial: waiting[slot].pointee.serial) }

    func isCurrent(_ token: WaitToken) -> Bool {
        token.serial != 0 && waiting[token.slot].pointee.serial == token.serial
    }
}

extension RequestContext {
    /// The handler waits: the request is held until it goes on. A verdict `relay` is carried out meanwhile, and must come
    /// with `.outcome`.
    ///
    /// - Parameter handler: the routing logic's number for the handler, not 0.
    public func wait(_ wait: HandlerWait, handler: UInt64) {
        if verdict == .none { verdict = .wait }
        state.pointee.wait = wait
        state.pointee.handler = handler
    }

    /// Whether there is a transaction that could wait: an ACK has none (RFC 3261 §17), and a CANCEL whose INVITE is not
    /// held here goes after it at once or never.
    public var mayWait: Bool { message.pointee.method != .ack && message.pointee.method != .cancel }

    /// The request has its final response; nothing can be decided any more.
    public var isAnswered: Bool { answeredCode > 0 }

    /// That final response; 0: there is none yet.
    public var answeredCode: Int { state.pointee.answeredCode }

    /// The handler that waits; 0: none.
    var handler: UInt64 { state.pointee.handler }
}
