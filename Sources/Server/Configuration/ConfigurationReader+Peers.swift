extension ConfigurationReader {
    mutating func readEndpoints(
        _ items: [ConfigurationNode], _ setting: Setting, defaultPort: UInt16
    ) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for (index, item) in items.enumerated() {
            let key = "\(setting.key)[\(index)]"
            guard case .scalar(let text) = item.content, let endpoint = Endpoint(text, defaultPort: defaultPort),
                endpoint.port != 0, !endpoint.address.isWildcard
            else {
                report(
                    item.origin, key,
                    "expected ADDRESS or ADDRESS:PORT such as \"192.0.2.53\" or \"[2001:db8::53]:5353\", "
                        + "got \(item.summary)")
                continue
            }
            if endpoints.contains(endpoint) {
                report(item.origin, key, "\"\(endpoint)\" is listed twice")
            } else {
                endpoints.append(endpoint)
            }
        }
        return endpoints
    }

    mutating func readPeers(_ items: [ConfigurationNode], _ setting: Setting) -> [Peer] {
        var peers: [Peer] = []
        for (index, item) in items.enumerated() {
            let key = "\(setting.key)[\(index)]"
            guard let peer = readPeer(item, key: key) else { continue }
            if peers.contains(where: { $0.name == peer.name }) {
                report(item.origin, "\(key).name", "\"\(peer.name)\" is the name of another peer")
            } else {
                peers.append(peer)
            }
        }
        if items.count > ConfigurationReader.peersMax, let first = items.first {
            report(first.origin, setting.key, "expected at most \(ConfigurationReader.peersMax), got \(items.count)")
        }
        return peers
    }

    private mutating func readPeer(_ node: ConfigurationNode, key: String) -> Peer? {
        guard case .map(let pairs) = node.content else {
            report(node.origin, key, "expected {name: gateway, address: 192.0.2.10}, got \(node.summary)")
            return nil
        }
        guard let fields = readFields(pairs, key: key, known: ["name", "address", "trusted"]) else { return nil }
        let name = readPeerName(fields["name"], of: node, key: key)
        let place = readPeerAddress(fields["address"], of: node, key: key)
        var trusted = false
        if let value = fields["trusted"] {
            switch value.content {
            case .scalar(let text) where ["true", "yes", "on"].contains(text.lowercased()): trusted = true
            case .scalar(let text) where ["false", "no", "off"].contains(text.lowercased()): trusted = false
            case .scalar, .list, .map, .null:
                report(value.origin, "\(key).trusted", "expected true or false, got \(value.summary)")
                return nil
            }
        }
        guard let name, let place else { return nil }
        return Peer(name: name, network: place.network, port: place.port, trusted: trusted)
    }

    /// Names go into logs, metrics labels and scripts.
    private static let peerNameBytesMax = 64

    private mutating func readPeerName(
        _ field: ConfigurationNode?, of node: ConfigurationNode, key: String
    ) -> String? {
        guard let field else {
            report(node.origin, key, "needs a \"name\"")
            return nil
        }
        guard case .scalar(let text) = field.content, !text.isEmpty, text.utf8.count <= Self.peerNameBytesMax,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            report(
                field.origin, "\(key).name",
                "expected at most \(Self.peerNameBytesMax) printable characters without blanks, got \(field.summary)")
            return nil
        }
        return text
    }

    private mutating func readPeerAddress(
        _ field: ConfigurationNode?, of node: ConfigurationNode, key: String
    ) -> (network: Network, port: UInt16)? {
        guard let field else {
            report(node.origin, key, "needs an \"address\" such as 192.0.2.10 or 192.0.2.0/24")
            return nil
        }
        guard case .scalar(let text) = field.content else {
            report(field.origin, "\(key).address", "expected an address, got \(field.summary)")
            return nil
        }
        if let network = Network(text) {
            guard !network.hasHostBits else {
                report(
                    field.origin, "\(key).address",
                    "\"\(text)\" has bits set after the first \(network.prefixBits); write the network's first address")
                return nil
            }
            return (network, 0)
        }
        if let address = IPAddress(text) { return (Network(address), 0) }
        guard let endpoint = Endpoint(text) else {
            report(
                field.origin, "\(key).address",
                "expected ADDRESS, ADDRESS:PORT or ADDRESS/BITS such as 192.0.2.0/24, got \(field.summary)")
            return nil
        }
        return (Network(endpoint.address), endpoint.port)
    }
}

/// What may stand as a host in Via and the Request-URI (RFC 3261 §25.1: hostname, IPv4address, IPv6reference).
enum HostName {
    /// RFC 1035 §2.3.4.
    private static let bytesMax = 253

    static func isValid(_ text: String) -> Bool {
        if IPAddress(text) != nil { return true }
        guard !text.isEmpty, text.utf8.count <= bytesMax else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        // A dotted number that is no address, such as 192.0.2.300, is a slip and not a name.
        guard labels.last?.utf8.allSatisfy({ (0x30...0x39).contains($0) }) == false else { return false }
        return labels.allSatisfy { label in
            !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
                    default: false
                    }
                }
        }
    }

    static func isValidWithPort(_ text: String) -> Bool {
        if text.hasPrefix("[") { return Endpoint(text) != nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return isValid(text)
        case 2: return isValid(String(parts[0])) && (Endpoint.port(parts[1]) ?? 0) != 0
        default: return false
        }
    }
}
