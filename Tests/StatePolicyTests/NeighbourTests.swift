import StatePolicy
import Testing

@Suite("What neighbours say, and what they don't")
struct NeighbourTests {
    static let traffic = [Node.Traffic(to: 0, open: 24_000)]

    /// A node that delegates to neighbour 0.
    static func delegating() -> Node {
        var node = Node(.fillFirst)
        node.run(100, traffic, [.init()])
        return node
    }

    @Test("a neighbour that never spoke is not delegated to")
    func neverSpoke() {
        var node = Node(.fillFirst)
        node.run(50, Self.traffic, [nil])
        #expect(node.decision.keep == [1])
    }

    @Test("silence of 3 s stops delegation at once, and not before")
    func silence() {
        var node = Self.delegating()
        #expect(node.decision.keep[0] < 0.5)
        node.run(14, Self.traffic, [nil])
        #expect(node.decision.keep[0] < 0.5)
        node.run(2, Self.traffic, [nil])
        #expect(node.decision.keep[0] == 1)
    }

    @Test("after silence or a restart κ starts at 1 and falls gradually")
    func restart() {
        var node = Self.delegating()
        let settled = node.decision.keep[0]
        node.epoch = 2
        node.sequence = 0
        node.run(1, Self.traffic, [.init()])
        #expect(node.decision.keep[0] >= 0.75)
        node.run(25, Self.traffic, [.init()])
        #expect(abs(node.decision.keep[0] - settled) < 0.03)
    }

    @Test("feedback older than what is known is ignored")
    func stale() {
        var node = Self.delegating()
        let before = node.decision.keep[0]
        let old = [
            Feedback(allowance: 0, price: 1, epoch: 1, sequence: 5),
            Feedback(allowance: 0, price: 1, epoch: 0, sequence: .max),
            Feedback(allowance: 0, price: 1, epoch: 1, sequence: 100),
        ]
        for feedback in old { node.period(Self.traffic, [feedback]) }
        #expect(abs(node.decision.keep[0] - before) < 0.02)
        #expect(node.decision.refuse == 0)
    }

    @Test("after silence a smaller epoch is a new life: a clock may have been set back")
    func smallerEpochAfterSilence() {
        var node = Self.delegating()
        node.run(20, Self.traffic, [nil])
        node.epoch = 0
        node.sequence = 0
        node.run(40, Self.traffic, [.init()])
        #expect(node.decision.keep[0] < 0.5)
    }

    @Test(
        "absurd words do no harm",
        arguments: [
            Node.Said(allowance: .nan, price: .nan), .init(allowance: -5, price: -1),
            .init(allowance: 0, price: .infinity), .init(allowance: -.infinity, price: 1e300),
            .init(allowance: .greatestFiniteMagnitude, price: 5e-324),
        ], [DistributingPolicy.Rule.fillFirst, .balanced])
    func absurd(said: Node.Said, rule: DistributingPolicy.Rule) {
        var node = Node(rule)
        node.run(60, [.init(to: 0, open: 14_000), .init(from: 0, open: 1_000)], [said])
        #expect(node.decision.keep.allSatisfy { $0 >= 0 && $0 <= 1 })
        #expect(node.decision.refuse >= 0 && node.decision.refuse < 1)
        #expect(node.decision.grants.allSatisfy { $0.allowance >= 0 && $0.price >= 0 && $0.price.isFinite })
    }

    @Test("an allowance that is no number grants nothing")
    func notANumber() {
        var node = Node(.fillFirst)
        node.run(60, [.init(to: 0, open: 20_000)], [.init(allowance: .nan)])
        #expect(node.decision.keep[0] > 0.8)
    }
}
