public import Reactor
internal import SIPMessage
internal import SIPTransaction
internal import StatePolicy

/// Other workers of this process, as one of them sees them.
public protocol WorkerPeers: AnyObject {
    /// Hands a datagram to the worker that owns its transaction. False when its mailbox is full.
    func post(_ datagram: UnsafeRawBufferPointer, to worker: Int, source: SocketAddress, listener: Int) -> Bool

    /// Client transactions that a worker holds: a recent value.
    func clientTransactions(of worker: Int) -> UInt64
}

/// The proxy of one worker: takes datagrams and time, sends datagrams. Does no I/O of its own and reads no
/// clock, so a simulated network drives it as well as a reactor.
///
/// Owned by its worker; never called from another thread.
public final class Proxy {
    public let settings: ProxySettings
    public let workerIndex: Int
    public let counters: CounterBlock
    let sink: any DatagramSink
    let identity: Identity
    let resolver: TargetResolver
    let peers: (any WorkerPeers)?
    /// nil: UDP only.
    let streams: (any StreamSender)?
    /// Finds addresses of names; nil: there are literal addresses and peers only.
    let targetSource: (any TargetSource)?
    let names: UnsafeMutablePointer<TargetCache>
    /// Tracked dialogs; shared by the workers.
    public let dialogs: DialogTable
    /// Where accounting records go; nil: there is no sink.
    let ledger: AccountingLedger?
    /// When their calendar is to be looked at next.
    var dialogSweepAt: UInt64 = 0

    // Kept behind pointers that never change: the packet path reaches them without exclusivity checks.
    let message: UnsafeMutablePointer<SIPMessage>
    /// For reading messages that transactions keep, while `message` is in use.
    let storedMessage: UnsafeMutablePointer<SIPMessage>
    let edits: UnsafeMutablePointer<MessageEdits>
    let arena: UnsafeMutablePointer<Arena>
    let table: UnsafeMutablePointer<TransactionTable>
    let generations: UnsafeMutablePointer<GenerationTable>
    /// The script's handlers that wait.
    let handlers: UnsafeMutablePointer<HandlerTable>
    let routingTimers: UnsafeMutablePointer<RoutingTimerTable>
    let request: RequestContext
    let response: ResponseContext
    let meter: UnsafeMutablePointer<CostMeter>
    /// Whether handling times are taken: somebody decides by them.
    let measuresCost: Bool
    /// For messages composed here on their way into a block of their own.
    let scratch: UnsafeMutableRawBufferPointer
    /// Shared with the control side.
    let desk: StateDesk
    /// There are trusted peers: state may be held elsewhere, and requests say whether it is.
    let sharesState: Bool
    /// The policy's answer when it has only one. By itself a proxy holds what it may.
    let fixedMode: StateMode?
    /// Of the Call-ID; this node's own.
    let callHashKey: HashKey
    /// For feedback on its way into a response that is made here.
    let feedbackText: UnsafeMutableRawBufferPointer
    /// Told of every transaction that is held, when the settings say so. On the worker's thread.
    public var holderNoted: ((HolderNote) -> Void)?
    /// Told when a target of a set goes down, rests or is up again. On the worker's thread.
    public var targetNoted: ((TargetNote) -> Void)?
    /// The sets of servers of the current routing logic.
    var dispatcher: Dispatcher?
    /// New dialogs are refused; what is there goes on.
    public var isDraining = false

    /// - Parameters:
    ///   - counters: a block of `ProxyCounter.allCases.count` numbers, kept by the caller.
    ///   - streams: the connections of the process; nil: UDP only.
    ///   - desk: this worker's of a `StateNode`; nil: nobody decides anew, and all is held that may be.
    ///   - now: milliseconds of the clock that `received` and `advance` will use.
    ///   - targetSource: looks up domain names; nil: names that the settings do not know are unresolvable.
    ///   - dialogs: the process's; nil: a table of its own.
    ///   - ledger: the process's accounting; nil: none.
    ///   - meter: takes the time of each message; nil: none is taken.
    public init(
        settings: ProxySettings, workerIndex: Int, logic: any RoutingLogic, sink: any DatagramSink,
        counters: CounterBlock, peers: (any WorkerPeers)?, streams: (any StreamSender)? = nil,
        desk: StateDesk? = nil, now: UInt64, meter: CostMeter? = nil, targetSource: (any TargetSource)? = nil,
        dialogs: DialogTable? = nil, ledger: AccountingLedger? = nil
    ) {
        precondition(counters.count >= ProxyCounter.allCases.count, "counter block too small")
        precondition(settings.listeners.count > 0 && settings.listeners.count <= 256, "1…256 listeners")
        precondition(settings.workerCount > 0 && settings.workerCount <= 256, "1…256 workers")
        self.settings = settings
        self.workerIndex = workerIndex
        self.counters = counters
        self.sink = sink
        self.peers = peers
        self.streams = streams
        self.targetSource = targetSource
        names = .allocate(capacity: 1)
        // Without a source nothing ever gets in.
        names.initialize(to: TargetCache(targetSource == nil ? .smallest : settings.names))
        let dialogs = dialogs ?? DialogTable(dialogsMax: settings.limits.dialogsMax, hashKey: settings.hashKey)
        self.dialogs = dialogs
        self.ledger = ledger
        identity = Identity(settings)
        resolver = TargetResolver(settings)
        message = .allocate(capacity: 1)
        message.initialize(to: SIPMessage())
        storedMessage = .allocate(capacity: 1)
        storedMessage.initialize(to: SIPMessage())
        edits = .allocate(capacity: 1)
        edits.initialize(to: MessageEdits())
        arena = .allocate(capacity: 1)
        arena.initialize(to: Arena())
        table = .allocate(capacity: 1)
        table.initialize(to: TransactionTable(limits: settings.limits, now: now))
        generations = .allocate(capacity: 1)
        generations.initialize(to: GenerationTable(current: logic))
        routingTimers = .allocate(capacity: 1)
        routingTimers.initialize(to: RoutingTimerTable())
        handlers = .allocate(capacity: 1)
        handlers.initialize(to: HandlerTable(waitingMax: settings.limits.waitingHandlersMax))
        let rewriter = MessageRewriter()
        request = RequestContext(
            message: message, edits: edits, arena: arena, rewriter: rewriter, resolver: resolver, identity: identity,
            counters: counters, streams: streams, dialogs: dialogs, ledger: ledger,
            targetsMax: settings.limits.branchesMax)
        response = ResponseContext(message: message, edits: edits, rewriter: rewriter, counters: counters)
        scratch = .allocate(byteCount: datagramBytesMax, alignment: 64)
        measuresCost = meter != nil
        self.meter = .allocate(capacity: 1)
        self.meter.initialize(to: meter ?? CostMeter())
        self.desk = desk ?? .unattended(settings)
        sharesState = self.desk.sharesState
        fixedMode = self.desk.fixedMode ?? (sharesState ? nil : .stateful)
        feedbackText = .allocate(byteCount: StateFeedback.textBytesMax, alignment: 8)
        callHashKey = Self.callHashKey(settings)
        dispatcher = logic.dispatcher
        logic.start(self)
    }

    deinit {
        message.deinitialize(count: 1).deallocate()
        storedMessage.deinitialize(count: 1).deallocate()
        edits.deinitialize(count: 1).deallocate()
        arena.deinitialize(count: 1).deallocate()
        table.deinitialize(count: 1).deallocate()
        names.deinitialize(count: 1).deallocate()
        routingTimers.deinitialize(count: 1).deallocate()
        handlers.deinitialize(count: 1).deallocate()
        generations.deinitialize(count: 1).deallocate()
        scratch.deallocate()
        meter.deinitialize(count: 1).deallocate()
        feedbackText.deallocate()
    }

    @inline(__always)
    func count(_ counter: ProxyCounter) {
        counters.add(counter.rawValue)
    }

    // MARK: State policy

    public var policyName: String { desk.policyName }

    func noteMustHold() {
        count(.requestsMustHold)
    }

    // MARK: Generations of the routing logic

    /// Requests from now on go to `logic`; transactions under way keep what they began with.
    public func install(_ logic: any RoutingLogic) -> Bool {
        let previous = generations.pointee.logic(generations.pointee.current)
        guard generations.pointee.install(logic) else { return false }
        dispatcher = logic.dispatcher
        previous.stopTimers()
        cancelRoutingTimers()
        logic.start(self)
        return true
    }

    /// Generations that still have users, the current one included.
    public var generationsInUse: Int { generations.pointee.liveCount }

    /// Transactions held here, servers and clients.
    public var transactionsInUse: Int { table.pointee.servers.count + table.pointee.clients.count }

    /// Handlers of scripts that wait.
    public var waitingHandlers: Int { handlers.pointee.waiting.count }

    /// Message blocks held by transactions: zero when there is no transaction, or something leaks.
    public var messageBlocksInUse: Int { table.pointee.buffers.blocksInUse }

    // MARK: Input

    /// One datagram. The bytes may be changed and must stay until this returns.
    public func received(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, listener: Int, now: UInt64
    ) {
        guard measuresCost else { return handle(datagram, from: source, listener: listener, now: now) }
        meter.pointee.beginMessage(received: 1)
        handle(datagram, from: source, listener: listener, now: now)
        meter.pointee.end()
    }

    @inline(__always)
    private func handle(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, listener: Int, now: UInt64
    ) {
        switch message.pointee.parse(UnsafeRawBufferPointer(datagram), as: .datagram) {
        case .complete:
            if message.pointee.isRequest {
                receivedRequest(from: source, listener: listener, now: now)
            } else {
                receivedResponse(from: source, listener: listener, now: now, posted: false)
            }
        case .keepAlive:
            count(.keepAlives)
        case .incomplete:
            // A datagram holds a whole message or none (RFC 3261 §18.3).
            count(.malformedDropped)
        case .tooLarge:
            count(.tooLarge)
            answerMalformed(code: 513, text: "Message Too Large", from: source, listener: listener, now: now)
        case .malformed(let error):
            receivedMalformed(error, from: source, listener: listener, now: now)
        }
    }

    /// A response that another worker received for a transaction of this one.
    public func receivedFromWorker(
        _ datagram: UnsafeRawBufferPointer, from source: SocketAddress, listener: Int, now: UInt64
    ) {
        if measuresCost { meter.pointee.beginMessage(received: 0) }
        if case .complete = message.pointee.parse(datagram, as: .datagram), !message.pointee.isRequest {
            receivedResponse(from: source, listener: listener, now: now, posted: true)
        }
        if measuresCost { meter.pointee.end() }
    }
}
