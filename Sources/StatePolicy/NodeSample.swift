/// What one worker counted on one way through it during one period. The unit is the request that opens a transaction:
/// ACK and CANCEL belong to the INVITE's.
@frozen
public struct PathSample: Sendable, Equatable {
    /// Number of the trusted neighbour that the requests came from, or `outside`.
    public var upstream: Int32
    /// Number of the trusted neighbour that they go to next, or `outside`: an exit.
    public var nextHop: Int32
    /// A trusted neighbour upstream holds their state: forwarded stateless.
    public var heldUpstream: UInt64
    /// Held here because they had to be: forking, failure handlers, a script's demand.
    public var mustHold: UInt64
    /// The policy's to decide, and held here.
    public var kept: UInt64
    /// The policy's to decide, and left to the next hop.
    public var delegated: UInt64

    /// No trusted neighbour: a user agent, a stranger, or a peer that does not take part.
    public static let outside: Int32 = -1

    public init(
        upstream: Int32 = PathSample.outside, nextHop: Int32 = PathSample.outside, heldUpstream: UInt64 = 0,
        mustHold: UInt64 = 0, kept: UInt64 = 0, delegated: UInt64 = 0
    ) {
        self.upstream = upstream
        self.nextHop = nextHop
        self.heldUpstream = heldUpstream
        self.mustHold = mustHold
        self.kept = kept
        self.delegated = delegated
    }

    public var total: UInt64 { heldUpstream + mustHold + kept + delegated }
}

/// Processor time of one worker in one period, and what it went for. Seconds of CPU, not of the wall clock.
@frozen
public struct CostSample: Sendable, Equatable {
    /// All the worker's thread used, the kernel's share included.
    public var totalSeconds: Double
    /// In handling messages of requests that are forwarded without state, as far as it could be told apart.
    public var statelessSeconds: Double
    /// In handling messages and timers of requests that are held.
    public var statefulSeconds: Double
    /// Datagrams received and sent for either kind; the kernel's time is divided by them.
    public var statelessDatagrams: UInt64
    public var statefulDatagrams: UInt64
    /// The worker's turns to its sockets. The fewer for so many datagrams, the cheaper each.
    public var turns: TurnSums
    /// Mean time that datagrams waited in the kernel before they were read; 0: not known.
    public var queueingSeconds: Double

    public init(
        totalSeconds: Double = 0, statelessSeconds: Double = 0, statefulSeconds: Double = 0,
        statelessDatagrams: UInt64 = 0, statefulDatagrams: UInt64 = 0, turns: TurnSums = TurnSums(),
        queueingSeconds: Double = 0
    ) {
        self.totalSeconds = totalSeconds
        self.statelessSeconds = statelessSeconds
        self.statefulSeconds = statefulSeconds
        self.statelessDatagrams = statelessDatagrams
        self.statefulDatagrams = statefulDatagrams
        self.turns = turns
        self.queueingSeconds = queueingSeconds
    }
}

/// What a neighbour downstream last said of itself.
@frozen
public struct Feedback: Sendable, Equatable {
    /// Requests a second that it takes with their state from this node; `.infinity`: as many as come.
    public var allowance: Double
    /// What holding one more request costs there, in the unit of `NodeDecision.price`.
    public var price: Double
    /// Start of the neighbour's life; a greater one means that it restarted.
    public var epoch: UInt32
    /// Counts within a life: of two the greater is the newer.
    public var sequence: UInt32

    /// Of two, the later one has the greater.
    public var ordinal: UInt64 { UInt64(epoch) << 32 | UInt64(sequence) }

    public init(allowance: Double, price: Double, epoch: UInt32, sequence: UInt32) {
        self.allowance = allowance
        self.price = price
        self.epoch = epoch
        self.sequence = sequence
    }
}

/// One period of a worker, as its owner measured it. Neighbours are numbered from 0 by the owner, and a number stays
/// with its neighbour.
public struct NodeSample: Sendable, Equatable {
    /// Seconds of the owner's clock, from any beginning; never goes back.
    public var time: Double
    /// Processors this worker may use: its part of the node's quota.
    public var processors: Double
    public var paths: [PathSample]
    public var cost: CostSample
    /// By neighbour: what it said since the last sample, the newest; nil: nothing.
    public var feedback: [Feedback?]

    public init(
        time: Double, processors: Double, paths: [PathSample] = [], cost: CostSample = CostSample(),
        feedback: [Feedback?] = []
    ) {
        self.time = time
        self.processors = processors
        self.paths = paths
        self.cost = cost
        self.feedback = feedback
    }
}
