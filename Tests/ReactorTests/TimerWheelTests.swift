import Reactor
import Testing

/// A wheel in a class: `#expect` takes only copyable values apart.
private final class Wheel {
    var wheel: TimerWheel

    init(now: UInt64, timersMax: Int) { wheel = TimerWheel(now: now, timersMax: timersMax) }

    var count: Int { wheel.count }
    func schedule(at deadline: UInt64, payload: UInt64) -> UInt32 { wheel.schedule(at: deadline, payload: payload) }
    func cancel(_ node: UInt32) { wheel.cancel(node) }
    func reschedule(_ node: UInt32, at deadline: UInt64) -> Bool { wheel.reschedule(node, at: deadline) }
    func popExpired(now: UInt64) -> UInt64? { wheel.popExpired(now: now) }
    func nextDeadline() -> UInt64? { wheel.nextDeadline() }
}

@Suite("Timer wheel") struct TimerWheelTests {
    @Test("timers pop in the order of their ticks, and of scheduling within a tick")
    func order() {
        let wheel = Wheel(now: 1_000, timersMax: 16)
        _ = wheel.schedule(at: 1_500, payload: 1)
        _ = wheel.schedule(at: 1_001, payload: 2)
        _ = wheel.schedule(at: 1_500, payload: 3)
        _ = wheel.schedule(at: 70_000, payload: 4)
        #expect(wheel.popExpired(now: 1_000) == nil)
        #expect(wheel.popExpired(now: 2_000) == 2)
        #expect(wheel.popExpired(now: 2_000) == 1)
        #expect(wheel.popExpired(now: 2_000) == 3)
        #expect(wheel.popExpired(now: 2_000) == nil)
        #expect(wheel.popExpired(now: 69_999) == nil)
        #expect(wheel.popExpired(now: 70_000) == 4)
        #expect(wheel.count == 0)
        #expect(wheel.nextDeadline() == nil)
    }

    @Test("a deadline that has passed is due at once")
    func past() {
        let wheel = Wheel(now: 5_000, timersMax: 4)
        _ = wheel.schedule(at: 3, payload: 9)
        #expect(wheel.nextDeadline() == 5_000)
        #expect(wheel.popExpired(now: 4_999) == nil)
        #expect(wheel.popExpired(now: 5_000) == 9)
    }

    @Test("a full wheel refuses and recovers")
    func full() {
        let wheel = Wheel(now: 0, timersMax: 3)
        let handles = (1...3).map { wheel.schedule(at: $0, payload: $0) }
        #expect(handles.allSatisfy { $0 != 0 })
        #expect(wheel.schedule(at: 4, payload: 4) == 0)
        wheel.cancel(handles[1])
        #expect(wheel.count == 2)
        #expect(wheel.schedule(at: 5, payload: 5) != 0)
        #expect(wheel.popExpired(now: 9) == 1)
        #expect(wheel.popExpired(now: 9) == 3)
        #expect(wheel.popExpired(now: 9) == 5)
        #expect(wheel.popExpired(now: 9) == nil)
    }

    @Test("a stale handle cancels nothing, whoever has its place now")
    func stale() {
        let wheel = Wheel(now: 0, timersMax: 1)
        let first = wheel.schedule(at: 10, payload: 1)
        #expect(wheel.popExpired(now: 10) == 1)
        let second = wheel.schedule(at: 20, payload: 2)
        #expect(first != second)
        wheel.cancel(first)
        wheel.cancel(0)
        wheel.cancel(.max)
        #expect(!wheel.reschedule(first, at: 11))
        #expect(wheel.count == 1)
        #expect(wheel.popExpired(now: 20) == 2)
        wheel.cancel(second)
        #expect(wheel.count == 0)
    }

    @Test("the ends of time are deadlines like others")
    func extremes() {
        let wheel = Wheel(now: 0, timersMax: 8)
        _ = wheel.schedule(at: .max, payload: 1)
        _ = wheel.schedule(at: .max - 1, payload: 2)
        _ = wheel.schedule(at: 1 << 40, payload: 3)
        _ = wheel.schedule(at: (1 << 32) + 100, payload: 4)
        #expect(wheel.popExpired(now: (1 << 32) + 50) == nil)
        _ = wheel.schedule(at: (1 << 32) + 200, payload: 5)
        #expect(wheel.popExpired(now: 1 << 33) == 4)
        #expect(wheel.popExpired(now: 1 << 33) == 5)
        #expect(wheel.popExpired(now: 1 << 33) == nil)
        #expect(wheel.popExpired(now: .max) == 3)
        #expect(wheel.popExpired(now: .max) == 2)
        #expect(wheel.popExpired(now: .max) == 1)
        #expect(wheel.popExpired(now: .max) == nil)
        #expect(wheel.schedule(at: 0, payload: 6) != 0)
        #expect(wheel.popExpired(now: .max) == 6)
    }

    @Test("it behaves like a sorted list under random schedules, cancels, moves and jumps")
    func againstReference() {
        var generator = SeededGenerator.printed("timer wheel")
        for _ in 0..<40 { run(&generator, steps: 3_000) }
    }

    private struct Entry { var deadline, order, payload: UInt64, handle: UInt32 }

    private func run(_ generator: inout SeededGenerator, steps: Int) {
        let timersMax = Int.random(in: 1...300, using: &generator)
        var now = UInt64.random(in: 0...(UInt64(1) << UInt64.random(in: 0...45, using: &generator)), using: &generator)
        let wheel = Wheel(now: now, timersMax: timersMax)
        var reference: [Entry] = []
        var stale: [UInt32] = []
        var order: UInt64 = 0
        for _ in 0..<steps {
            // Spans from a tick to hundreds of days, evenly over the levels.
            let span = UInt64.random(
                in: 0...(UInt64(1) << UInt64.random(in: 0...35, using: &generator)), using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let deadline = Int.random(in: 0..<20, using: &generator) == 0 ? now - min(now, span) : now + span
                order += 1
                let handle = wheel.schedule(at: deadline, payload: order)
                #expect((handle == 0) == (reference.count == timersMax))
                guard handle != 0 else { continue }
                reference.append(Entry(deadline: max(deadline, now), order: order, payload: order, handle: handle))
            case 5, 6:
                guard let index = reference.indices.randomElement(using: &generator) else { continue }
                wheel.cancel(reference[index].handle)
                stale.append(reference.remove(at: index).handle)
            case 7:
                guard let index = reference.indices.randomElement(using: &generator) else { continue }
                #expect(wheel.reschedule(reference[index].handle, at: now + span))
                order += 1
                reference[index].deadline = now + span
                reference[index].order = order
            case 8:
                // Recent ones only: after thousands of reuses a generation comes round.
                if let handle = stale.suffix(8).randomElement(using: &generator),
                    !reference.contains(where: { $0.handle == handle })
                {
                    wheel.cancel(handle)
                }
            default:
                now += span
                stale += drain(wheel, &reference, now)
            }
            #expect(wheel.count == reference.count)
            let first = reference.map(\.deadline).min()
            #expect((wheel.nextDeadline() == nil) == (first == nil))
            if let next = wheel.nextDeadline(), let first { #expect(next <= first) }
        }
    }

    private func drain(_ wheel: Wheel, _ reference: inout [Entry], _ now: UInt64) -> [UInt32] {
        let due = reference.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.order) < ($1.deadline, $1.order) }
        reference.removeAll { $0.deadline <= now }
        for entry in due { #expect(wheel.popExpired(now: now) == entry.payload) }
        #expect(wheel.popExpired(now: now) == nil)
        return due.map(\.handle)
    }

    @Test("going from deadline to deadline reaches every timer in few steps")
    func steps() {
        let wheel = Wheel(now: 0, timersMax: 100)
        for index in 0..<100 { _ = wheel.schedule(at: UInt64(index) * 7_777_777 + 1, payload: UInt64(index)) }
        var steps = 0
        var popped: [UInt64] = []
        while let next = wheel.nextDeadline(), steps < 1_000 {
            steps += 1
            while let payload = wheel.popExpired(now: next) { popped.append(payload) }
        }
        #expect(popped == Array(0..<100))
        #expect(steps <= 500)
    }
}
