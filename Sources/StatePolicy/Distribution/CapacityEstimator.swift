/// How much of its processors a node really gets.
///
/// A neighbour on the same machine, a hypervisor or a quota nobody told about makes it slower than the processors say. Then
/// datagrams wait in the kernel although the node seems to have time left: what it used while they waited was all there was.
struct CapacityEstimator: Sendable, Equatable {
    /// What is left of the processors, `least`…1.
    private(set) var factor = 1.0
    /// Used, as a fraction of the processors; smoothed.
    private(set) var utilisation = 0.0
    /// Of what could be held by the rates, the part that is held while datagrams queue: more comes than was counted.
    private(set) var relief = 1.0
    private var isKnown = false
    /// Seconds since datagrams last queued.
    private var calmSeconds = Double.infinity

    /// How long a queue that was seen counts as one.
    static let congestionSeconds = 1.0
    static let reliefStep = 0.8
    static let reliefFull = 0.98
    static let reliefMin = 0.05
    static let reliefRecoverySeconds = 0.8
    static let least = 0.05
    /// Seconds for lost trust to come back: slow, for each trial that was wrong means a queue again.
    static let recoverySeconds = 60.0
    static let shrinkSeconds = 0.4

    /// Datagrams wait, or did a moment ago.
    var isCongested: Bool { calmSeconds < Self.congestionSeconds }

    /// - Parameter use: of the last period, as a fraction of the processors.
    mutating func add(
        use: Double, queueing: Double, queueingMax: Double, target: Double, seconds: Double, gain: Double
    ) {
        guard use.isFinite, use >= 0 else { return }
        utilisation = isKnown ? utilisation + gain * (use - utilisation) : use
        isKnown = true
        let isQueueing = queueing > queueingMax
        calmSeconds = isQueueing ? 0 : calmSeconds + seconds
        if isQueueing {
            relief = max(Self.reliefMin, relief * Self.reliefStep)
        } else {
            relief += Arithmetic.gain(seconds: seconds, smoothing: Self.reliefRecoverySeconds) * (1 - relief)
            if relief > Self.reliefFull { relief = 1 }
        }
        if isQueueing && use < target * factor {
            factor += Arithmetic.gain(seconds: seconds, smoothing: Self.shrinkSeconds) * (use - factor)
        } else if !isQueueing {
            factor += seconds / Self.recoverySeconds
        }
        factor = min(1, max(Self.least, factor))
    }
}
