internal import Reactor
internal import SIPTransaction

/// A client transaction: one branch of a request, or a CANCEL of one. Lives in a `SlotPool`.
struct ClientSlot: BitwiseCopyable {
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// A final response arrived or was made up: the branch no longer counts as pending.
        static let finished = Flags(rawValue: 1 << 0)
        /// CANCEL is to be sent as soon as a provisional response allows it (RFC 3261 §9.1).
        static let cancelWanted = Flags(rawValue: 1 << 1)
        static let cancelSent = Flags(rawValue: 1 << 2)
        /// `request` holds the ACK to the final response instead of the INVITE.
        static let holdsAck = Flags(rawValue: 1 << 3)
        /// Ended without an answer; stays for a while so that a late one is known for what it is.
        static let expired = Flags(rawValue: 1 << 4)
        /// `giveUpAt` is when a first answer must have come.
        static let awaitsAnswer = Flags(rawValue: 1 << 5)
        /// A request made here, whose answers concern nobody else.
        static let own = Flags(rawValue: 1 << 6)
    }

    var key: ClientKey
    var chain: UInt32 = 0
    var machine: ClientMachine
    var destination: SocketAddress
    var listener: UInt8
    var flags: Flags = []
    /// The server transaction this is a branch of; 0 for a CANCEL, or when that one is gone.
    var server: UInt32
    var nextOfServer: UInt32 = 0
    var request: PooledBuffer = .none
    /// Timer C, after our CANCEL the patience of RFC 3261 §9.1, and the end of an expired branch.
    var giveUpAt: UInt64 = .max
    /// The target that this OPTIONS asks how it is. The process's table keeps it.
    var probed: Unmanaged<TargetCell>?
    var timer: UInt32 = 0
    var timerAt: UInt64 = .max

    var nextDeadline: UInt64 { flags.contains(.expired) ? giveUpAt : min(machine.nextDeadline, giveUpAt) }
}

/// What a response says about its client transaction: our own branch and the CSeq method
/// (RFC 3261 §17.1.3).
struct ClientKey: BitwiseCopyable, Equatable {
    var hash: UInt64
    var loopHash: UInt32
    var index: UInt8
    /// A CANCEL has the branch of its INVITE, and a peer may use one branch for several methods.
    var method: TransactionMethod

    init(_ branch: Branch, _ method: TransactionMethod) {
        hash = branch.hash
        loopHash = branch.loopHash
        index = branch.index
        self.method = method
    }

    var isCancel: Bool { method == .cancel }
}

/// Either client machine of RFC 3261 §17.1.
enum ClientMachine: BitwiseCopyable {
    case invite(InviteClientTransaction)
    case other(NonInviteClientTransaction)

    var isInvite: Bool {
        switch self {
        case .invite: true
        case .other: false
        }
    }

    /// A provisional response has arrived and no final one: the state in which CANCEL may be sent.
    var isProceeding: Bool {
        switch self {
        case .invite(let machine): machine.state == .proceeding
        case .other(let machine): machine.state == .proceeding
        }
    }

    var nextDeadline: UInt64 {
        switch self {
        case .invite(let machine): machine.clocks.nextDeadline
        case .other(let machine): machine.clocks.nextDeadline
        }
    }

    mutating func received(code: Int, timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            let event: InviteClientTransaction.Event =
                code < 200 ? .provisional : code < 300 ? .success : .failure
            return machine.handle(event, timers: timers, now: now)
        case .other(var machine):
            defer { self = .other(machine) }
            return machine.handle(code < 200 ? .provisional : .final, timers: timers, now: now)
        }
    }

    mutating func transportFailed(timers: borrowing TransactionTimers, now: UInt64) -> TransactionActions {
        switch self {
        case .invite(var machine):
            defer { self = .invite(machine) }
            return machine.state == .calling ? machine.handle(.transportError, timers: timers, now: now) : []
        case .other(var machine):
            defer { self = .other(machine) }
            return machine.state == .trying ? machine.handle(.transportError, timers: timers, now: now) : []
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
