import NetworkSimulator
import Testing

@Suite("Description of a network")
struct NetworkTests {
    static let proxy = ProxyModel(statelessCostSeconds: 30e-6, stateCostSeconds: 25e-6)

    @Test("what makes sense is accepted")
    func accepted() throws {
        try Network(
            proxies: [Self.proxy, Self.proxy], flows: [.init(path: [0, 1], rate: 100)],
            links: [.init(from: 0, to: 1, model: LinkModel(delaySeconds: 0.01, loss: 0.1))],
            events: [.init(timeSeconds: 5, change: .down(proxy: 1))]
        ).validate()
    }

    @Test(
        "what does not is refused",
        arguments: [
            Network(proxies: [proxy], flows: [.init(path: [], rate: 1)]),
            Network(proxies: [proxy], flows: [.init(path: [1], rate: 1)]),
            Network(proxies: [proxy, proxy], flows: [.init(path: [0, 1, 0], rate: 1)]),
            Network(proxies: [proxy], flows: [.init(path: [0], rate: .nan)]),
            Network(proxies: [ProxyModel(statelessCostSeconds: 0, stateCostSeconds: 1)], flows: []),
            Network(proxies: [proxy], flows: [], defaultLink: LinkModel(loss: 2)),
            Network(proxies: [proxy], flows: [], events: [.init(timeSeconds: 1, change: .up(proxy: 3))]),
        ])
    func refused(network: Network) {
        #expect(throws: NetworkError.self) { try network.validate() }
    }
}
