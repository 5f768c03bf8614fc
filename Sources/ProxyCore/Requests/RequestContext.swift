public import Reactor
public import SIPMessage

/// What the routing logic decided about a request. The core carries it out when the handler has ended.
@frozen
public enum Verdict: UInt8, Sendable {
    /// Nothing yet.
    case none
    /// Forward to the target set, statefully or not (`stateDemand`).
    case relay
    /// Answer here with `replyCode`.
    case reply
    /// Say nothing.
    case drop
    /// Hold the request until its handler goes on.
    case wait
}

/// Who may keep the state of a relayed request.
@frozen
public enum StateDemand: UInt8, Sendable {
    /// Left open: `choose_state_mode` or the policy decides.
    case auto
    case stateful
    case stateless
}

/// One place a request is to go.
public struct Target {
    /// Request-URI on this branch; empty: the request's own.
    public var uri: UnsafeRawBufferPointer
    /// Where the datagram goes; `.none`: found from the topmost Route or the URI.
    public var destination: SocketAddress
    /// With `TargetOrder.preference` those of a greater one are tried first; in thousandths, as q is written.
    public var preference: UInt16

    public init(
        uri: UnsafeRawBufferPointer, destination: SocketAddress = .none, preference: UInt16 = Target.preferenceMax
    ) {
        self.uri = uri
        self.destination = destination
        self.preference = preference
    }

    public static let preferenceMax: UInt16 = 1_000
}

/// Names of a script's own handlers for one transaction: numbers that only the routing logic understands; 0: none.
@frozen
public struct TransactionHandlers: Sendable, Equatable {
    public var onFailure: Int32 = 0
    public var onReply: Int32 = 0
    public var onBranch: Int32 = 0

    public init() {}

    public var isEmpty: Bool { onFailure == 0 && onReply == 0 && onBranch == 0 }
}

/// The request being handled: its message, pending edits and the decision so far. One a worker, reused.
///
/// Bytes and ranges are valid until the handler ends. Worker-owned.
public final class RequestContext {
    public let message: UnsafeMutablePointer<SIPMessage>
    public let edits: UnsafeMutablePointer<MessageEdits>
    let arena: UnsafeMutablePointer<Arena>
    private let rewriter: MessageRewriter
    private let targetStorage: UnsafeMutablePointer<Target>
    private let resolver: TargetResolver
    private let identity: Identity
    let counters: CounterBlock
    private let streams: (any StreamSender)?
    let dialogs: DialogTable
    let ledger: AccountingLedger?
    /// The dialog that the handler asked for; only looked at while `isDrafting`.
    var draft: DialogDraft?
    /// What the handler asked for; only looked at while `leavesDialogToHolder`.
    var wish: (options: DialogOptions, given: GivenValues)?
    /// The tracked dialog that the request belongs to; only looked at while `isInDialog`.
    var dialog: Dialog?
    /// How the request is to be accounted; only looked at while `isAccounted`.
    var mark: AccountingMark?
    /// Targets that one request may be given.
    public let targetsMax: Int

    /// Kept behind a pointer: the packet path reads and writes it without exclusivity checks.
    let state: UnsafeMutablePointer<RequestState>

    init(
        message: UnsafeMutablePointer<SIPMessage>, edits: UnsafeMutablePointer<MessageEdits>,
        arena: UnsafeMutablePointer<Arena>, rewriter: MessageRewriter, resolver: TargetResolver, identity: Identity,
        counters: CounterBlock, streams: (any StreamSender)?, dialogs: DialogTable, ledger: AccountingLedger?,
        targetsMax: Int
    ) {
        self.streams = streams
        self.dialogs = dialogs
        self.ledger = ledger
        self.resolver = resolver
        self.identity = identity
        self.counters = counters
        self.rewriter = rewriter
        self.message = message
        self.edits = edits
        self.arena = arena
        self.targetsMax = targetsMax
        targetStorage = .allocate(capacity: targetsMax)
        state = .allocate(capacity: 1)
        state.initialize(to: RequestState())
    }

    deinit {
        targetStorage.deallocate()
        state.deinitialize(count: 1).deallocate()
    }

    func begin(source: SocketAddress, listener: Int, now: UInt64) {
        edits.pointee.removeAll()
        arena.pointee.removeAll()
        state.pointee = RequestState()
        state.pointee.source = source
        state.pointee.listener = listener
        state.pointee.now = now
    }

    /// Applies the pending edits, so that the message reads as edited. Call it before reading headers that may
    /// have been edited. False: the result does not fit a datagram or is no message; nothing has changed then.
    public func synchronise() -> Bool {
        guard !edits.pointee.isEmpty else { return true }
        guard rewriter.apply(&edits.pointee, to: &message.pointee) else { return false }
        // A Route that an edit was to remove is gone now.
        routesRemoved = 0
        return true
    }

    /// Forgets the decision and the targets; edits stay.
    public func clearVerdict() {
        state.pointee.clearVerdict()
    }

    /// The Request-URI as it stands.
    public var requestURI: UnsafeRawBufferPointer {
        newRequestURI.count > 0 ? newRequestURI : message.pointee.bytes(message.pointee.requestURI)
    }

    /// Replaces the Request-URI. False: no room, or not a URI that could stand there.
    public func setRequestURI(_ uri: UnsafeRawBufferPointer) -> Bool {
        guard Self.isPlausibleURI(uri), let copy = arena.pointee.copy(uri) else { return false }
        newRequestURI = copy
        return true
    }

    func target(_ index: Int) -> Target {
        precondition(index >= 0 && index < targetCount, "no such target")
        return targetStorage[index]
    }

    /// Adds a target with its own Request-URI. False: `targetsMax` reached, no room, or no plausible URI.
    public func addTarget(
        uri: UnsafeRawBufferPointer, destination: SocketAddress = .none, preference: UInt16 = Target.preferenceMax
    ) -> Bool {
        guard targetCount < targetsMax, Self.isPlausibleURI(uri), let copy = arena.pointee.copy(uri) else {
            return false
        }
        appendTarget(Target(uri: copy, destination: destination, preference: preference))
        return true
    }

    /// Adds the request's own URI as the target.
    func addOwnTarget() {
        appendTarget(Target(uri: UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    private func appendTarget(_ target: Target) {
        (targetStorage + targetCount).initialize(to: target)
        targetCount += 1
    }

    // MARK: Decisions

    /// Forward to the targets added so far, or to the Request-URI when there are none.
    ///
    /// - Parameter nextHop: where the datagrams go, whatever Route and URI say.
    public func relay(nextHop: SocketAddress = .none) {
        verdict = .relay
        self.nextHop = nextHop
    }

    /// Answer here. The reason is copied; an empty one stands for the code's usual phrase.
    ///
    /// - Returns: false when the code is not 100…699, or when the text does not fit or breaks its line.
    public func reply(
        code: Int, reason: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        headers: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) -> Bool {
        guard (100...699).contains(code), !reason.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }),
            let reasonCopy = arena.pointee.copy(reason), let headersCopy = arena.pointee.copy(headers)
        else { return false }
        verdict = .reply
        replyCode = code
        replyReason = reasonCopy
        replyHeaders = headersCopy
        return true
    }

    /// Neither forward nor answer.
    public func drop() {
        verdict = .drop
    }

    // MARK: What the routing logic may ask

    /// The address that a `sip:` URI stands for; `.none` when it is no such URI or its host is unknown here.
    public func resolve(_ uri: UnsafeRawBufferPointer) -> SocketAddress {
        resolver.resolve(uri)
    }

    /// Whether a host and port (0: not given) name this proxy: a listen address, an advertised name or a domain.
    public func namesThisProxy(host: UnsafeRawBufferPointer, port: UInt16) -> Bool {
        identity.isOwnHost(host, port: port)
    }

    /// The names that the sender has proved by its TLS certificate: URIs and DNS names. Empty without a verified one.
    public var sourceIdentities: [String] {
        source.transport.isSecure ? streams?.identities(of: source) ?? [] : []
    }

    /// The listen address that the request came in by.
    public var arrival: SocketAddress { identity.address(listener) }
    func isOwn(_ via: Via) -> Bool { identity.isOwn(via, in: message.pointee) }

    /// Counts a handler run that failed.
    public func noteScriptFailure() {
        counters.add(ProxyCounter.scriptFailures.rawValue)
    }

    /// No byte that could end the start line or a `<…>`.
    private static func isPlausibleURI(_ uri: UnsafeRawBufferPointer) -> Bool {
        uri.count > 0
            && !uri.contains(where: { $0 <= 32 || $0 == 127 || $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: ">") })
    }
}
