import StatePolicy
import Testing

@Suite("Overload")
struct OverloadTests {
    @Test("above the target and below what the machine can do nothing is refused")
    func aboveTarget() {
        var node = Node(.fillFirst)
        // 19,000 · 50 µs = 0.95.
        node.run(200, [.init(open: 19_000)], [])
        #expect(node.decision.refuse == 0)
    }

    @Test("what is more than the machine can hold is refused, no more than needed, and not after it has gone")
    func refuses() {
        var node = Node(.fillFirst)
        // 25,000 · 50 µs = 1.25; 0.97 can be done. What is refused is not counted any more.
        for _ in 0..<200 {
            let comes = 25_000 * (1 - node.decision.refuse)
            // What is more than all of the machine waits.
            node.queueingSeconds = comes * 50e-6 > 1 ? 0.2 : 0
            node.run(1, [.init(open: comes)], [])
        }
        #expect(abs(node.decision.refuse - 0.224) < 0.03)
        #expect(node.decision.reason == .overloaded)
        for _ in 0..<25 {
            node.run(1, [.init(open: 10_000 * (1 - node.decision.refuse))], [])
        }
        #expect(node.decision.refuse == 0)
    }

    @Test("figures alone are no reason to refuse, as long as nothing waits")
    func nothingWaits() {
        var node = Node(.fillFirst)
        node.run(200, [.init(open: 25_000)], [])
        #expect(node.decision.refuse == 0)
    }

    @Test("a queue that stands is a reason to refuse, one that drains is none", arguments: [false, true])
    func draining(stands: Bool) {
        var node = Node(.fillFirst)
        node.queueingSeconds = 2
        for period in 0..<20 {
            if !stands { node.queueingSeconds *= 0.9 }
            // A second of little, in which the coming of the queue itself is forgotten.
            node.run(1, [.init(open: period < 8 ? 5_000 : 25_000)], [])
        }
        #expect(node.queueingSeconds > 0.2)
        #expect((node.decision.refuse > 0) == stands)
    }

    @Test("what neighbours take is no reason to refuse")
    func neighboursTake() {
        var node = Node(.fillFirst)
        node.run(200, [.init(to: 0, open: 28_000)], [.init()])
        #expect(node.decision.refuse == 0)
        #expect(node.decision.keep[0] < 0.2)
    }

    @Test("only new requests from outside can be refused")
    func onlyFromOutside() {
        var node = Node(.fillFirst)
        node.run(200, [.init(from: 0, open: 25_000)], [nil])
        #expect(node.decision.refuse == 0)
        #expect(node.decision.grants[0].allowance < 12_000)
    }

    @Test("while datagrams queue more is delegated than the rates alone would ask for")
    func relief() {
        var node = Node(.fillFirst)
        node.run(100, [.init(to: 0, open: 20_000)], [.init()])
        let before = node.decision.keep[0]
        node.queueingSeconds = 0.3
        node.run(3, [.init(to: 0, open: 20_000)], [.init()])
        #expect(node.decision.keep[0] < 0.8 * before)
        node.queueingSeconds = 0
        node.run(100, [.init(to: 0, open: 20_000)], [.init()])
        #expect(abs(node.decision.keep[0] - before) < 0.03)
    }

    @Test("times that stand still or go back, and empty samples, change nothing")
    func oddSamples() {
        var node = Node(.fillFirst)
        node.run(100, [.init(to: 0, open: 20_000)], [.init()])
        let before = node.decision
        var decision = node.decision
        node.policy.update(NodeSample(time: node.time, processors: 1, feedback: [nil]), &decision)
        node.policy.update(NodeSample(time: node.time - 1, processors: 1, feedback: [nil]), &decision)
        node.policy.update(NodeSample(time: node.time + 0.2, processors: 0, feedback: [nil]), &decision)
        #expect(decision == before)
    }

    @Test("neighbours that appear later, or only in paths, are held for until they speak")
    func lateNeighbours() {
        var node = Node(.balanced)
        node.run(20, [.init(open: 1_000)], [])
        node.run(20, [.init(from: 2, to: 5, open: 1_000)], [nil])
        #expect(node.decision.keep == [1, 1, 1, 1, 1, 1])
        #expect(node.decision.grants.count == 6)
    }
}
