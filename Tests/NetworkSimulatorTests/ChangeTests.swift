import NetworkSimulator
import StatePolicy
import Testing

/// Three in series, at 20 s something happens; 5 s later it must have settled.
@Suite("Steps and failures")
struct ChangeTests {
    static let rules = AcceptanceTests.rules
    static let changeSeconds = 20.0

    static func run(
        _ policy: PolicyName, load: Double, _ events: [Network.Event], seconds: Double = 40
    ) throws -> SimulationResult {
        var network = KnownNetwork.series(3).network
        network.events = events
        var simulation = try Simulation(network, AcceptanceTests.options(policy, load: load))
        return simulation.run(seconds: seconds)
    }

    /// Nothing is lost or refused, and nobody above the target by more than noise, in each second from then on.
    static func isSettled(_ result: SimulationResult, since time: Double) -> Bool {
        result.snapshots.filter { $0.timeSeconds > time + 1e-9 }.allSatisfy {
            $0.lost == 0 && $0.refused == 0 && $0.utilisationMax < 0.93
        }
    }

    @Test("a load that nearly doubles settles within 5 s, without a lost call", arguments: rules)
    func stepUp(policy: PolicyName) throws {
        let result = try Self.run(
            policy, load: 0.5, [.init(timeSeconds: Self.changeSeconds, change: .load(flow: nil, factor: 1.9))])
        #expect(Self.isSettled(result, since: Self.changeSeconds + 5))
        #expect(result.mean(since: 0) { $0.lost } == 0)
    }

    @Test("a load that halves settles within 5 s", arguments: rules)
    func stepDown(policy: PolicyName) throws {
        let result = try Self.run(
            policy, load: 0.95, [.init(timeSeconds: Self.changeSeconds, change: .load(flow: nil, factor: 0.5))])
        #expect(Self.isSettled(result, since: Self.changeSeconds + 5))
    }

    @Test("a proxy that dies and comes back is used again within 5 s", arguments: rules, [0, 1, 2])
    func restart(policy: PolicyName, proxy: Int) throws {
        let result = try Self.run(
            policy, load: 0.9,
            [
                .init(timeSeconds: Self.changeSeconds - 6, change: .down(proxy: proxy)),
                .init(timeSeconds: Self.changeSeconds, change: .up(proxy: proxy)),
            ])
        let dead = result.snapshots.first { $0.timeSeconds == Self.changeSeconds - 2 }
        #expect(dead?.throughput == 0)
        #expect(Self.isSettled(result, since: Self.changeSeconds + 5))
    }

    @Test("a proxy that loses a third of its quota and knows it settles within 5 s", arguments: rules)
    func quota(policy: PolicyName) throws {
        let result = try Self.run(
            policy, load: 0.7,
            [.init(timeSeconds: Self.changeSeconds, change: .quota(proxy: 1, factor: 0.67, announced: true))])
        #expect(Self.isSettled(result, since: Self.changeSeconds + 5))
    }

    @Test("one that loses two fifths and does not know it loses no calls after 5 s", arguments: rules)
    func secretQuota(policy: PolicyName) throws {
        let result = try Self.run(
            policy, load: 0.75,
            [.init(timeSeconds: Self.changeSeconds, change: .quota(proxy: 1, factor: 0.6, announced: false))])
        #expect(result.mean(since: Self.changeSeconds + 5) { $0.lost } == 0)
    }

    @Test("at one and a half times the optimum most of it is still carried, the rest is refused", arguments: rules)
    func overload(policy: PolicyName) throws {
        let result = try Self.run(
            policy, load: 0.5,
            [
                .init(timeSeconds: Self.changeSeconds, change: .load(flow: nil, factor: 3)),
                .init(timeSeconds: 50, change: .load(flow: nil, factor: 1)),
            ], seconds: 60)
        let optimum = 0.9 / (30e-6 + 25e-6 / 3)
        let late = result.snapshots.filter { $0.timeSeconds > 30 && $0.timeSeconds <= 50 }
        let carried = late.reduce(0) { $0 + $1.throughput } / Double(late.count)
        let lost = late.reduce(0) { $0 + $1.lost } / Double(late.count)
        #expect(carried > 0.9 * optimum)
        #expect(lost < 0.02 * optimum)
        #expect(Self.isSettled(result, since: 57))
    }
}
