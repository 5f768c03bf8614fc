internal import ProxyCore
internal import Reactor

/// `permissions:`, groups of addresses by name.
extension ConfigurationReader {
    private static let groupsMax = 256
    private static let rulesMax = 100_000

    mutating func readGroups(_ node: ConfigurationNode, _ setting: Setting) -> [AddressGroupSettings] {
        readNamed(node, setting, max: Self.groupsMax).map { name, value in
            AddressGroupSettings(name: name, rules: readRules(value, key: "\(setting.key).\(name)"))
        }
    }

    private mutating func readRules(_ node: ConfigurationNode, key: String) -> [AddressRule] {
        let items: [ConfigurationNode]
        switch node.content {
        case .list(let list): items = list
        case .scalar, .map: items = [node]
        case .null: items = []
        }
        if items.count > Self.rulesMax {
            report(node.origin, key, "expected at most \(Self.rulesMax) addresses, got \(items.count)")
            return []
        }
        var rules: [AddressRule] = []
        for (index, item) in items.enumerated() {
            if let rule = readRule(item, key: "\(key)[\(index)]") { rules.append(rule) }
        }
        return rules
    }

    private mutating func readRule(_ node: ConfigurationNode, key: String) -> AddressRule? {
        guard case .map(let pairs) = node.content else { return readAddress(node, key: key) }
        guard let fields = readFields(pairs, key: key, known: ["address", "port", "transport"]) else { return nil }
        guard let address = fields["address"] else {
            report(node.origin, key, "needs an \"address\" such as 192.0.2.10 or 192.0.2.0/24")
            return nil
        }
        guard var rule = readAddress(address, key: "\(key).address") else { return nil }
        if let port = fields["port"] {
            guard case .scalar(let text) = port.content, let number = Endpoint.port(text), number != 0,
                rule.port == 0 || rule.port == number
            else {
                report(port.origin, "\(key).port", "expected one port from 1 to 65535, got \(port.summary)")
                return nil
            }
            rule.port = number
        }
        if let transport = fields["transport"] {
            guard case .scalar(let text) = transport.content,
                let value = Transport.allCases.first(where: { "\($0.name)" == text.lowercased() })
            else {
                let names = Transport.allCases.map { "\"\($0.name)\"" }.joined(separator: ", ")
                report(
                    transport.origin, "\(key).transport", "expected one of \(names), got \(transport.summary)")
                return nil
            }
            rule.transport = value
        }
        return rule
    }

    private mutating func readAddress(_ node: ConfigurationNode, key: String) -> AddressRule? {
        guard case .scalar(let text) = node.content else {
            report(node.origin, key, "expected an address or {address, port, transport}, got \(node.summary)")
            return nil
        }
        if let network = Network(text) {
            guard !network.hasHostBits else {
                report(
                    node.origin, key,
                    "\"\(text)\" has bits set after the first \(network.prefixBits); write the network's first address")
                return nil
            }
            return Self.rule(network, port: 0)
        }
        if let address = IPAddress(text) { return Self.rule(Network(address), port: 0) }
        if let endpoint = Endpoint(text, defaultPort: 0) {
            return Self.rule(Network(endpoint.address), port: endpoint.port)
        }
        report(
            node.origin, key,
            "expected ADDRESS, ADDRESS:PORT or ADDRESS/BITS such as 192.0.2.0/24, got \(node.summary)")
        return nil
    }

    private static func rule(_ network: Network, port: UInt16) -> AddressRule? {
        SocketAddress(Endpoint(address: network.address, port: 0).description).map {
            AddressRule(network: $0, prefixBits: network.prefixBits, port: port)
        }
    }
}
