internal import Reactor

/// Where a routing logic has itself called after some time. On the worker's thread.
public protocol RoutingTimers: AnyObject {
    /// `timerFired` is called with the number once, later. False: `timersMax` are set already.
    func set(_ number: UInt64, afterMilliseconds milliseconds: UInt64) -> Bool
}

/// The timers of the current routing logic; those of an older one are gone.
struct RoutingTimerTable: ~Copyable {
    static let timersMax = 10_000

    struct Entry: BitwiseCopyable {
        var number: UInt64
        /// Of the wheel; 0: the slot is free.
        var timer: UInt32
    }

    var entries = SlotPool<Entry>(capacity: timersMax)
    /// Slots that were ever used.
    var highest: UInt32 = 0
}

// Time for scripts: docs/waiting.md#timers.
extension Proxy: RoutingTimers {
    /// Payload of a routing logic's timer; the rest is its slot.
    static let routingTimer: UInt64 = 1 << 60

    public func set(_ number: UInt64, afterMilliseconds milliseconds: UInt64) -> Bool {
        let slot = routingTimers.pointee.entries.take(RoutingTimerTable.Entry(number: number, timer: 0))
        guard slot != 0 else { return false }
        routingTimers.pointee.highest = max(routingTimers.pointee.highest, slot)
        let timer = table.pointee.wheel.schedule(
            at: max(table.pointee.latestTime, request.now) &+ milliseconds, payload: Self.routingTimer | UInt64(slot))
        guard timer != 0 else {
            routingTimers.pointee.entries.give(back: slot)
            return false
        }
        routingTimers.pointee.entries[slot].pointee.timer = timer
        return true
    }

    func routingTimerFired(_ slot: UInt32, now: UInt64) {
        let number = routingTimers.pointee.entries[slot].pointee.number
        forgetRoutingTimer(slot)
        count(.timersRun)
        generations.pointee.logic(generations.pointee.current).timerFired(number, now: now)
    }

    /// The logic has been replaced.
    func cancelRoutingTimers() {
        guard routingTimers.pointee.entries.count > 0 else { return }
        for slot in 1...routingTimers.pointee.highest {
            let timer = routingTimers.pointee.entries[slot].pointee.timer
            guard timer != 0 else { continue }
            table.pointee.wheel.cancel(timer)
            forgetRoutingTimer(slot)
        }
    }

    private func forgetRoutingTimer(_ slot: UInt32) {
        routingTimers.pointee.entries[slot].pointee.timer = 0
        routingTimers.pointee.entries.give(back: slot)
    }
}
