import StatePolicy
import Testing

@Suite("What state costs, and what the machine has")
struct CostTests {
    @Test("both costs are learnt from a mix, and the last ratio is kept when one kind is not seen any more")
    func learns() {
        var node = Node(.fillFirst)
        node.run(100, [.init(from: 0, held: 5_000), .init(open: 5_000)], [nil])
        #expect(abs(node.policy.estimate.statelessCost / 30e-6 - 1) < 0.02)
        #expect(abs(node.policy.estimate.stateCost / 20e-6 - 1) < 0.05)
        node.run(200, [.init(open: 5_000)], [nil])
        #expect(abs(node.policy.estimate.stateCost / 20e-6 - 1) < 0.05)
        node.run(200, [.init(from: 0, held: 5_000)], [nil])
        #expect(abs(node.policy.estimate.stateCost / 20e-6 - 1) < 0.05)
    }

    @Test("before both kinds were seen state costs half of forwarding, and the sum is what was measured")
    func prior() {
        var node = Node(.fillFirst)
        node.run(20, [.init(open: 5_000)], [])
        let estimate = node.policy.estimate
        #expect(abs(estimate.stateCost / estimate.statelessCost - 0.5) < 0.01)
        #expect(abs((estimate.stateCost + estimate.statelessCost) / 50e-6 - 1) < 0.02)
    }

    @Test("what turns to the sockets take at rest is not taken for the price under load")
    func turns() {
        var node = Node(.fillFirst)
        node.turnCost = 20e-6
        for datagrams in [1.0, 4, 32] {
            node.datagramsPerTurn = datagrams
            node.run(20, [.init(from: 0, held: 2_000), .init(open: 2_000)], [nil])
            let estimate = node.policy.estimate
            #expect(abs(estimate.statelessCost / 30e-6 - 1) < 0.1, "\(estimate.statelessCost), \(datagrams) a turn")
            #expect(abs(estimate.stateCost / 20e-6 - 1) < 0.1, "\(estimate.stateCost), \(datagrams) a turn")
        }
    }

    @Test("costs that are set by hand are believed")
    func override() {
        var settings = PolicySettings()
        settings.statelessCostSeconds = 10e-6
        settings.stateCostSeconds = 40e-6
        var node = Node(.fillFirst, settings)
        node.run(100, [.init(to: 0, open: 30_000)], [.init()])
        #expect(node.policy.estimate.statelessCost == 10e-6)
        #expect(node.policy.estimate.stateCost == 40e-6)
        // (0.9 − 0.3) / 40 µs = 15,000 of 30,000.
        #expect(abs(node.decision.keep[0] - 0.5) < 0.01)
    }

    @Test("settings that make no sense are replaced by the defaults")
    func insane() {
        var settings = PolicySettings()
        settings.targetUtilisation = .nan
        settings.stateCostSeconds = 0
        settings.silenceSeconds = -1
        settings.rateSmoothingSeconds = 0
        var node = Node(.fillFirst, settings)
        node.run(100, [.init(to: 0, open: 20_000)], [.init()])
        #expect(abs(node.decision.keep[0] - 0.75) < 0.02)
    }

    @Test("state is never free, even if measured so")
    func neverFree() {
        var node = Node(.fillFirst)
        node.stateCost = -10e-6
        node.run(100, [.init(from: 0, held: 5_000), .init(open: 5_000)], [nil])
        #expect(node.policy.estimate.stateCost > 0)
        #expect(node.policy.estimate.holdable.isFinite)
    }

    @Test("one mad measurement moves little")
    func outlier() {
        var node = Node(.fillFirst)
        node.run(100, [.init(from: 0, held: 5_000), .init(open: 5_000)], [nil])
        node.statelessCost = 30e-3
        node.run(1, [.init(from: 0, held: 5_000), .init(open: 5_000)], [nil])
        #expect(node.policy.estimate.statelessCost < 33e-6)
    }

    @Test("datagrams that wait while there seems to be time left make the machine count as slower, for a while")
    func slowMachine() {
        var node = Node(.fillFirst)
        node.run(50, [.init(open: 8_000)], [])
        #expect(abs(node.policy.estimate.capacity - 0.9) < 0.001)
        node.queueingSeconds = 0.2
        node.run(20, [.init(open: 8_000)], [])
        #expect(node.policy.estimate.capacity < 0.45)
        node.queueingSeconds = 0
        node.run(25, [.init(open: 8_000)], [])
        #expect(node.policy.estimate.capacity < 0.6)
        node.run(400, [.init(open: 8_000)], [])
        #expect(abs(node.policy.estimate.capacity - 0.9) < 0.001)
    }

    @Test("with short turns and nobody waiting more is believed than the costs say, until datagrams wait")
    func elastic() {
        var node = Node(.fillFirst)
        node.turnCost = 20e-6
        node.datagramsPerTurn = 8
        node.run(5, [.init(open: 10_000)], [])
        #expect(abs(node.policy.estimate.capacity - 0.9) < 0.001)
        // 24,000 · 50 µs is a fifth more than there is, if the costs were true under this load.
        node.run(25, [.init(open: 24_000)], [])
        let believed = node.policy.estimate.capacity
        #expect(believed > 1.1)
        node.queueingSeconds = 0.2
        node.run(25, [.init(open: 24_000)], [])
        #expect(node.policy.estimate.capacity < believed - 0.05)
    }

    @Test("long turns are what a saturated worker has: then the costs are believed")
    func saturated() {
        var node = Node(.fillFirst)
        node.turnCost = 20e-6
        node.datagramsPerTurn = 100
        node.run(50, [.init(open: 24_000)], [])
        #expect(abs(node.policy.estimate.capacity - 0.9) < 0.001)
    }

    @Test("a quota that is halved counts at once")
    func quota() {
        var node = Node(.fillFirst)
        node.run(50, [.init(to: 0, open: 10_000)], [.init()])
        #expect(node.decision.keep == [1])
        node.processors = 0.5
        node.run(10, [.init(to: 0, open: 10_000)], [.init()])
        // (0.45 − 0.3) / 20 µs = 7,500 of 10,000.
        #expect(abs(node.decision.keep[0] - 0.75) < 0.03)
    }
}
