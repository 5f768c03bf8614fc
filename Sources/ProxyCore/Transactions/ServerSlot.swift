internal import Reactor
internal import SIPTransaction
internal import StatePolicy

/// A server transaction and the response context around it (RFC 3261 §16.2): the request, its branches,
/// the best answer so far. Lives in a `SlotPool`; owned by one worker.
struct ServerSlot: BitwiseCopyable {
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt16
        /// Upstream cancelled the request, or a final response made the open branches pointless.
        static let cancelled = Flags(rawValue: 1 << 0)
        /// A final response went upstream.
        static let finalSent = Flags(rawValue: 1 << 1)
        /// A 6xx arrived: no further target is tried.
        static let global = Flags(rawValue: 1 << 2)
        /// Requests and replies of this transaction add Record-Route.
        static let recordRoute = Flags(rawValue: 1 << 3)
        /// Our own Route was on top when the request came.
        static let routedHere = Flags(rawValue: 1 << 4)
        /// A target's name could not be turned into an address.
        static let unresolved = Flags(rawValue: 1 << 5)
        /// An INVITE that begins the tracked dialog.
        static let beginsDialog = Flags(rawValue: 1 << 6)
        /// A BYE of the tracked dialog, from either side.
        static let byeOfCaller = Flags(rawValue: 1 << 7)
        static let byeOfCallee = Flags(rawValue: 1 << 8)
    }

    var key: TransactionKey
    var method: TransactionMethod
    /// Next slot in the same hash bucket.
    var chain: UInt32 = 0
    var machine: ServerMachine
    var source: SocketAddress
    /// Where responses go (RFC 3261 §18.2.2, RFC 3581 §4).
    var responseTarget: SocketAddress
    /// The connection that the route we recorded names; `.none`: none (RFC 5626 §5.3).
    var flow = SocketAddress.none
    var listener: UInt8
    var flags: Flags = []
    /// Branches ever made, which is the next one's index; and those without a final response.
    var branchCount: UInt16 = 0
    var pendingCount: UInt16 = 0
    /// Code of the best final response so far, 0 when there is none; its bytes unless it was made here.
    var bestCode: UInt16 = 0
    /// Code of the latest one.
    var lastCode: UInt16 = 0
    /// Loop hash of the request as it arrived: every branch carries it.
    var loopHash: UInt32
    /// Number of the trusted neighbour that sent it and takes part, or `PathSample.outside`.
    var upstream = Int16(PathSample.outside)
    /// Generation of the routing logic that saw the request first.
    var generation: UInt16
    /// Handlers that the script named for this transaction; 0: none.
    var onFailure: Int32 = 0
    var onReply: Int32 = 0
    var onBranch: Int32 = 0
    var firstClient: UInt32 = 0
    /// Branches that wait for the address of a name.
    var firstWaiting: UInt32 = 0
    /// The script's handler that waits; 0: none.
    var waitingHandler: UInt32 = 0
    /// The tracked dialog that the request begins, changes or ends; retained.
    var dialog: Unmanaged<Dialog>?
    /// How the transaction is to be accounted, until it has been; retained.
    var accounting: Unmanaged<AccountingMark>?
    /// The request as it arrived, with `received` and the script's edits.
    var request: PooledBuffer = .none
    /// Latest response that retransmissions of the request are answered with.
    var response: PooledBuffer = .none
    var best: PooledBuffer = .none
    /// Challenge headers of all 401 and 407 responses (RFC 3261 §16.7 step 7).
    var challenges: PooledBuffer = .none
    /// Targets that wait until those before them have failed, how they are taken, and how long each may stay without an answer.
    var later: PooledBuffer = .none
    var order = TargetOrder.parallel
    var answerMilliseconds: UInt32 = 0
    var timer: UInt32 = 0
    var timerAt: UInt64 = .max
}

extension ServerSlot {
    /// The handlers that the script named for this transaction.
    var handlers: TransactionHandlers {
        get {
            var handlers = TransactionHandlers()
            handlers.onFailure = onFailure
            handlers.onReply = onReply
            handlers.onBranch = onBranch
            return handlers
        }
        set {
            onFailure = newValue.onFailure
            onReply = newValue.onReply
            onBranch = newValue.onBranch
        }
    }
}

/// Either server machine of RFC 3261 §17.2.
enum ServerMachine: BitwiseCopyable {
    case invite(InviteServerTransaction)
    case other(NonInviteServerTransaction)

    var nextDeadline: UInt64 {
        switch self {
        case .invite(let machine): machine.clocks.nextDeadline
        case .other(let machine): machine.clocks.nextDeadline
        }
    }

    var isInvite: Bool {
        switch self {
        case .invite: true
        case .other: false
        }
    }

    mutating func receivedRetransmission(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.handle(.retransmission, timers: timers, now: now)
        case .other(var machine):
            defer { self = .other(machine) }
            return machine.handle(.retransmission, timers: timers, now: now)
        }
    }

    mutating func send(code: Int, timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            let event: InviteServerTransaction.Event =
                code < 200 ? .sendProvisional : code < 300 ? .sendSuccess : .sendFailure
            return machine.handle(event, timers: timers, now: now)
        case .other(var machine):
            defer { self = .other(machine) }
            return machine.handle(code < 200 ? .sendProvisional : .sendFinal, timers: timers, now: now)
        }
    }

    mutating func timerFired(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.handle(.timer, timers: timers, now: now)
        case .other(var machine):
            defer { self = .other(machine) }
            return machine.handle(.timer, timers: timers, now: now)
        }
    }
}
