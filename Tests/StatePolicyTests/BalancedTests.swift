import StatePolicy
import Testing

@Suite("balanced: hold where it is cheaper")
struct BalancedTests {
    /// Price of a node with d = 20 µs at a utilisation relative to its target; β as it ships.
    static func price(_ utilisation: Double) -> Double {
        var value = 20e-6
        // e^(β u) in small steps: tests import no more than the policies do.
        for _ in 0..<100_000 { value *= 1 + PolicySettings().priceSteepness * utilisation / 100_000 }
        return value
    }

    @Test("κ falls while the neighbour is cheaper and rises while it is dearer")
    func follows() {
        var node = Node(.balanced)
        node.run(50, [.init(to: 0, open: 10_000)], [.init(price: Self.price(0.1))])
        #expect(node.decision.keep[0] < 0.2)
        #expect(node.decision.reason == .balancing)
        node.run(50, [.init(to: 0, open: 10_000)], [.init(price: Self.price(0.9))])
        #expect(node.decision.keep[0] > 0.8)
    }

    @Test("κ rests where both prices are equal")
    func rests() {
        var node = Node(.balanced)
        // u / ρ = (0.3 + κ · 0.2) / 0.9 = 0.4444 at κ = 0.5.
        let traffic = [Node.Traffic(to: 0, open: 10_000)]
        node.run(200, traffic, [.init(price: Self.price(0.4 / 0.9))])
        #expect(abs(node.decision.keep[0] - 0.5) < 0.06)
        let before = node.decision.keep[0]
        node.run(50, traffic, [.init(price: Self.price(0.4 / 0.9))])
        #expect(abs(node.decision.keep[0] - before) < 0.01)
    }

    @Test("the price told is that of where requests end up")
    func mix() {
        var node = Node(.balanced)
        // Those of neighbour 0 exit here, those of neighbour 1 go on to neighbour 2, where holding is very dear.
        let dear = Self.price(0.9)
        node.run(
            100, [.init(from: 0, open: 2_000), .init(from: 1, to: 2, open: 2_000)],
            [nil, nil, .init(price: dear)])
        // Measured d is a guess as long as all is held, so the price is no closer than this.
        let own = Self.price(0.2 / 0.9)
        #expect(node.decision.keep[2] == 1)
        #expect(abs(node.decision.grants[0].price / own - 1) < 0.25)
        #expect(abs(node.decision.grants[1].price / own - 1) < 0.25)
        // Now they are left to neighbour 2, and their price is that neighbour's.
        let cheap = Self.price(0.05)
        node.run(
            200, [.init(from: 0, open: 2_000), .init(from: 1, to: 2, open: 2_000)], [nil, nil, .init(price: cheap)])
        #expect(node.decision.keep[2] < 0.2)
        #expect(node.decision.grants[1].price < 0.5 * node.decision.grants[0].price)
    }

    @Test("a full node keeps below its target whatever prices say")
    func guarded() {
        var node = Node(.balanced)
        node.run(100, [.init(to: 0, open: 20_000)], [.init(price: 1e12)])
        #expect(node.decision.keep[0] < 0.78)
    }

    @Test("an allowance bounds what is left to a neighbour, however cheap it is")
    func allowance() {
        var node = Node(.balanced)
        node.run(100, [.init(to: 0, open: 10_000)], [.init(allowance: 4_000, price: 1e-12)])
        #expect(abs(node.decision.keep[0] - 0.6) < 0.02)
    }
}
