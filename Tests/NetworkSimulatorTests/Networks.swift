import NetworkSimulator
import Testing

/// Networks whose optimum is known: their rates are such that the greatest load all proxies can carry at 0.9 is 1.
struct KnownNetwork: Sendable, CustomTestStringConvertible {
    var name: String
    var network: Network

    var testDescription: String { name }

    /// c = 30 µs and d = 25 µs unless said otherwise, a tenth of the feedback is lost.
    static func proxy(_ stateless: Double = 30, _ state: Double = 25) -> ProxyModel {
        ProxyModel(statelessCostSeconds: stateless * 1e-6, stateCostSeconds: state * 1e-6)
    }

    init(_ name: String, _ proxies: [ProxyModel], _ flows: [(path: [Int], part: Double)], peak: Double) {
        self.name = name
        network = Network(
            proxies: proxies, flows: flows.map { .init(path: $0.path, rate: $0.part * peak) },
            defaultLink: LinkModel(delaySeconds: 0.02, loss: 0.1))
    }

    /// n in a row share the state of each call: α = ρ / (c + d / n).
    static func series(_ n: Int) -> KnownNetwork {
        let peak = 0.9 / (30e-6 + 25e-6 / Double(n))
        return KnownNetwork(
            "series of \(n)", (0..<n).map { _ in proxy() }, [(path: Array(0..<n), part: 1)], peak: peak)
    }

    static let shapes: [KnownNetwork] = [
        // The front forwards all and holds none: α = ρ / c.
        KnownNetwork(
            "front with two, front is the bottleneck", (0..<3).map { _ in proxy() }, [([0, 1], 0.5), ([0, 2], 0.5)],
            peak: 0.9 / 30e-6),
        // The front holds of the greater part what its peer can't: 1.8 = α (c + 0.8 c + 0.8 d).
        KnownNetwork(
            "front with two, uneven", (0..<3).map { _ in proxy() }, [([0, 1], 0.8), ([0, 2], 0.2)],
            peak: 1.8 / (30e-6 * 1.8 + 25e-6 * 0.8)),
        KnownNetwork(
            "two fronts with one", (0..<3).map { _ in proxy() }, [([0, 2], 0.5), ([1, 2], 0.5)], peak: 0.9 / 30e-6),
        // Calls whose path is one proxy can't be delegated: 0.9 = α (c + d / 2) at the first.
        KnownNetwork(
            "mixed exits", (0..<2).map { _ in proxy() }, [([0, 1], 0.5), ([0], 0.5)],
            peak: 0.9 / (30e-6 + 25e-6 * 0.5)),
        // One proxy alone: all-stateful, T_SF.
        KnownNetwork("one alone", [proxy()], [([0], 1)], peak: 0.9 / 55e-6),
        // State dear: 1.8 = α (2 c + d).
        KnownNetwork(
            "dear state", (0..<2).map { _ in proxy(20, 60) }, [([0, 1], 1)], peak: 1.8 / (2 * 20e-6 + 60e-6)),
    ]

    /// Random layered networks; their optimum was found by a linear-programming solver (HiGHS) and is written here.
    static let random: [KnownNetwork] = [
        randomNetwork(seed: 1, proxies: 12, flows: 30, peak: 3235.7537),
        randomNetwork(seed: 2, proxies: 12, flows: 30, peak: 5655.1694),
        randomNetwork(seed: 3, proxies: 12, flows: 40, peak: 3149.1493),
        randomNetwork(seed: 4, proxies: 60, flows: 300, peak: 1604.1837),
    ]

    /// Four layers; each flow crosses some consecutive ones.
    static func randomNetwork(seed: UInt64, proxies count: Int, flows: Int, peak: Double) -> KnownNetwork {
        var random = Linear(state: seed)
        let layers = 4
        let proxies = (0..<count).map { _ in proxy(20 + 20 * random.unit(), 10 + 50 * random.unit()) }
        let list = (0..<flows).map { _ in
            let first = Int(random.unit() * Double(layers))
            let last = first + Int(random.unit() * Double(layers - first))
            let path = (first...last).map { $0 + layers * Int(random.unit() * Double(count / layers)) }
            return (path: path, part: 0.2 + 0.8 * random.unit())
        }
        return KnownNetwork("random \(count), seed \(seed)", proxies, list, peak: peak)
    }

    /// A linear congruential generator: the networks must never change.
    private struct Linear {
        var state: UInt64
        mutating func unit() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 33) * 0x1p-31
        }
    }
}
