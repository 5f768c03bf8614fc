/// Turns of a worker's loop that found something to do, as sums from which a straight line can be laid through them.
@frozen
public struct TurnSums: Sendable, Equatable {
    public var turns: Double
    /// Received and sent.
    public var datagrams: Double
    public var datagramsSquared: Double
    /// Of CPU, from the end of a turn to the end of the next, so that being woken is in it.
    public var seconds: Double
    /// Sum of the products of each turn.
    public var secondsTimesDatagrams: Double
    /// Of those turns alone that found about as much as fits into one.
    public var busyDatagrams: Double
    public var busySeconds: Double

    public init(
        turns: Double = 0, datagrams: Double = 0, datagramsSquared: Double = 0, seconds: Double = 0,
        secondsTimesDatagrams: Double = 0, busyDatagrams: Double = 0, busySeconds: Double = 0
    ) {
        self.turns = turns
        self.datagrams = datagrams
        self.datagramsSquared = datagramsSquared
        self.seconds = seconds
        self.secondsTimesDatagrams = secondsTimesDatagrams
        self.busyDatagrams = busyDatagrams
        self.busySeconds = busySeconds
    }

    /// What a turn with so many datagrams adds.
    public mutating func add(datagrams count: Double, seconds used: Double, isBusy: Bool) {
        turns += 1
        datagrams += count
        datagramsSquared += count * count
        seconds += used
        secondsTimesDatagrams += used * count
        guard isBusy else { return }
        busyDatagrams += count
        busySeconds += used
    }

    /// On average they found less than half of what a turn can take; false when none were measured.
    var areShort: Bool { datagrams < Self.busyDatagramsMin * turns }

    /// Received and sent in one turn, half of what full batches make: at least so many make a turn busy.
    public static let busyDatagramsMin = 64.0

    /// What came since an earlier reading.
    public static func - (later: TurnSums, earlier: TurnSums) -> TurnSums {
        var difference = later
        difference.add(earlier, times: -1)
        return difference
    }

    mutating func add(_ other: TurnSums, times factor: Double) {
        turns += factor * other.turns
        datagrams += factor * other.datagrams
        datagramsSquared += factor * other.datagramsSquared
        seconds += factor * other.seconds
        secondsTimesDatagrams += factor * other.secondsTimesDatagrams
        busyDatagrams += factor * other.busyDatagrams
        busySeconds += factor * other.busySeconds
    }

    mutating func fade(to part: Double) {
        add(self, times: part - 1)
    }
}
