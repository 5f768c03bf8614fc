/// How much a node can really do, as a multiple of what its processors and the learnt costs say.
///
/// Less: a neighbour on the same machine, a hypervisor or a quota nobody told about makes it slower. Then datagrams wait in the kernel
/// although the node seems to have time left: what it did while they waited was all it could do.
///
/// More: what a datagram costs falls with load, in the caches and in the kernel, as far as no learnt cost tells beforehand, and
/// a worker that is woken for every few datagrams uses whatever it may use. So a node with all of its processors in use, whose turns are
/// short and where no datagram waits, can do more than the costs say; it is believed step by step, until datagrams wait.
struct CapacityEstimator: Sendable, Equatable {
    /// `least`…`greatest`.
    private(set) var factor = 1.0
    /// Used, as a fraction of the processors; smoothed.
    private(set) var utilisation = 0.0
    /// What was done by the learnt costs, as a fraction of the processors; smoothed.
    private(set) var work = 0.0
    /// Of what could be held by the rates, the part that is held while datagrams queue: more comes than was counted.
    private(set) var relief = 1.0
    private var isKnown = false
    /// Datagrams have queued since more was believed last: from then on in small steps.
    private var hasQueued = false
    /// Seconds since a queue last grew or stood.
    private var calmSeconds = Double.infinity
    private var lastQueueing = 0.0

    /// How long a queue that was seen counts as one.
    static let congestionSeconds = 1.0
    /// Waits that are by this much shorter than a period before: the queue drains.
    static let drainingPart = 0.97
    static let reliefStep = 0.8
    static let reliefFull = 0.98
    static let reliefMin = 0.05
    static let reliefRecoverySeconds = 0.8
    static let least = 0.05
    static let greatest = 2.0
    /// Seconds for lost trust to come back: slow, for each trial that was wrong means a queue again.
    static let recoverySeconds = 60.0
    static let shrinkSeconds = 0.4
    /// From here on all that may be used counts as in use.
    static let fullUse = 0.95
    /// Part of the greatest wait below which nobody waits.
    static let calmPart = 0.25
    /// How fast more is believed before datagrams have ever queued.
    static let growthSeconds = 5.0
    /// How fast a factor above 1 comes back to 1 while processors are idle, and while datagrams wait.
    static let forgettingSeconds = 60.0
    static let queueingShrinkSeconds = 5.0

    /// One period of a node.
    struct Period {
        /// Of the processors, what was in use, and what was done by the learnt costs.
        var use: Double
        var work: Double
        /// Seconds that datagrams waited, and what counts as too long.
        var queueing: Double
        var queueingMax: Double
        var target: Double
        /// The worker turned to its sockets for fewer datagrams at a time than it can take: a busy one would not.
        var turnsAreShort: Bool
        var seconds: Double
    }

    /// More comes than is done, or did a moment ago. A queue that drains was left by a stall: it says nothing of what comes now.
    var isCongested: Bool { calmSeconds < Self.congestionSeconds }

    /// - Parameter gain: weight of what is new in `utilisation` and `work`.
    mutating func add(_ period: Period, gain: Double) {
        guard period.use.isFinite, period.use >= 0, period.work.isFinite else { return }
        utilisation = isKnown ? utilisation + gain * (period.use - utilisation) : period.use
        work = isKnown ? work + gain * (period.work - work) : period.work
        isKnown = true
        let isQueueing = period.queueing > period.queueingMax
        let isDraining = period.queueing < Self.drainingPart * lastQueueing
        calmSeconds = isQueueing && !isDraining ? 0 : calmSeconds + period.seconds
        lastQueueing = period.queueing
        moveRelief(isQueueing: isQueueing, seconds: period.seconds)
        if isQueueing {
            hasQueued = true
            shrink(period)
        } else if factor < 1 {
            factor = min(1, factor + period.seconds / Self.recoverySeconds)
        } else {
            probe(period)
        }
        factor = min(Self.greatest, max(Self.least, factor))
    }

    private mutating func moveRelief(isQueueing: Bool, seconds: Double) {
        if isQueueing {
            relief = max(Self.reliefMin, relief * Self.reliefStep)
        } else {
            relief += Arithmetic.gain(seconds: seconds, smoothing: Self.reliefRecoverySeconds) * (1 - relief)
            if relief > Self.reliefFull { relief = 1 }
        }
    }

    private mutating func shrink(_ period: Period) {
        if period.use < period.target * min(1, factor) {
            factor += Arithmetic.gain(seconds: period.seconds, smoothing: Self.shrinkSeconds) * (period.use - factor)
        } else if factor > 1 {
            forget(seconds: period.seconds, over: Self.queueingShrinkSeconds)
        }
    }

    private mutating func probe(_ period: Period) {
        if utilisation < period.target {
            forget(seconds: period.seconds, over: Self.forgettingSeconds)
            if utilisation < Self.fullUse / 2 { hasQueued = false }
        } else if period.turnsAreShort, utilisation >= Self.fullUse,
            period.queueing < Self.calmPart * period.queueingMax, work >= Self.fullUse * period.target * factor
        {
            factor += period.seconds / (hasQueued ? Self.recoverySeconds : Self.growthSeconds)
        }
    }

    private mutating func forget(seconds: Double, over smoothing: Double) {
        factor += Arithmetic.gain(seconds: seconds, smoothing: smoothing) * (1 - factor)
    }
}
