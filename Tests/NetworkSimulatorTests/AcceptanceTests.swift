import NetworkSimulator
import StatePolicy
import Testing

/// The shipped policies against the optimum. Every run starts cold, loses a tenth of the feedback and measures with noise.
@Suite("Policies beside the optimum")
struct AcceptanceTests {
    static let rules = [PolicyName.servartuka, .balanced]
    static let networks = [2, 3, 5, 10].map(KnownNetwork.series) + KnownNetwork.shapes + KnownNetwork.random

    static func options(_ policy: PolicyName, load: Double, seed: UInt64 = 1) -> SimulationOptions {
        var options = SimulationOptions()
        options.policy = policy
        options.load = load
        options.seed = seed
        return options
    }

    @Test("97 % of the optimum is sustained", arguments: networks, rules)
    func peak(known: KnownNetwork, policy: PolicyName) throws {
        #expect(try PeakSearch().sustains(known.network, Self.options(policy, load: 0.97), load: 0.97))
    }

    @Test("104 % is not: the yardstick measures", arguments: [KnownNetwork.series(3)] + KnownNetwork.shapes, rules)
    func beyond(known: KnownNetwork, policy: PolicyName) throws {
        #expect(try !PeakSearch().sustains(known.network, Self.options(policy, load: 1.04), load: 1.04))
    }

    @Test("95 % is sustained when calls come in bursts of ten", arguments: KnownNetwork.shapes, rules)
    func bursts(known: KnownNetwork, policy: PolicyName) throws {
        var options = Self.options(policy, load: 0.95)
        options.burst = 10
        #expect(try PeakSearch().sustains(known.network, options, load: 0.95))
    }

    @Test("at 80 % balanced keeps the most loaded proxy within 3 % of the least possible", arguments: networks)
    func minMax(known: KnownNetwork) throws {
        var simulation = try Simulation(known.network, Self.options(.balanced, load: 0.8))
        simulation.run(seconds: 30)
        let result = simulation.run(seconds: 20)
        // The least possible maximum at 80 % of the peak is 80 % of the target.
        let most = try #require(result.utilisations(since: 30).max())
        #expect(most <= 0.8 * 0.9 * 1.03)
    }

    @Test("κ swings by less than 3 % at constant load", arguments: networks, rules)
    func calm(known: KnownNetwork, policy: PolicyName) throws {
        var simulation = try Simulation(known.network, Self.options(policy, load: 0.8, seed: 7))
        simulation.run(seconds: 60)
        let result = simulation.run(seconds: 30)
        #expect(result.keepSwing(since: 60) < 0.03)
    }

    @Test("every call that got through was held by somebody, whatever happens", arguments: networks, rules)
    func holders(known: KnownNetwork, policy: PolicyName) throws {
        var network = known.network
        let last = try #require(network.flows[0].path.last)
        network.events = [
            .init(timeSeconds: 5, change: .load(flow: nil, factor: 2)),
            .init(timeSeconds: 8, change: .load(flow: nil, factor: 1)),
            .init(timeSeconds: 10, change: .down(proxy: last)), .init(timeSeconds: 12, change: .up(proxy: last)),
            .init(timeSeconds: 15, change: .quota(proxy: last, factor: 0.5, announced: false)),
        ]
        var simulation = try Simulation(network, Self.options(policy, load: 0.8))
        let result = simulation.run(seconds: 20)
        #expect(result.snapshots.allSatisfy { $0.withoutHolder == 0 })
        #expect(result.snapshots.contains { $0.throughput > 0 })
    }

    @Test("the run is the same for the same seed, and another for another")
    func deterministic() throws {
        let network = KnownNetwork.series(3).network
        var runs: [SimulationResult] = []
        for seed: UInt64 in [3, 3, 4] {
            var simulation = try Simulation(network, Self.options(.balanced, load: 0.9, seed: seed))
            runs.append(simulation.run(seconds: 5))
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0] != runs[2])
    }

    @Test("all-stateful and one-stateful in a row sustain T_SF, the policies more")
    func gain() throws {
        // Two in series: static best is ρ / (c + d); the optimum is (c + d) / (c + d / 2) times that.
        let network = KnownNetwork.series(2).network
        let best = (30.0 + 12.5) / 55
        var options = Self.options(.stateful, load: 1)
        options.policyOfProxy = [1: .stateless]
        for policyOfProxy in [[:], [1: PolicyName.stateless]] {
            options.policyOfProxy = policyOfProxy
            let peak = try PeakSearch().peak(network, options, low: 0.5, high: 1.1)
            #expect(abs(peak - best) < 0.02)
        }
        options = Self.options(.servartuka, load: 1)
        #expect(try PeakSearch().peak(network, options, low: 0.5, high: 1.1) > 0.97)
    }
}
