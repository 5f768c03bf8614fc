import SIPTransaction
import Testing

/// RFC 3261 §17.2.1 and Figure 7, as corrected by RFC 6026 §7.1, written down from there.
@Suite struct InviteServerTests {
    typealias Machine = InviteServerTransaction

    struct Row {
        var state: Machine.State
        var event: Machine.Event
        var next: Machine.State
        var actions: TransactionActions
        var end: UInt64?
        var retransmit: UInt64?
    }

    private func machine(in state: Machine.State, _ reliability: Reliability, at now: UInt64) -> Machine? {
        var machine = Machine(reliability: reliability)
        switch state {
        case .proceeding: break
        case .completed: _ = machine.handle(.sendFailure, timers: timers, now: now)
        case .confirmed:
            _ = machine.handle(.sendFailure, timers: timers, now: now)
            _ = machine.handle(.ack, timers: timers, now: now)
        case .accepted: _ = machine.handle(.sendSuccess, timers: timers, now: now)
        case .terminated:
            _ = machine.handle(.sendSuccess, timers: timers, now: now)
            _ = machine.handle(.timer, timers: timers, now: now + 32_000)
        }
        return machine.state == state ? machine : nil
    }

    /// 100 ms after the state was entered.
    private static let table: [Row] = [
        Row(state: .proceeding, event: .retransmission, next: .proceeding, actions: .transmit),
        Row(state: .proceeding, event: .ack, next: .proceeding, actions: []),
        Row(state: .proceeding, event: .sendProvisional, next: .proceeding, actions: .transmit),
        Row(state: .proceeding, event: .sendSuccess, next: .accepted, actions: .transmit, end: 32_000),
        Row(
            state: .proceeding, event: .sendFailure, next: .completed, actions: .transmit, end: 32_000, retransmit: 500),
        Row(state: .proceeding, event: .timer, next: .proceeding, actions: []),
        Row(state: .proceeding, event: .transportError, next: .proceeding, actions: .transportFailed),
        Row(
            state: .completed, event: .retransmission, next: .completed, actions: .transmit, end: 31_900,
            retransmit: 400),
        Row(state: .completed, event: .ack, next: .confirmed, actions: [], end: 5_000),
        Row(state: .completed, event: .sendProvisional, next: .completed, actions: [], end: 31_900, retransmit: 400),
        Row(state: .completed, event: .sendSuccess, next: .completed, actions: [], end: 31_900, retransmit: 400),
        Row(state: .completed, event: .sendFailure, next: .completed, actions: [], end: 31_900, retransmit: 400),
        Row(state: .completed, event: .timer, next: .completed, actions: [], end: 31_900, retransmit: 400),
        Row(
            state: .completed, event: .transportError, next: .completed, actions: .transportFailed, end: 31_900,
            retransmit: 400),
        Row(state: .confirmed, event: .retransmission, next: .confirmed, actions: [], end: 4_900),
        Row(state: .confirmed, event: .ack, next: .confirmed, actions: [], end: 4_900),
        Row(state: .confirmed, event: .sendProvisional, next: .confirmed, actions: [], end: 4_900),
        Row(state: .confirmed, event: .sendSuccess, next: .confirmed, actions: [], end: 4_900),
        Row(state: .confirmed, event: .sendFailure, next: .confirmed, actions: [], end: 4_900),
        Row(state: .confirmed, event: .timer, next: .confirmed, actions: [], end: 4_900),
        Row(state: .confirmed, event: .transportError, next: .confirmed, actions: [], end: 4_900),
        Row(state: .accepted, event: .retransmission, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .ack, next: .accepted, actions: .deliver, end: 31_900),
        Row(state: .accepted, event: .sendProvisional, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .sendSuccess, next: .accepted, actions: .transmit, end: 31_900),
        Row(state: .accepted, event: .sendFailure, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .timer, next: .accepted, actions: [], end: 31_900),
        Row(state: .accepted, event: .transportError, next: .accepted, actions: .transportFailed, end: 31_900),
        Row(state: .terminated, event: .retransmission, next: .terminated, actions: []),
        Row(state: .terminated, event: .ack, next: .terminated, actions: []),
        Row(state: .terminated, event: .sendProvisional, next: .terminated, actions: []),
        Row(state: .terminated, event: .sendSuccess, next: .terminated, actions: []),
        Row(state: .terminated, event: .sendFailure, next: .terminated, actions: []),
        Row(state: .terminated, event: .timer, next: .terminated, actions: []),
        Row(state: .terminated, event: .transportError, next: .terminated, actions: []),
    ]

    @Test("every event in every state", arguments: [Reliability.unreliable, .reliable])
    func table(reliability: Reliability) {
        #expect(Self.table.count == Machine.State.allCases.count * Machine.Event.allCases.count)
        for var row in Self.table {
            let begun: UInt64 = 10_000
            guard var machine = machine(in: row.state, reliability, at: begun) else {
                // Timer I is zero on a reliable transport: no Confirmed.
                #expect(reliability == .reliable && row.state == .confirmed)
                continue
            }
            if reliability == .reliable {
                row.retransmit = nil
                if row.state == .completed && row.event == .ack {
                    row.next = .terminated
                    row.actions = .terminated
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

    @Test("Timer G doubles up to T2, Timer H ends the wait for the ACK at 64·T1")
    func timerG() {
        var machine = Machine(reliability: .unreliable)
        _ = machine.handle(.sendFailure, timers: timers, now: 0)
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
        #expect(sent == [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
    }

    @Test("a reliable transport has Timer H but no Timer G")
    func reliable() {
        var machine = Machine(reliability: .reliable)
        _ = machine.handle(.sendFailure, timers: timers, now: 0)
        #expect(machine.clocks.nextDeadline == 32_000)
        #expect(machine.handle(.timer, timers: timers, now: 32_000) == [.timedOut, .terminated])
    }

    @Test("Timer I is T4, Timer L is 64·T1")
    func timersIAndL() {
        let own = TransactionTimers(t1Milliseconds: 200, t2Milliseconds: 2_000, t4Milliseconds: 3_000)
        var failed = Machine(reliability: .unreliable)
        _ = failed.handle(.sendFailure, timers: own, now: 0)
        _ = failed.handle(.ack, timers: own, now: 10)
        #expect(failed.clocks.nextDeadline == 3_010)
        #expect(failed.handle(.timer, timers: own, now: 3_009) == [])
        #expect(failed.handle(.timer, timers: own, now: 3_010) == .terminated)
        var answered = Machine(reliability: .reliable)
        _ = answered.handle(.sendSuccess, timers: own, now: 0)
        #expect(answered.clocks.nextDeadline == 12_800)
        #expect(answered.handle(.timer, timers: own, now: 12_800) == .terminated)
    }
}
