internal import NetworkSimulator
internal import Server

extension DescriptionReader {
    mutating func readRandom(_ node: ConfigurationNode) {
        typealias Known = DescriptionFields
        let key = "random"
        let names = Known.random.map(\.name) + Known.randomRanges.map(\.name) + [Known.target.name]
        guard let fields = readFields(node, key: key, known: names) else { return }
        let numbers = Known.random.map { number($0, in: fields, of: node, key: key) }
        let ranges = Known.randomRanges.map { field in fields[field.name].map { range(field, $0, key: key) } }
        guard let target = number(Known.target, in: fields, of: node, key: key), !numbers.contains(nil) else { return }
        // In the order of the table.
        let values = numbers.compactMap(\.self)
        var random = RandomNetwork(
            seed: UInt64(values[0]), proxies: Int(values[1]), flows: Int(values[2]), layers: Int(values[3]))
        random.rate = values[4]
        random.earlyExits = values[5] / 100
        random.targetUtilisation = target
        if let given = ranges[0] { random.statelessSeconds = seconds(given) }
        if let given = ranges[1] { random.stateSeconds = seconds(given) }
        if let given = ranges[2], let given { random.processors = given }
        guard random.proxies >= random.layers else {
            report(fields["proxies"]?.origin ?? node.origin, "random.proxies", "expected at least one for each layer")
            return
        }
        let hops = random.flows * random.layers
        guard hops <= LinearProgram.coefficientsMax / 2 else {
            report(fields["flows"]?.origin ?? node.origin, "random.flows", "too many for so many layers")
            return
        }
        network = random.network
        for (number, proxy) in network.proxies.enumerated() { proxyNumbers[proxy.name] = number }
        for (number, flow) in network.flows.enumerated() { flowNumbers[flow.name] = number }
    }

    private func seconds(_ microseconds: ClosedRange<Double>?) -> ClosedRange<Double> {
        // What could not be read was reported; any range will do.
        guard let microseconds else { return 1...1 }
        return (microseconds.lowerBound / 1e6)...(microseconds.upperBound / 1e6)
    }

    private mutating func range(
        _ field: NumberField, _ node: ConfigurationNode, key: String
    ) -> ClosedRange<Double>? {
        let key = join(key, field.name)
        guard case .list(let items) = node.content, items.count == 2 else {
            report(node.origin, key, "expected the least and the greatest, such as [20, 40], got \(node.summary)")
            return nil
        }
        guard let low = number(field, items[0], key: "\(key)[0]"), let high = number(field, items[1], key: "\(key)[1]")
        else { return nil }
        guard low <= high else {
            report(node.origin, key, "expected the least first")
            return nil
        }
        return low...high
    }
}
