public import CLinux

/// Where handling times are taken from: a counter that costs next to nothing to read.
public enum TickSource: Sendable {
    /// The processor's own (`cl_ticks`), of a rate that the control side finds out.
    case processor
    /// A test's.
    case manual(ManualTicks)
}

/// Ticks that stand still until someone moves them; any thread may, one at a time.
public final class ManualTicks: @unchecked Sendable {
    fileprivate let value: UnsafeMutablePointer<UInt64>

    public init(_ now: UInt64 = 0) {
        value = .allocate(capacity: 1)
        value.initialize(to: now)
    }

    deinit { value.deallocate() }

    public func advance(by ticks: UInt64) { cl_counter_add(value, ticks) }
}

/// Reads a source without a reference to count. Valid for as long as the source is kept.
@frozen
public struct TickReader: @unchecked Sendable {
    @usableFromInline let manual: UnsafeMutablePointer<UInt64>?

    public init(_ source: TickSource) {
        switch source {
        case .processor: manual = nil
        case .manual(let ticks): manual = ticks.value
        }
    }

    @inlinable public func now() -> UInt64 {
        if let manual { return cl_counter_get(manual) }
        return cl_ticks()
    }
}

/// How long a tick is, found by reading both clocks now and then. Owned by the control side.
public struct TickRate: Sendable {
    /// Pairs closer together than this tell nothing: reading them takes a part of it.
    private static let baselineNanosecondsMin: UInt64 = 10_000_000
    /// The rate is taken anew so often, in case a machine was suspended or moved to another.
    private static let baselineNanosecondsMax: UInt64 = 60_000_000_000

    private var firstTicks: UInt64 = 0
    private var firstNanoseconds: UInt64 = 0
    /// 0 until two pairs have been noted.
    public private(set) var secondsPerTick = 0.0

    public init() {}

    /// The ticks and CLOCK_MONOTONIC of this moment.
    public mutating func note() {
        note(ticks: cl_ticks(), nanoseconds: cl_monotonic_nanoseconds())
    }

    public mutating func note(ticks: UInt64, nanoseconds: UInt64) {
        guard firstNanoseconds > 0 else {
            firstTicks = ticks
            firstNanoseconds = nanoseconds
            return
        }
        let elapsed = nanoseconds &- firstNanoseconds
        guard elapsed >= Self.baselineNanosecondsMin else { return }
        if ticks > firstTicks { secondsPerTick = Double(elapsed) / 1e9 / Double(ticks - firstTicks) }
        if elapsed > Self.baselineNanosecondsMax || ticks <= firstTicks {
            firstTicks = ticks
            firstNanoseconds = nanoseconds
        }
    }
}
