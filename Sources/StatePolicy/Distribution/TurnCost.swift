/// Tells what a datagram takes of a busy worker from what turning to the sockets takes: waking up, asking for datagrams, finding
/// the caches cold, waking whoever gets the answers.
///
/// A worker with little to do turns for each datagram, a busy one for dozens at once. So a datagram costs a fraction
/// under load of what it costs at rest, and a proxy that took the price at rest for the price under load would think itself full at
/// half of what it can do. As soon as there are turns about as large as they get, what a datagram took in them is the answer. Before, the
/// turns of different size tell: one with n datagrams takes a + m·n, by least squares over the last ones, and m is a little too much
/// rather than too little, since the first dozens of datagrams find the caches colder than those after them.
struct TurnCost: Sendable, Equatable {
    /// What a turn takes, until turns of different size have been seen. Bare metal takes some 5 µs; on a virtual machine, where a
    /// sleeping processor costs the hypervisor a visit, 15 to 40 were measured.
    static let turnPriorSeconds = 15e-6
    /// How much the prior weighs: the sum of squared differences of n that counts as much as it does.
    private static let priorWeight = 50.0
    /// Datagrams of busy turns that are needed to go by these alone.
    private static let busyDatagramsMin = 1_000.0
    /// What has been seen fades over so many periods.
    private static let memoryPeriods = 10.0
    /// Never less than this part of the time a datagram is charged to the datagram itself.
    static let leastPart = 0.05

    private var sums = TurnSums()

    /// Takes a period's turns.
    ///
    /// - Returns: seconds a datagram, all that the worker does for it included; nil when no turns have been measured.
    mutating func add(_ turns: TurnSums) -> Double? {
        guard turns.turns >= 0, turns.seconds.isFinite, turns.datagrams.isFinite else { return nil }
        sums.fade(to: 1 - 1 / Self.memoryPeriods)
        sums.add(turns, times: 1)
        guard sums.turns >= 1, sums.datagrams > 0, sums.seconds > 0 else { return nil }
        let whole = sums.seconds / sums.datagrams
        let busy = sums.busyDatagrams >= Self.busyDatagramsMin ? sums.busySeconds / sums.busyDatagrams : slope
        return min(whole, max(Self.leastPart * whole, busy))
    }

    /// m, drawn to what the prior of a gives while few turns differ.
    private var slope: Double {
        let mean = sums.datagrams / sums.turns
        let meanSeconds = sums.seconds / sums.turns
        let squares = max(0, sums.datagramsSquared - sums.datagrams * mean)
        let products = sums.secondsTimesDatagrams - sums.datagrams * meanSeconds
        let prior = (meanSeconds - Self.turnPriorSeconds) / mean
        return (products + Self.priorWeight * prior) / (squares + Self.priorWeight)
    }
}
