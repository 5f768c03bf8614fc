public import Reactor

/// Attributes a worker's time to handling with state and without. Two readings of the processor's tick counter a message.
///
/// Owned by its worker; what it counts is read from other threads (`CostReader`). What falls between messages, the system calls
/// above all, is not seen here: the reader knows the thread's whole CPU time.
public struct CostMeter {
    /// A handling longer than so many times the mean of its kind was interrupted: by another thread, the CPU quota, the hypervisor.
    public static let clippedAtMeans: UInt64 = 16
    /// Shorter ones never count as interrupted: 30–50 µs of a common processor.
    public static let clippedTicksMin: UInt64 = 100_000
    /// The means are over about 2^this messages.
    private static let meanShift: UInt64 = 6
    /// What is clipped still moves the mean a little: handlings that become long for good are believed after some dozens.
    private static let clippedShift: UInt64 = 2

    /// nil: nothing is measured.
    private let counters: CounterBlock?
    /// Keeps what `ticks` reads alive.
    private let source: TickSource
    private let ticks: TickReader
    private var began: UInt64 = 0
    /// Sums of a decaying row: the mean is the sum over 2^`meanShift`.
    private var statelessSum: UInt64 = 0
    private var statefulSum: UInt64 = 0
    private var isStateful = false
    private var isLeftOut = false
    private var datagrams: UInt64 = 0

    /// - Parameter counters: of `CostCounter.allCases.count` numbers, kept by the caller.
    public init(counters: CounterBlock, source: TickSource = .processor) {
        precondition(counters.count >= CostCounter.allCases.count, "counter block too small")
        self.counters = counters
        self.source = source
        ticks = TickReader(source)
    }

    /// Measures nothing: `begin…` and `end` are not to be called.
    init() {
        counters = nil
        source = .processor
        ticks = TickReader(source)
    }

    /// A message comes into handling: stateless until `touchedState`.
    ///
    /// - Parameter received: datagrams that the worker read for it; none when another worker handed it over.
    mutating func beginMessage(received: UInt64) {
        isStateful = false
        isLeftOut = false
        datagrams = received
        began = ticks.now()
    }

    /// A timer of a transaction comes into handling.
    mutating func beginTimer() {
        isStateful = true
        isLeftOut = false
        datagrams = 0
        began = ticks.now()
    }

    /// What is being handled belongs to a transaction that is held here, or by another worker of this process.
    mutating func touchedState() { isStateful = true }

    /// An ACK that passes through. It travels without state also when its INVITE is held, so it tells nothing of what holding
    /// costs: alone on the stateless side it made that look dear and the difference small. Its time is shared out over the rest.
    mutating func leaveOut() { isLeftOut = true }

    mutating func sent() { datagrams &+= 1 }

    /// The handling ends.
    mutating func end() {
        guard let counters else { return }
        if isLeftOut && !isStateful { return }
        let elapsed = ticks.now() &- began
        if isStateful {
            counters.add(.statefulTicks, Self.accepted(elapsed, &statefulSum, counters))
            counters.add(.statefulDatagrams, datagrams)
        } else {
            counters.add(.statelessTicks, Self.accepted(elapsed, &statelessSum, counters))
            counters.add(.statelessDatagrams, datagrams)
        }
    }

    /// `elapsed`, or the mean when that can't be true.
    private static func accepted(_ elapsed: UInt64, _ sum: inout UInt64, _ counters: CounterBlock) -> UInt64 {
        let mean = sum >> meanShift
        let longest = max(mean &* clippedAtMeans, clippedTicksMin)
        guard elapsed > longest else {
            sum = sum &- mean &+ elapsed
            return elapsed
        }
        counters.add(.stretchesClipped)
        sum = sum &- mean &+ (longest >> clippedShift)
        return mean
    }
}
