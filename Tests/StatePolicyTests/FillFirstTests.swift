import StatePolicy
import Testing

/// With c = 30 µs, d = 20 µs and ρ = 0.9 a node holds all up to 18,000 requests a second; at 20,000 it can hold
/// (0.9 − 0.6) / 20 µs = 15,000.
@Suite("servartuka: fill this node first")
struct FillFirstTests {
    @Test("with room for all it holds all and grants without limit")
    func roomForAll() {
        var node = Node(.fillFirst)
        node.run(50, [.init(from: 0, to: 1, open: 10_000)], [nil, .init()])
        #expect(node.decision.keep == [1, 1])
        #expect(node.decision.grants[0].allowance >= 10_000)
        #expect(node.decision.reason == .roomForAll)
        #expect(node.decision.refuse == 0)
    }

    @Test("without room it fills itself to the target and leaves the rest downstream")
    func delegates() {
        var node = Node(.fillFirst)
        node.run(100, [.init(to: 0, open: 20_000)], [.init()])
        #expect(abs(node.decision.keep[0] - 0.75) < 0.02)
        #expect(node.decision.reason == .delegating)
        #expect(abs(node.policy.estimate.holdable - 15_000) < 300)
        #expect(abs(node.policy.estimate.utilisation - 0.9) < 0.02)
    }

    @Test("exits, must-hold and neighbours that never spoke are held before anything is kept by choice")
    func mustHold() {
        var node = Node(.fillFirst)
        // 20,000 in all, 15,000 holdable, 9,000 of them must be: 6,000 of the 11,000 for neighbour 0.
        node.run(
            100,
            [
                .init(to: 0, open: 11_000), .init(open: 4_000), .init(to: 0, must: 2_000), .init(to: 1, open: 3_000),
            ], [.init(), nil])
        #expect(node.decision.keep[1] == 1)
        #expect(abs(node.decision.keep[0] - 6_000 / 11_000) < 0.03)
        #expect(abs(node.policy.estimate.mustHold - 9_000) < 10)
    }

    @Test("what a next hop does not take is held first, and the rest alike")
    func smallestAllowanceFirst() {
        var node = Node(.fillFirst)
        node.run(
            100, [.init(to: 0, open: 10_000), .init(to: 1, open: 10_000)], [.init(allowance: 1_000), .init()])
        // 9,000 that neighbour 0 does not take, then 6,000 of the remaining 11,000.
        #expect(abs(node.decision.keep[0] - (9_000 + 1_000 * 6 / 11) / 10_000) < 0.02)
        #expect(abs(node.decision.keep[1] - 6 / 11.0) < 0.03)
    }

    @Test("requests held upstream take room to forward and none to hold")
    func heldUpstream() {
        var node = Node(.fillFirst)
        node.run(100, [.init(from: 1, to: 0, held: 10_000), .init(to: 0, open: 15_000)], [.init(), nil])
        // (0.9 − 25,000 · 30 µs) / 20 µs = 7,500 of 15,000.
        #expect(abs(node.decision.keep[0] - 0.5) < 0.02)
    }

    @Test("more than can be held or passed on asks upstream to hold more, in proportion")
    func asksUpstream() {
        var node = Node(.fillFirst)
        node.run(
            100, [.init(from: 0, open: 12_000), .init(from: 1, open: 6_000), .init(from: 0, held: 4_000)],
            [nil, nil])
        // λ = 22,000: (0.9 − 0.66) / 20 µs = 12,000 holdable for 18,000 open.
        #expect(node.decision.reason == .askingUpstream)
        #expect(abs(node.decision.grants[0].allowance - 8_000) < 200)
        #expect(abs(node.decision.grants[1].allowance - 4_000) < 100)
        #expect(node.decision.refuse == 0)
    }

    @Test("what the next hop takes counts as room for upstream")
    func passesRoomOn() {
        var node = Node(.fillFirst)
        let traffic = [Node.Traffic(from: 0, to: 1, open: 24_000)]
        node.run(100, traffic, [nil, .init(allowance: 6_000)])
        // 9,000 here and 6,000 there.
        #expect(abs(node.decision.grants[0].allowance - 15_000) < 300)
        node.run(100, traffic, [nil, .init()])
        #expect(node.decision.grants[0].allowance == .infinity)
    }

    @Test("a doubled load is met within two seconds, and its end too")
    func step() {
        var node = Node(.fillFirst)
        node.run(50, [.init(to: 0, open: 10_000)], [.init()])
        node.run(10, [.init(to: 0, open: 20_000)], [.init()])
        #expect(abs(node.decision.keep[0] - 0.75) < 0.08)
        node.run(10, [.init(to: 0, open: 10_000)], [.init()])
        #expect(node.decision.keep[0] > 0.97)
    }
}
