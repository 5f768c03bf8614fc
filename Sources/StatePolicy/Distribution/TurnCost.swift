/// Tells what the kernel and the loop take for a datagram from what they take for a turn: waking up, asking for datagrams,
/// waking whoever gets the answers.
///
/// A worker with little to do turns for each datagram, a busy one for dozens at once. So a datagram costs a fraction
/// under load of what it costs at rest, and a proxy that took the price at rest for the price under load would think itself full at
/// half of what it can do. With x turns a datagram the time a datagram is k + w·x; k and w are fitted by least squares over the
/// last minutes. Where load was always the same the fit can't tell them apart, and w stays near its prior; near saturation x is
/// small, and an error in w hardly matters.
struct TurnCost: Sendable, Equatable {
    /// Bare metal takes some 5 µs; on a virtual machine, where a sleeping processor costs the hypervisor a visit, 15 to 40 were measured.
    static let turnPriorSeconds = 15e-6
    /// How much the prior weighs: the sum of squared differences of x that counts as much as it does. A single change of load by half
    /// brings more.
    private static let priorWeight = 0.01
    /// What has been seen fades over so many periods.
    private static let memoryPeriods = 600.0
    /// Never less than this part of the time a datagram is charged to the datagram itself.
    private static let leastPart = 0.3

    private var count = 0.0
    private var meanTurns = 0.0
    private var meanSeconds = 0.0
    private var turnsSquared = 0.0
    private var product = 0.0

    /// w, in seconds.
    var secondsPerTurn: Double {
        let seconds =
            (product + Self.priorWeight * Self.turnPriorSeconds) / (turnsSquared + Self.priorWeight)
        return max(0, seconds)
    }

    /// Takes a period's figures and gives k for it.
    ///
    /// - Parameters:
    ///   - seconds: a datagram, without what handling took.
    ///   - turns: a datagram.
    mutating func add(seconds: Double, turns: Double) -> Double {
        guard seconds > 0, turns > 0, seconds.isFinite, turns.isFinite else { return max(0, seconds) }
        let fade = 1 - 1 / Self.memoryPeriods
        count = count * fade + 1
        turnsSquared *= fade
        product *= fade
        let turnsBefore = turns - meanTurns
        meanTurns += turnsBefore / count
        let secondsBefore = seconds - meanSeconds
        meanSeconds += secondsBefore / count
        turnsSquared += turnsBefore * (turns - meanTurns)
        product += turnsBefore * (seconds - meanSeconds)
        return max(Self.leastPart * seconds, seconds - secondsPerTurn * turns)
    }
}
