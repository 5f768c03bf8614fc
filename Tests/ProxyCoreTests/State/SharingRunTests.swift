import ProxyCore
import Reactor
import StatePolicy
import Testing

/// The shipped policies over two proxies in the simulated network, from counts to feedback to what each call gets.
@Suite(.serialized) struct SharingRunTests {
    /// Costs are given, so that only rates are measured: 1 ms a request, 4 ms more for its state.
    private static func machine(_ policy: PolicyName, processors: Double) -> CallRun.Machine {
        var settings = PolicySettings()
        settings.statelessCostSeconds = 0.001
        settings.stateCostSeconds = 0.004
        return CallRun.Machine(policy: policy, settings: settings, processors: processors)
    }

    @Test(
        "a proxy without room for all leaves the rest to the next, which said that it takes them",
        arguments: [PolicyName.servartuka, .balanced], [0, 50])
    func share(policy: PolicyName, lossPerMille: Int) throws {
        let seed = SeededGenerator.printedSeed("\(policy) loss=\(lossPerMille)‰")
        var conditions = NetworkConditions.perfect
        conditions.lossPerMille = lossPerMille
        var setup = CallRun.Setup(modes: [.stateful, .stateful], conditions: conditions)
        setup.machines = [Self.machine(policy, processors: 0.5), Self.machine(policy, processors: 1)]
        // 100 calls and 200 requests a second for 20 seconds.
        let run = CallRun(setup, seed: seed, callCount: 2_000, kind: .answered, interval: 40)
        var reports: [StateReport] = []
        let start = run.network.now
        let faults = run.run { now in
            if now - start == 18_000 { reports = run.proxies.map { $0.node.snapshot() } }
        }
        // Until the next proxy has spoken there is nobody to leave anything to, and some calls may be refused.
        let refused = Int(run.count(.overloadRefusals))
        let others = faults.filter { !$0.contains("final 503") }
        #expect(others.isEmpty, "seed \(seed): \(others.prefix(5))")
        #expect(refused <= 20, "seed \(seed)")
        let held = Set(run.proxies.flatMap(\.holders).map { "\($0.callID) \($0.cSeq) \($0.method)" })
        #expect(held.count == 4_000 - 2 * (faults.count - others.count), "seed \(seed): every transaction has a holder")
        let first = Double(run.proxies[0].holders.count) / 4_000
        print("\(policy) loss=\(lossPerMille)‰: the first proxy held \(Int(first * 100)) %")
        for report in reports { print(report.explanation) }
        // (0.9 · 0.5 − 200 · 0.001) / 0.004 = 62 requests a second, 31 %, and the first second's feedback is to come.
        #expect(first > 0.15 && first < 0.55)
        let hop = try #require(reports.first?.nextHops.first)
        #expect(hop.address == SocketAddress("192.0.2.2:5060"))
        #expect(hop.keepFraction > 0.1 && hop.keepFraction < 0.6, "κ = \(hop.keepFraction)")
        #expect(hop.allowance > 0 && hop.allowanceAge < 1)
        let upstream = try #require(reports.last?.upstreams.first)
        #expect(upstream.address == SocketAddress("192.0.2.1:5060"))
        #expect(upstream.grant != nil && upstream.openPerSecond > 50 && upstream.heldPerSecond > 20)
    }

    @Test("with room for all nothing is left to others")
    func roomForAll() {
        let seed = SeededGenerator.printedSeed("room for all")
        var setup = CallRun.Setup(modes: [.stateful, .stateful], conditions: .perfect)
        setup.machines = [Self.machine(.servartuka, processors: 1), Self.machine(.servartuka, processors: 1)]
        let run = CallRun(setup, seed: seed, callCount: 400, kind: .answered, interval: 80)
        #expect(run.run().isEmpty)
        #expect(run.proxies[0].holders.count == 800)
        #expect(run.proxies[1].holders.count == 0)
    }
}
