internal import Reactor

/// The thread that has the node decide anew each period, from the start of the data plane to its end. Reloads don't touch it.
final class StateLoop: Sendable {
    private let stopping = Monitor(false)
    private let thread: NamedThread

    /// - Parameter body: called on the loop's thread with the seconds of a monotonic clock.
    init(periodMilliseconds: Int, _ body: @escaping @Sendable (_ seconds: Double) -> Void) throws(SystemError) {
        let stopping = stopping
        thread = try NamedThread.start("state") {
            var next = MonotonicClock.milliseconds + periodMilliseconds
            while true {
                let now = MonotonicClock.milliseconds
                let ends = stopping.wait(milliseconds: max(0, next - now), until: { $0 }, then: { $0 })
                if ends { return }
                body(MonotonicClock.seconds)
                // A thread that was held up does not make up for the periods that it missed.
                next = max(next + periodMilliseconds, MonotonicClock.milliseconds)
            }
        }
    }

    /// Waits for the period under way. Call it once.
    func stop() {
        stopping.withLock { $0 = true }
        stopping.notify()
        thread.join()
    }
}
