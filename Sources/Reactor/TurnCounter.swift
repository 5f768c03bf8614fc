/// What a worker sums up over its turns when `ReactorConfiguration.measuresTurns` is on: indices into `Worker.turnCounters`.
///
/// Enough for a straight line through the turns: what one takes for itself, and what each datagram of it adds; and for what a
/// datagram takes in busy ones. Thread CPU time, so a turn that is interrupted or throttled counts no more than it used.
public enum TurnCounter: Int, CaseIterable, Sendable {
    case turnsMeasured
    /// Received and sent.
    case datagrams
    case datagramsSquared
    case nanoseconds
    /// Sum of the products of each turn.
    case nanosecondsTimesDatagrams
    /// Of the turns with `busyDatagramsMin` datagrams or more.
    case busyDatagrams
    case busyNanoseconds

    /// Half of what a turn with full batches receives and sends.
    public static let busyDatagramsMin: UInt64 = 64
}

extension CounterBlock {
    @inlinable
    public func add(_ counter: TurnCounter, _ amount: UInt64) { add(counter.rawValue, amount) }
    @inlinable
    public func value(_ counter: TurnCounter) -> UInt64 { value(counter.rawValue) }
}
