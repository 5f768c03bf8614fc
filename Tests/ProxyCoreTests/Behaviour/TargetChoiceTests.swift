import ProxyCore
import Reactor
import StatePolicy
import Testing

/// RFC 2782: which of several records is tried.
@Suite struct TargetChoiceTests {
    private func address(_ last: Int, port: UInt16 = 5_060) -> SocketAddress {
        SocketAddress("192.0.2.\(last):\(port)")!
    }

    private func shares(_ targets: [ResolvedTarget], draws: Int, _ test: String) -> [SocketAddress: Double] {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(test))
        var counts: [SocketAddress: Int] = [:]
        for _ in 0..<draws {
            let chosen = targets.withUnsafeBufferPointer { ResolvedTarget.choose($0, using: &random) }
            counts[chosen, default: 0] += 1
        }
        return counts.mapValues { Double($0) / Double(draws) }
    }

    @Test("records of one priority are chosen in proportion to their weights")
    func weights() {
        let targets = [10, 30, 60].enumerated().map { index, weight in
            ResolvedTarget(address(index + 1), priority: 1, weight: UInt16(weight), group: UInt8(index))
        }
        let shares = shares(targets, draws: 100_000, "TargetChoiceTests.weights")
        for (index, expected) in [0.1, 0.3, 0.6].enumerated() {
            // Six standard deviations, and the one in a hundred that RFC 2782's inclusive range gives the first.
            #expect(abs(shares[address(index + 1), default: 0] - expected) < 0.02)
        }
    }

    @Test("a higher priority number is not chosen while a lower one is there")
    func priorities() {
        let targets = [
            ResolvedTarget(address(1), priority: 1, weight: 0, group: 0),
            ResolvedTarget(address(2), priority: 2, weight: 65_535, group: 1),
        ]
        #expect(shares(targets, draws: 1_000, "TargetChoiceTests.priorities") == [address(1): 1])
    }

    @Test("weight 0 beside others has a very small chance, but has one")
    func zeroWeight() {
        let targets = [
            ResolvedTarget(address(1), weight: 0, group: 0), ResolvedTarget(address(2), weight: 100, group: 1),
        ]
        let shares = shares(targets, draws: 100_000, "TargetChoiceTests.zeroWeight")
        #expect(shares[address(1), default: 0] > 0)
        #expect(shares[address(1), default: 0] < 0.02)
    }

    @Test("the second address of a record does not count its weight twice")
    func groups() {
        let targets = [
            ResolvedTarget(address(1), weight: 50, group: 0), ResolvedTarget(address(2), weight: 50, group: 0),
            ResolvedTarget(address(3), weight: 50, group: 1),
        ]
        let shares = shares(targets, draws: 50_000, "TargetChoiceTests.groups")
        #expect(abs(shares[address(1), default: 0] - 0.5) < 0.02)
        #expect(shares[address(2)] == nil)
    }

    @Test("calls spread over the records of a cached name, and a retransmission goes where the first went")
    func spread() {
        let names = FakeNames()
        let harness = ProxyHarness(names: names) { $0.policy = .stateless }
        let request = RequestText("OPTIONS") { $0.uri = "sip:bob@example.com" }
        harness.receive(request)
        _ = names.answer(
            "example.com",
            (0..<4).map { ResolvedTarget(address($0 + 10), weight: 10, group: UInt8($0)) }, to: harness)
        var seen: Set<SocketAddress> = []
        for number in 0..<64 {
            let another = request.with { $0.via += "-\(number)" }
            let first = harness.receive(another).map(\.destination)
            #expect(first.count == 1)
            #expect(harness.receive(another).map(\.destination) == first)
            seen.formUnion(first)
        }
        #expect(seen.count == 4)
    }
}
