public import Reactor

/// What a worker counts about the time it spends on messages: indices into a block of its own.
public enum CostCounter: Int, CaseIterable, Sendable {
    /// In handling what belongs to no transaction held here.
    case statelessTicks
    /// In handling messages and timers of transactions held here.
    case statefulTicks
    /// Received and sent, of either kind.
    case statelessDatagrams
    case statefulDatagrams
    /// Handlings that took so long that the worker must have been interrupted; counted with the mean instead.
    case stretchesClipped
}

extension CounterBlock {
    @inlinable
    public func add(_ counter: CostCounter, _ amount: UInt64 = 1) { add(counter.rawValue, amount) }
    @inlinable
    public func value(_ counter: CostCounter) -> UInt64 { value(counter.rawValue) }
}
