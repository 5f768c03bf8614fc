import ProxyCore
import Reactor
import StatePolicy
import Testing

/// What handling costs, by a tick counter that the test moves: a thousand ticks a datagram sent.
@Suite("Cost of handling") struct CostMeterTests {
    /// A proxy with a meter, and what that counts.
    private final class Metered {
        static let ticksADatagram: UInt64 = 1_000
        let block = CounterBlock(count: CostCounter.allCases.count)
        let ticks = ManualTicks(1)
        let harness: ProxyHarness

        init(_ policy: PolicyName, _ logic: TestLogic = TestLogic()) {
            harness = ProxyHarness(logic, meter: CostMeter(counters: block, source: .manual(ticks))) {
                $0.policy = policy
            }
            let ticks = ticks
            harness.sink.onCommit = { ticks.advance(by: Self.ticksADatagram) }
        }

        deinit { block.deallocate() }

        /// Ticks and datagrams since the last call.
        func taken() -> Taken {
            let now = Taken(
                statelessTicks: block.value(.statelessTicks), statelessDatagrams: block.value(.statelessDatagrams),
                statefulTicks: block.value(.statefulTicks), statefulDatagrams: block.value(.statefulDatagrams))
            defer { before = now }
            return Taken(
                statelessTicks: now.statelessTicks - before.statelessTicks,
                statelessDatagrams: now.statelessDatagrams - before.statelessDatagrams,
                statefulTicks: now.statefulTicks - before.statefulTicks,
                statefulDatagrams: now.statefulDatagrams - before.statefulDatagrams)
        }

        private var before = Taken()
    }

    private struct Taken: Equatable {
        var statelessTicks: UInt64 = 0
        var statelessDatagrams: UInt64 = 0
        var statefulTicks: UInt64 = 0
        var statefulDatagrams: UInt64 = 0
    }

    @Test("a stateless call costs stateless time only, both its datagrams counted each time")
    func stateless() throws {
        let metered = Metered(.stateless)
        let invite = try #require(metered.harness.receive(RequestText()).requests.first).message
        #expect(metered.taken() == Taken(statelessTicks: 1_000, statelessDatagrams: 2))
        metered.harness.receive(invite.response(200), from: Place.bob)
        #expect(metered.taken() == Taken(statelessTicks: 1_000, statelessDatagrams: 2))
        metered.harness.receive("\r\n\r\n")
        #expect(metered.taken() == Taken(statelessDatagrams: 1))
    }

    @Test("what touches a transaction is stateful: request, responses, retransmissions, CANCEL, timers")
    func stateful() throws {
        let metered = Metered(.stateful)
        let request = RequestText()
        // 100 and the INVITE.
        let invite = try #require(metered.harness.receive(request).requests.first).message
        #expect(metered.taken() == Taken(statefulTicks: 2_000, statefulDatagrams: 3))
        // Answered with the 100 again.
        metered.harness.receive(request)
        #expect(metered.taken() == Taken(statefulTicks: 1_000, statefulDatagrams: 2))
        // Timer A.
        #expect(metered.harness.pass(milliseconds: 500).count == 1)
        #expect(metered.taken() == Taken(statefulTicks: 1_000, statefulDatagrams: 1))
        metered.harness.receive(invite.response(180), from: Place.bob)
        #expect(metered.taken() == Taken(statefulTicks: 1_000, statefulDatagrams: 2))
        // 200 to the CANCEL, and our own CANCEL.
        metered.harness.receive(RequestText("CANCEL"))
        #expect(metered.taken() == Taken(statefulTicks: 2_000, statefulDatagrams: 3))
    }

    @Test("an ACK that passes through belongs to neither side")
    func ack() {
        for policy in [PolicyName.stateful, .stateless] {
            let metered = Metered(policy)
            #expect(metered.harness.receive(RequestText("ACK")).requests.count == 1)
            #expect(metered.taken() == Taken())
        }
    }

    @Test("a request that found no room for its state is stateless after all")
    func noRoom() {
        let metered = Metered(.stateful)
        let full = ProxyHarness(
            meter: CostMeter(counters: metered.block, source: .manual(metered.ticks)),
            { $0.limits.transactionMemoryBytesMax = 0 })
        full.sink.onCommit = { [ticks = metered.ticks] in ticks.advance(by: 1_000) }
        full.receive(RequestText())
        #expect(full.count(.requestsForwardedStateless) == 1)
        #expect(metered.taken() == Taken(statelessTicks: 1_000, statelessDatagrams: 2))
    }

    @Test("a stretch in which the worker was not running counts as an ordinary one")
    func interrupted() {
        let logic = TestLogic()
        let metered = Metered(.stateless, logic)
        var pause: UInt64 = 0
        logic.request = { context in
            metered.ticks.advance(by: pause)
            context.relay()
        }
        for _ in 0..<1_000 { metered.harness.receive(RequestText("OPTIONS")) }
        #expect(metered.taken().statelessTicks == 1_000_000)
        for preempted in [CostMeter.clippedTicksMin, 1 << 40, .max - 2_000] as [UInt64] {
            pause = preempted
            metered.harness.receive(RequestText("OPTIONS"))
            let taken = metered.taken().statelessTicks
            #expect(taken >= 900 && taken < 60_000, "\(preempted) ticks away counted \(taken)")
            pause = 0
            for _ in 0..<1_000 { metered.harness.receive(RequestText("OPTIONS")) }
            #expect(metered.taken().statelessTicks == 1_000_000)
        }
        #expect(metered.block.value(.stretchesClipped) == 3)
    }

    @Test("handlings that become long for good are believed after some dozens")
    func longForGood() {
        let logic = TestLogic()
        let metered = Metered(.stateless, logic)
        for _ in 0..<100 { metered.harness.receive(RequestText("OPTIONS")) }
        logic.request = { context in
            metered.ticks.advance(by: 3_000_000)
            context.relay()
        }
        for _ in 0..<200 { metered.harness.receive(RequestText("OPTIONS")) }
        #expect(metered.block.value(.stretchesClipped) < 100)
        _ = metered.taken()
        metered.harness.receive(RequestText("OPTIONS"))
        #expect(metered.taken().statelessTicks == 3_001_000)
    }
}

@Suite("Samples of cost") struct CostReaderTests {
    private let block = CounterBlock(count: CostCounter.allCases.count)

    private func count(stateless: UInt64, stateful: UInt64) {
        block.add(.statelessTicks, stateless)
        block.add(.statelessDatagrams, stateless / 1_000)
        block.add(.statefulTicks, stateful)
        block.add(.statefulDatagrams, stateful / 1_000)
    }

    @Test("a sample holds what came since the last one")
    func differences() {
        defer { block.deallocate() }
        count(stateless: 9_000, stateful: 9_000)
        var reader = CostReader(counters: block)
        #expect(reader.sample(.init(processorNanoseconds: 5_000_000), secondsPerTick: 1e-6) == CostSample())
        count(stateless: 20_000, stateful: 30_000)
        #expect(
            reader.sample(
                .init(processorNanoseconds: 105_000_000, queueingSamples: 4, queueingMicroseconds: 1_000),
                secondsPerTick: 1e-6)
                == CostSample(
                    totalSeconds: 0.1, statelessSeconds: 0.02, statefulSeconds: 0.03, statelessDatagrams: 20,
                    statefulDatagrams: 30, queueingSeconds: 0.000_25))
        // Nothing came.
        #expect(
            reader.sample(
                .init(processorNanoseconds: 105_000_000, queueingSamples: 4, queueingMicroseconds: 1_000),
                secondsPerTick: 1e-6) == CostSample())
    }

    @Test("handling never takes more than the thread had, and a thread that is gone takes nothing")
    func bounded() {
        defer { block.deallocate() }
        var reader = CostReader(counters: block)
        _ = reader.sample(.init(processorNanoseconds: 0), secondsPerTick: 1e-6)
        count(stateless: 100_000, stateful: 300_000)
        let sample = reader.sample(.init(processorNanoseconds: 200_000_000), secondsPerTick: 1e-6)
        #expect(sample.totalSeconds == 0.2)
        #expect(abs(sample.statelessSeconds - 0.05) < 1e-12 && abs(sample.statefulSeconds - 0.15) < 1e-12)
        count(stateless: 100_000, stateful: 0)
        let gone = reader.sample(.init(processorNanoseconds: 0), secondsPerTick: 1e-6)
        #expect(gone.totalSeconds == 0 && gone.statelessSeconds == 0 && gone.statelessDatagrams == 100)
        // Before the ticks have a length nothing can be said of handling.
        count(stateless: 1_000, stateful: 1_000)
        let early = reader.sample(.init(processorNanoseconds: 1_000_000), secondsPerTick: 0)
        #expect(early.totalSeconds == 0.001 && early.statefulSeconds == 0)
    }
}
