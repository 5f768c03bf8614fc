/// A network drawn at random, layer by layer, for tests and measurements on a large scale. The same values give the same
/// network.
public struct RandomNetwork: Sendable, Equatable {
    public var seed: UInt64
    public var proxies: Int
    public var flows: Int
    /// Calls cross one proxy of each layer in turn; some end before the last.
    public var layers: Int
    public var statelessSeconds = 20e-6...40e-6
    public var stateSeconds = 10e-6...60e-6
    public var processors = 1.0...4.0
    /// Calls a second of all flows together; the flows' own differ by up to 1 : 10.
    public var rate = 100_000.0
    public var targetUtilisation = 0.9
    public var link = LinkModel()
    /// Of the flows, the part that ends before the last layer.
    public var earlyExits = 0.2

    public init(seed: UInt64, proxies: Int, flows: Int, layers: Int) {
        self.seed = seed
        self.proxies = proxies
        self.flows = flows
        self.layers = layers
    }

    /// Needs at least one layer, and as many proxies as layers.
    public var network: Network {
        precondition(layers >= 1 && proxies >= layers && flows >= 0, "each layer needs a proxy")
        var source = RandomSource(seed: seed)
        let models = (0..<proxies).map { number in
            ProxyModel(
                name: "p\(number + 1)", statelessCostSeconds: source.within(statelessSeconds),
                stateCostSeconds: source.within(stateSeconds), processors: source.within(processors),
                targetUtilisation: targetUtilisation)
        }
        // The first proxies make the first layer, and so on; sizes differ by one at most.
        let starts = (0...layers).map { $0 * proxies / layers }
        var drawn = (0..<flows).map { number in
            var length = layers
            if layers > 1, source.unit() < earlyExits { length = 1 + Int(source.unit() * Double(layers - 1)) }
            let path = (0..<length).map { layer in
                starts[layer] + Int(source.unit() * Double(starts[layer + 1] - starts[layer]))
            }
            return Network.Flow(name: "f\(number + 1)", path: path, rate: source.within(1...10))
        }
        let sum = drawn.reduce(0) { $0 + $1.rate }
        for index in drawn.indices { drawn[index].rate *= rate / sum }
        return Network(proxies: models, flows: drawn, defaultLink: link)
    }
}

extension RandomSource {
    /// Uniform in a range.
    fileprivate mutating func within(_ range: ClosedRange<Double>) -> Double {
        range.lowerBound + unit() * (range.upperBound - range.lowerBound)
    }
}
