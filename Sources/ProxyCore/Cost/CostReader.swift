public import Reactor
public import StatePolicy

/// Turns what a worker counts into one `CostSample` a period. Owned by the control side.
public struct CostReader: Sendable {
    /// What the worker's thread and sockets say at the end of a period; all count from the start.
    public struct Reading: Sendable, Equatable {
        /// Of the thread's CPU clock.
        public var processorNanoseconds: UInt64
        public var turns: TurnSums
        public var queueingSamples: UInt64
        public var queueingMicroseconds: UInt64

        public init(
            processorNanoseconds: UInt64, turns: TurnSums = TurnSums(), queueingSamples: UInt64 = 0,
            queueingMicroseconds: UInt64 = 0
        ) {
            self.processorNanoseconds = processorNanoseconds
            self.turns = turns
            self.queueingSamples = queueingSamples
            self.queueingMicroseconds = queueingMicroseconds
        }

        public init(of worker: Worker) {
            self.init(
                processorNanoseconds: worker.processorNanoseconds, turns: TurnSums(worker.turnCounters),
                queueingSamples: worker.counters.value(.queueingSamples),
                queueingMicroseconds: worker.counters.value(.queueingMicroseconds))
        }
    }

    private let counters: CounterBlock
    private var last: Reading?
    private var lastValues: [UInt64]

    /// - Parameter counters: that the worker's `CostMeter` counts into.
    public init(counters: CounterBlock) {
        self.counters = counters
        lastValues = CostCounter.allCases.map { counters.value($0) }
    }

    /// What has come since the last call; nothing at the first.
    ///
    /// - Parameter secondsPerTick: 0 while it is not known; handling times count as 0 then.
    public mutating func sample(_ reading: Reading, secondsPerTick: Double) -> CostSample {
        let values = CostCounter.allCases.map { counters.value($0) }
        let grown = zip(values, lastValues).map { $0 &- $1 }
        lastValues = values
        defer { last = reading }
        guard let last else { return CostSample() }
        func grownBy(_ counter: CostCounter) -> UInt64 { grown[counter.rawValue] }
        // The clock of a thread that is gone reads 0.
        let used = reading.processorNanoseconds > last.processorNanoseconds
        let total = used ? Double(reading.processorNanoseconds - last.processorNanoseconds) / 1e9 : 0
        let stateless = Double(grownBy(.statelessTicks)) * secondsPerTick
        let stateful = Double(grownBy(.statefulTicks)) * secondsPerTick
        // Ticks go on while a thread is kept waiting, its CPU clock does not: what was not clipped is cut here.
        let possible = stateless + stateful > total ? total / (stateless + stateful) : 1
        let samples = reading.queueingSamples &- last.queueingSamples
        let waited = Double(reading.queueingMicroseconds &- last.queueingMicroseconds) / 1e6
        return CostSample(
            totalSeconds: total, statelessSeconds: stateless * possible, statefulSeconds: stateful * possible,
            statelessDatagrams: grownBy(.statelessDatagrams), statefulDatagrams: grownBy(.statefulDatagrams),
            turns: reading.turns - last.turns,
            queueingSeconds: samples == 0 ? 0 : waited / Double(samples))
    }
}

extension TurnSums {
    /// What a worker has summed up since its start.
    init(_ counters: CounterBlock) {
        func value(_ counter: TurnCounter) -> Double { Double(counters.value(counter)) }
        self.init(
            turns: value(.turnsMeasured), datagrams: value(.datagrams), datagramsSquared: value(.datagramsSquared),
            seconds: value(.nanoseconds) / 1e9, secondsTimesDatagrams: value(.nanosecondsTimesDatagrams) / 1e9,
            busyDatagrams: value(.busyDatagrams), busySeconds: value(.busyNanoseconds) / 1e9)
    }
}
