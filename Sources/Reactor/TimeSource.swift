import CLinux

/// Where workers take the time from.
public enum TimeSource: Sendable {
    /// CLOCK_MONOTONIC: never set back, zero at boot.
    case system
    /// Simulated time, moved by a test. Workers look at it at least every millisecond.
    case manual(ManualClock)
}

/// A clock that stands still until someone moves it; any thread may.
public final class ManualClock: @unchecked Sendable {
    let milliseconds: UnsafeMutablePointer<UInt64>

    public init(now: Milliseconds) {
        milliseconds = .allocate(capacity: 1)
        milliseconds.initialize(to: now)
    }

    deinit { milliseconds.deallocate() }

    public var now: Milliseconds { cl_counter_get(milliseconds) }

    /// Moves the clock; one thread at a time.
    public func advance(by duration: Milliseconds) { cl_counter_add(milliseconds, duration) }
}

/// A worker's view of its time source: no reference to count on the loop's path.
struct WorkerClock {
    let manual: UnsafeMutablePointer<UInt64>?

    init(_ source: TimeSource) {
        switch source {
        case .system: manual = nil
        case .manual(let clock): manual = clock.milliseconds
        }
    }

    /// The delegate's time at the moment `nanoseconds` of CLOCK_MONOTONIC.
    func milliseconds(at nanoseconds: UInt64) -> Milliseconds {
        if let manual { return cl_counter_get(manual) }
        return nanoseconds / 1_000_000
    }
}
