public import Reactor
public import StatePolicy

/// Measures what the node uses and may use, once a period. Owned by the control side's thread.
public struct NodeMeter: Sendable {
    /// What the node may use now, and what each worker used since the last reading.
    public struct Reading: Sendable, Equatable {
        /// At most one for each worker: more can't be used up.
        public var processors: Double
        public var costs: [CostSample]
    }

    /// A quota may be changed while the process runs; reading it opens some files.
    public static let quotaIntervalSeconds = 1.0

    private let workers: [Worker]
    private var readers: [CostReader]
    private var rate = TickRate()
    private let quota: @Sendable () -> Double
    private var processors = 0.0
    private var quotaReadAt = -Double.infinity

    /// - Parameters:
    ///   - counters: what the workers' meters count into, in the workers' order.
    ///   - quota: processors that the process may use now.
    public init(
        workers: [Worker], counters: [CounterBlock], quota: @escaping @Sendable () -> Double = ProcessorQuota.processors
    ) {
        precondition(workers.count == counters.count)
        self.workers = workers
        readers = counters.map { CostReader(counters: $0) }
        self.quota = quota
        rate.note()
    }

    /// - Parameter seconds: of a clock that never goes back.
    public mutating func read(at seconds: Double) -> Reading {
        if seconds - quotaReadAt >= Self.quotaIntervalSeconds {
            processors = min(quota(), Double(workers.count))
            quotaReadAt = seconds
        }
        rate.note()
        var costs: [CostSample] = []
        for index in workers.indices {
            costs.append(
                readers[index].sample(CostReader.Reading(of: workers[index]), secondsPerTick: rate.secondsPerTick))
        }
        return Reading(processors: processors, costs: costs)
    }
}
