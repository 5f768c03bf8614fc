/// What happens to a running proxy.
public enum LifecycleEvent: Sendable, Equatable {
    /// SIGHUP.
    case reload
    /// SIGTERM, SIGINT, `ctl drain`: finish what is in flight, then exit.
    case terminate
    /// `ctl stop`: exit at once.
    case stop
    /// Time has passed; `inFlight` transactions are left.
    case tick(inFlight: Int)
}

/// The life of a proxy from started to exited: decides, and leaves the doing to `Supervisor`.
public struct Lifecycle: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        case running
        case draining(deadlineMilliseconds: Int)
        case stopped(Ending)
    }

    public enum Ending: String, Sendable {
        /// Nothing was in flight any more.
        case drained
        /// The drain took longer than `drain_seconds`.
        case drainTimedOut = "drain timed out"
        /// By `ctl stop` or a second SIGTERM.
        case stopped
    }

    public enum Action: Sendable, Equatable {
        case none
        case reload
        case refuseReload
        case beginDrain
        case end(Ending)
    }

    public private(set) var state: State = .running

    public init() {}

    /// `now` is of a monotonic clock; `drainMilliseconds` counts when a drain begins.
    public mutating func handle(_ event: LifecycleEvent, now: Int, drainMilliseconds: Int) -> Action {
        switch (state, event) {
        case (.running, .reload): return .reload
        case (.running, .terminate):
            state = .draining(deadlineMilliseconds: now + drainMilliseconds)
            return .beginDrain
        case (.draining, .reload): return .refuseReload
        case (.running, .stop), (.draining, .terminate), (.draining, .stop): return end(.stopped)
        case (.draining(let deadline), .tick(let inFlight)):
            if inFlight == 0 { return end(.drained) }
            return now >= deadline ? end(.drainTimedOut) : .none
        case (.running, .tick), (.stopped, .reload), (.stopped, .terminate), (.stopped, .stop), (.stopped, .tick):
            return .none
        }
    }

    private mutating func end(_ ending: Ending) -> Action {
        state = .stopped(ending)
        return .end(ending)
    }
}
