import SIPTransaction
import Testing

/// RFC 3261 §17.1.1 and Figure 5, as corrected by RFC 6026 §7.2, written down from there.
@Suite struct InviteClientTests {
    typealias Machine = InviteClientTransaction

    /// One row: what an event does in a state. The end clock counts from the event; nil: stopped.
    struct Row {
        var state: Machine.State
        var event: Machine.Event
        var next: Machine.State
        var actions: TransactionActions
        var end: UInt64?
        /// Until the next retransmission; nil: none.
        var retransmit: UInt64?
    }

    /// A machine in a state, at a time well before any clock of that state.
    private func machine(in state: Machine.State, _ reliability: Reliability, at now: UInt64) -> Machine? {
        var machine = Machine(reliability: reliability, timers: timers, now: now)
        switch state {
        case .calling: break
        case .proceeding: _ = machine.handle(.provisional, timers: timers, now: now)
        case .completed: _ = machine.handle(.failure, timers: timers, now: now)
        case .accepted: _ = machine.handle(.success, timers: timers, now: now)
        case .terminated: _ = machine.handle(.transportError, timers: timers, now: now)
        }
        return machine.state == state ? machine : nil
    }

    /// 100 ms after the state was entered, so no clock is due: T1 is 500 ms.
    private static let table: [Row] = [
        Row(state: .calling, event: .provisional, next: .proceeding, actions: .deliver),
        Row(state: .calling, event: .success, next: .accepted, actions: .deliver, end: 32_000),
        Row(state: .calling, event: .failure, next: .completed, actions: [.deliver, .acknowledge], end: 32_000),
        Row(state: .calling, event: .timer, next: .calling, actions: [], end: 31_900, retransmit: 400),
        Row(state: .calling, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .proceeding, event: .provisional, next: .proceeding, actions: .deliver),
        Row(state: .proceeding, event: .success, next: .accepted, actions: .deliver, end: 32_000),
        Row(state: .proceeding, event: .failure, next: .completed, actions: [.deliver, .acknowledge], end: 32_000),
        Row(state: .proceeding, event: .timer, next: .proceeding, actions: []),
        Row(state: .proceeding, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .completed, event: .provisional, next: .completed, actions: [], end: 31_900),
        Row(state: .completed, event: .success, next: .completed, actions: [], end: 31_900),
        Row(state: .completed, event: .failure, next: .completed, actions: .acknowledge, end: 31_900),
        Row(state: .completed, event: .timer, next: .completed, actions: [], end: 31_900),
        Row(state: .completed, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .accepted, event: .provisional, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .success, next: .accepted, actions: .deliver, end: 31_900),
        Row(state: .accepted, event: .failure, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .timer, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .transportError, next: .accepted, actions: [], end: 31_900),
        Row(state: .terminated, event: .provisional, next: .terminated, actions: []),
        Row(state: .terminated, event: .success, next: .terminated, actions: []),
        Row(state: .terminated, event: .failure, next: .terminated, actions: []),
        Row(state: .terminated, event: .timer, next: .terminated, actions: []),
        Row(state: .terminated, event: .transportError, next: .terminated, actions: []),
    ]

    @Test("every event in every state", arguments: [Reliability.unreliable, .reliable])
    func table(reliability: Reliability) {
        #expect(Self.table.count == Machine.State.allCases.count * Machine.Event.allCases.count)
        for var row in Self.table {
            let begun: UInt64 = 10_000
            guard var machine = machine(in: row.state, reliability, at: begun) else {
                // A reliable transport has no Completed: Timer D is zero there.
                #expect(reliability == .reliable && row.state == .completed)
                continue
            }
            if reliability == .reliable {
                row.retransmit = nil
                if row.next == .completed {
                    row.next = .terminated
                    row.actions.insert(.terminated)
                    row.end = nil
                }
            }
            let now = begun + 100
            let actions = machine.handle(row.event, timers: timers, now: now)
            #expect(machine.state == row.next, "\(row)")
            #expect(actions == row.actions, "\(row)")
            #expect(machine.clocks.endAt == row.end.map { now + $0 } ?? .max, "\(row)")
            #expect(machine.clocks.retransmitAt == row.retransmit.map { now + $0 } ?? .max, "\(row)")
        }
    }

    @Test("Timer A doubles without a cap, Timer B ends the wait at 64·T1")
    func timerA() {
        var machine = Machine(reliability: .unreliable, timers: timers, now: 0)
        var sent: [UInt64] = []
        while machine.state != .terminated {
            let now = machine.clocks.nextDeadline
            let actions = machine.handle(.timer, timers: timers, now: now)
            if actions.contains(.transmit) { sent.append(now) }
            if actions.contains(.terminated) {
                #expect(actions == [.timedOut, .terminated])
                #expect(now == 32_000)
            }
        }
        #expect(sent == [500, 1_500, 3_500, 7_500, 15_500, 31_500])
    }

    @Test("over a reliable transport nothing is retransmitted, Timer B stays")
    func reliable() {
        var machine = Machine(reliability: .reliable, timers: timers, now: 7)
        #expect(machine.clocks.nextDeadline == 32_007)
        #expect(machine.handle(.timer, timers: timers, now: 32_007) == [.timedOut, .terminated])
    }

    @Test("Timer D is at least 32 s, more when T1 is longer; Timer M is 64·T1")
    func timerD() {
        for (t1, d, m) in [(500, 32_000, 32_000), (100, 32_000, 6_400), (1_000, 64_000, 64_000)]
            as [(UInt64, UInt64, UInt64)]
        {
            let own = TransactionTimers(t1Milliseconds: t1)
            var failed = Machine(reliability: .unreliable, timers: own, now: 0)
            _ = failed.handle(.failure, timers: own, now: 50)
            #expect(failed.clocks.nextDeadline == 50 + d)
            #expect(failed.handle(.timer, timers: own, now: 49 + d) == [])
            #expect(failed.handle(.timer, timers: own, now: 50 + d) == .terminated)
            var answered = Machine(reliability: .unreliable, timers: own, now: 0)
            _ = answered.handle(.success, timers: own, now: 50)
            #expect(answered.clocks.nextDeadline == 50 + m)
            #expect(answered.handle(.timer, timers: own, now: 50 + m) == .terminated)
        }
    }

    @Test("later events do not move Timers D and M")
    func clocksStay() {
        var failed = Machine(reliability: .unreliable, timers: timers, now: 0)
        _ = failed.handle(.failure, timers: timers, now: 0)
        for now in stride(from: UInt64(1_000), to: 32_000, by: 1_000) {
            _ = failed.handle(.failure, timers: timers, now: now)
        }
        #expect(failed.clocks.nextDeadline == 32_000)
        var answered = Machine(reliability: .unreliable, timers: timers, now: 0)
        _ = answered.handle(.success, timers: timers, now: 0)
        for now in stride(from: UInt64(1_000), to: 32_000, by: 1_000) {
            _ = answered.handle(.success, timers: timers, now: now)
        }
        #expect(answered.clocks.nextDeadline == 32_000)
    }
}
