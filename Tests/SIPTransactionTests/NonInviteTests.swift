import SIPTransaction
import Testing

/// RFC 3261 §17.1.2 with Figure 6, written down from there.
@Suite struct NonInviteClientTests {
    typealias Machine = NonInviteClientTransaction

    struct Row {
        var state: Machine.State
        var event: Machine.Event
        var next: Machine.State
        var actions: TransactionActions
        var end: UInt64?
        var retransmit: UInt64?
    }

    private func machine(in state: Machine.State, _ reliability: Reliability, at now: UInt64) -> Machine? {
        var machine = Machine(reliability: reliability, timers: timers, now: now)
        switch state {
        case .trying: break
        case .proceeding: _ = machine.handle(.provisional, timers: timers, now: now)
        case .completed: _ = machine.handle(.final, timers: timers, now: now)
        case .terminated: _ = machine.handle(.transportError, timers: timers, now: now)
        }
        return machine.state == state ? machine : nil
    }

    private static let table: [Row] = [
        Row(state: .trying, event: .provisional, next: .proceeding, actions: .deliver, end: 31_900, retransmit: 400),
        Row(state: .trying, event: .final, next: .completed, actions: .deliver, end: 5_000),
        Row(state: .trying, event: .timer, next: .trying, actions: [], end: 31_900, retransmit: 400),
        Row(state: .trying, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(
            state: .proceeding, event: .provisional, next: .proceeding, actions: .deliver, end: 31_900, retransmit: 400),
        Row(state: .proceeding, event: .final, next: .completed, actions: .deliver, end: 5_000),
        Row(state: .proceeding, event: .timer, next: .proceeding, actions: [], end: 31_900, retransmit: 400),
        Row(state: .proceeding, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .completed, event: .provisional, next: .completed, actions: [], end: 4_900),
        Row(state: .completed, event: .final, next: .completed, actions: [], end: 4_900),
        Row(state: .completed, event: .timer, next: .completed, actions: [], end: 4_900),
        Row(state: .completed, event: .transportError, next: .completed, actions: [], end: 4_900),
        Row(state: .terminated, event: .provisional, next: .terminated, actions: []),
        Row(state: .terminated, event: .final, next: .terminated, actions: []),
        Row(state: .terminated, event: .timer, next: .terminated, actions: []),
        Row(state: .terminated, event: .transportError, next: .terminated, actions: []),
    ]

    @Test("every event in every state", arguments: [Reliability.unreliable, .reliable])
    func table(reliability: Reliability) {
        #expect(Self.table.count == Machine.State.allCases.count * Machine.Event.allCases.count)
        for var row in Self.table {
            let begun: UInt64 = 10_000
            guard var machine = machine(in: row.state, reliability, at: begun) else {
                // Timer K is zero on a reliable transport.
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

    /// Runs a machine to its end by its own clocks; a provisional response comes at a time.
    private func schedule(provisionalAt: UInt64?) -> (sent: [UInt64], end: UInt64) {
        var machine = Machine(reliability: .unreliable, timers: timers, now: 0)
        var sent: [UInt64] = []
        var now: UInt64 = 0
        var provisional = provisionalAt
        while machine.state != .terminated {
            now = machine.clocks.nextDeadline
            if let at = provisional, at <= now {
                _ = machine.handle(.provisional, timers: timers, now: at)
                provisional = nil
                continue
            }
            if machine.handle(.timer, timers: timers, now: now).contains(.transmit) { sent.append(now) }
        }
        return (sent, now)
    }

    @Test("Timer E doubles up to T2, Timer F ends the wait at 64·T1")
    func timerE() {
        let (sent, end) = schedule(provisionalAt: nil)
        #expect(sent == [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
        #expect(end == 32_000)
    }

    @Test("after a provisional response Timer E is T2")
    func timerEInProceeding() {
        let (sent, end) = schedule(provisionalAt: 600)
        #expect(sent == [500, 1_500, 5_500, 9_500, 13_500, 17_500, 21_500, 25_500, 29_500])
        #expect(end == 32_000)
    }
}

/// RFC 3261 §17.2.2 with Figure 8, written down from there.
@Suite struct NonInviteServerTests {
    typealias Machine = NonInviteServerTransaction

    struct Row {
        var state: Machine.State
        var event: Machine.Event
        var next: Machine.State
        var actions: TransactionActions
        var end: UInt64?
    }

    private func machine(in state: Machine.State, _ reliability: Reliability, at now: UInt64) -> Machine? {
        var machine = Machine(reliability: reliability)
        switch state {
        case .trying: break
        case .proceeding: _ = machine.handle(.sendProvisional, timers: timers, now: now)
        case .completed: _ = machine.handle(.sendFinal, timers: timers, now: now)
        case .terminated: machine.abandon()
        }
        return machine.state == state ? machine : nil
    }

    private static let table: [Row] = [
        Row(state: .trying, event: .retransmission, next: .trying, actions: []),
        Row(state: .trying, event: .sendProvisional, next: .proceeding, actions: .transmit),
        Row(state: .trying, event: .sendFinal, next: .completed, actions: .transmit, end: 32_000),
        Row(state: .trying, event: .timer, next: .trying, actions: []),
        Row(state: .trying, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .proceeding, event: .retransmission, next: .proceeding, actions: .transmit),
        Row(state: .proceeding, event: .sendProvisional, next: .proceeding, actions: .transmit),
        Row(state: .proceeding, event: .sendFinal, next: .completed, actions: .transmit, end: 32_000),
        Row(state: .proceeding, event: .timer, next: .proceeding, actions: []),
        Row(state: .proceeding, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .completed, event: .retransmission, next: .completed, actions: .transmit, end: 31_900),
        Row(state: .completed, event: .sendProvisional, next: .completed, actions: [], end: 31_900),
        Row(state: .completed, event: .sendFinal, next: .completed, actions: [], end: 31_900),
        Row(state: .completed, event: .timer, next: .completed, actions: [], end: 31_900),
        Row(state: .completed, event: .transportError, next: .terminated, actions: [.transportFailed, .terminated]),
        Row(state: .terminated, event: .retransmission, next: .terminated, actions: []),
        Row(state: .terminated, event: .sendProvisional, next: .terminated, actions: []),
        Row(state: .terminated, event: .sendFinal, next: .terminated, actions: []),
        Row(state: .terminated, event: .timer, next: .terminated, actions: []),
        Row(state: .terminated, event: .transportError, next: .terminated, actions: []),
    ]

    @Test("every event in every state", arguments: [Reliability.unreliable, .reliable])
    func table(reliability: Reliability) {
        #expect(Self.table.count == Machine.State.allCases.count * Machine.Event.allCases.count)
        for var row in Self.table {
            let begun: UInt64 = 10_000
            guard var machine = machine(in: row.state, reliability, at: begun) else {
                // Timer J is zero on a reliable transport.
                #expect(reliability == .reliable && row.state == .completed)
                continue
            }
            if reliability == .reliable, row.next == .completed {
                row.next = .terminated
                row.actions.insert(.terminated)
                row.end = nil
            }
            let now = begun + 100
            let actions = machine.handle(row.event, timers: timers, now: now)
            #expect(machine.state == row.next, "\(row)")
            #expect(actions == row.actions, "\(row)")
            #expect(machine.clocks.nextDeadline == row.end.map { now + $0 } ?? .max, "\(row)")
        }
    }

    @Test("Timer J is 64·T1")
    func timerJ() {
        let own = TransactionTimers(t1Milliseconds: 100)
        var machine = Machine(reliability: .unreliable)
        _ = machine.handle(.sendFinal, timers: own, now: 5)
        #expect(machine.clocks.nextDeadline == 6_405)
        #expect(machine.handle(.timer, timers: own, now: 6_404) == [])
        #expect(machine.handle(.timer, timers: own, now: 6_405) == .terminated)
    }
}
