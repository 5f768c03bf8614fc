internal import ProxyCore
internal import Reactor
internal import SIPMessage
internal import StatePolicy

/// What the bindings reach while a handler runs: the message in hand, its pending edits, what was asked so far.
/// One a VM, behind a pointer; worker-owned.
///
/// Edits are gathered and applied late. `touched` remembers which headers they concern, as a set of bits where
/// collisions do no harm, so that only a read of an edited header applies them (`synchronise`).
struct ScriptHost {
    /// Edits and inserted bytes gathered before they are applied: well below what `MessageEdits` holds, for the
    /// core adds its own at the end.
    static let pendingEditsMax = 40
    static let pendingBytesMax = 24_576

    /// Set while a handler for a request runs; the core's context outlives it.
    unowned(unsafe) private(set) var request: RequestContext?
    /// The same for a reply.
    unowned(unsafe) private(set) var response: ResponseContext?
    private(set) var message: UnsafeMutablePointer<SIPMessage>?
    private(set) var edits: UnsafeMutablePointer<MessageEdits>?

    private var touched: UInt64 = 0
    private var pendingEdits = 0
    private var pendingBytes = 0
    /// Edits were lost because the message would not fit a datagram: the handler has failed, whatever it does.
    private(set) var isOverflowed = false

    /// The message as it was before the first edit, for handlers whose failure lets it go on unedited.
    private var original: UnsafeMutableRawBufferPointer?
    private var originalCount = 0
    private var keepsOriginal = false

    /// Until when no Lua runs, in milliseconds, because the VM is full; see `ScriptRouting+Memory.swift`.
    var restsUntil: UInt64 = 0

    /// What the binding just called wants its handler to wait for.
    var wait: PendingWait?

    var timers = ScriptTimers()
    /// While a timer's function runs.
    var timerTime: UInt64 = 0

    var view: StateView?
    var choice: StateMode?

    let log: ScriptLog
    /// Of its own, so that made-up names of globals cannot push the places of errors out.
    private var globalsThrottle = ScriptErrorThrottle()
    let version: String
    let services: ScriptServices
    let logLine: UnsafeMutableRawBufferPointer
    /// Next hop of the last `to`, which mostly is the next one's as well. Names are fixed for a generation.
    let lastHopText: UnsafeMutableRawBufferPointer
    var lastHopCount = 0
    var lastHop = SocketAddress.none

    static let logLineBytesMax = 4_096
    private static let globalNameBytesMax = 128
    private static let lastHopBytesMax = 128

    init(log: ScriptLog, version: String, services: ScriptServices) {
        self.log = log
        self.version = version
        self.services = services
        logLine = .allocate(byteCount: Self.logLineBytesMax, alignment: 8)
        lastHopText = .allocate(byteCount: Self.lastHopBytesMax, alignment: 8)
    }

    func deallocate() {
        logLine.deallocate()
        lastHopText.deallocate()
        original?.deallocate()
    }

    // MARK: Life of a handler

    /// - Parameters:
    ///   - touched: headers that edits pending already concern.
    ///   - keepsOriginal: whether `restoreOriginal` will be wanted.
    mutating func begin(_ request: RequestContext, touched: UInt64, keepsOriginal: Bool) {
        self.request = request
        response = nil
        begin(request.message, request.edits, touched: touched, keepsOriginal: keepsOriginal)
    }

    mutating func begin(_ response: ResponseContext) {
        self.response = response
        request = nil
        begin(response.message, response.edits, touched: 0, keepsOriginal: true)
    }

    private mutating func begin(
        _ message: UnsafeMutablePointer<SIPMessage>, _ edits: UnsafeMutablePointer<MessageEdits>, touched: UInt64,
        keepsOriginal: Bool
    ) {
        self.message = message
        self.edits = edits
        self.touched = touched
        self.keepsOriginal = keepsOriginal
        pendingEdits = touched == 0 ? 0 : 1
        pendingBytes = 0
        originalCount = 0
        isOverflowed = false
    }

    mutating func end() {
        request = nil
        response = nil
        message = nil
        edits = nil
    }

    /// Traps outside of handlers, where the phases of the bindings let nothing come.
    var current: UnsafeMutablePointer<SIPMessage> {
        @inline(__always) get {
            guard let message else { preconditionFailure("a binding for messages runs without one") }
            return message
        }
    }

    var currentRequest: RequestContext {
        @inline(__always) get {
            guard let request else { preconditionFailure("a binding for requests runs without one") }
            return request
        }
    }

    var currentResponse: ResponseContext {
        @inline(__always) get {
            guard let response else { preconditionFailure("a binding for replies runs without one") }
            return response
        }
    }

    /// Empty outside of handlers.
    var callID: UnsafeRawBufferPointer {
        guard let message else { return .none }
        return message.pointee.bytes(message.pointee.callID)
    }

    /// Milliseconds; 0 outside of handlers.
    var now: UInt64 { request?.now ?? response?.now ?? 0 }

    /// Milliseconds, outside of handlers too.
    var time: UInt64 { request?.now ?? response?.now ?? (timerTime > 0 ? timerTime : services.clock()) }

    /// Says that a handler made a global: mostly a forgotten `local`.
    mutating func reportGlobal(_ name: UnsafeRawBufferPointer) {
        var hasher = Hasher()
        hasher.combine(bytes: name)
        let more: String
        switch globalsThrottle.admit(hasher.finalize(), now: now) {
        case .full: more = ""
        case .short(let leftOut): more = leftOut > 0 ? " (\(leftOut) more since the last such line)" : ""
        case .leaveOut: return
        }
        let text = String(decoding: name.prefix(Self.globalNameBytesMax), as: UTF8.self)
        log.write(
            .notice,
            "a handler wrote the global '\(text)', which later requests on this worker see; say 'local' if that is not wanted\(more)",
            callID: callID)
    }

    // MARK: Reading and editing by turns

    /// Applies pending edits when they may concern what `bits` stands for.
    @inline(__always)
    mutating func refresh(_ bits: UInt64) throws(ScriptFailure) {
        if touched & bits != 0 { try synchronise() }
    }

    /// Makes room for edits that insert so many bytes, and sees that what `fresh` stands for reads as edited.
    mutating func prepareEdits(_ count: Int = 1, byteCount: Int, fresh bits: UInt64) throws(ScriptFailure) {
        if touched & bits != 0 || pendingEdits + count > Self.pendingEditsMax
            || pendingBytes + byteCount > Self.pendingBytesMax
        {
            try synchronise()
        }
        pendingEdits += count
        pendingBytes += byteCount
    }

    /// Notes what an edit just made concerns.
    mutating func markEdited(_ bits: UInt64) {
        touched |= bits
    }

    /// Applies all pending edits: afterwards the message reads as edited.
    mutating func synchronise() throws(ScriptFailure) {
        guard let message, let edits else { preconditionFailure("edits without a message") }
        if !edits.pointee.isEmpty {
            if keepsOriginal, originalCount == 0 { keepOriginal(message) }
            let isDone = request?.synchronise() ?? response?.synchronise() ?? true
            guard isDone else {
                edits.pointee.removeAll()
                isOverflowed = true
                throw ScriptFailure("the message as edited would not fit a datagram")
            }
        }
        touched = 0
        pendingEdits = 0
        pendingBytes = 0
    }

    private mutating func keepOriginal(_ message: UnsafeMutablePointer<SIPMessage>) {
        let room = original ?? .allocate(byteCount: datagramBytesMax, alignment: 64)
        original = room
        let count = min(message.pointee.byteCount, room.count)
        guard let source = message.pointee.bytes.baseAddress, let target = room.baseAddress else { return }
        target.copyMemory(from: source, byteCount: count)
        originalCount = count
    }

    /// Takes back every edit of the handler.
    mutating func restoreOriginal() {
        guard let message, let edits else { return }
        edits.pointee.removeAll()
        if originalCount > 0, let original {
            _ = message.pointee.parse(UnsafeRawBufferPointer(rebasing: original[..<originalCount]), as: .datagram)
        }
        originalCount = 0
    }
}

extension HeaderName {
    /// The header in a set of touched ones.
    var touchedBit: UInt64 { 1 << UInt64(rawValue & 63) }

    /// The body in such a set: no script edits a Via, whose place it takes.
    static var bodyBit: UInt64 { HeaderName.via.touchedBit }

    /// The same for a header of any name.
    static func touchedBit(_ name: HeaderName, _ text: UnsafeRawBufferPointer) -> UInt64 {
        guard name == .other, let last = text.last else { return name.touchedBit }
        return 1 << UInt64((text.count &* 7 &+ Int(last | 0x20)) & 63)
    }
}

extension ScriptCall {
    var sip: UnsafeMutablePointer<ScriptHost> {
        @inline(__always) get {
            guard let host else { preconditionFailure("a VM of SIP scripts without its host") }
            return host.assumingMemoryBound(to: ScriptHost.self)
        }
    }
}
