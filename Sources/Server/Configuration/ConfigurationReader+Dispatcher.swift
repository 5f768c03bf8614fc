internal import ProxyCore
internal import Reactor

/// `dispatcher:`, sets of servers by name.
extension ConfigurationReader {
    private static let setsMax = 256
    private static let targetsMax = 1_024

    mutating func readSets(_ node: ConfigurationNode, _ setting: Setting) -> [DispatcherSet] {
        var sets: [DispatcherSet] = []
        for (name, value) in readNamed(node, setting, max: Self.setsMax) {
            if let set = readSet(name, value, key: "\(setting.key).\(name)") { sets.append(set) }
        }
        return sets
    }

    /// A map from names, each at most once, to whatever.
    mutating func readNamed(
        _ node: ConfigurationNode, _ setting: Setting, max: Int
    ) -> [(name: String, value: ConfigurationNode)] {
        guard case .map(let pairs) = node.content else {
            report(node.origin, setting.key, "expected \(setting.expectation), got \(node.summary)")
            return []
        }
        if pairs.count > max { report(node.origin, setting.key, "expected at most \(max), got \(pairs.count)") }
        var entries: [(name: String, value: ConfigurationNode)] = []
        for (key, value) in pairs {
            guard let name = keyName(key, in: setting.key) else { continue }
            // Names go into logs, metrics labels and scripts.
            guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                report(
                    key.origin, setting.key,
                    "expected a name of at most 64 printable characters without blanks, got \(key.summary)")
                continue
            }
            entries.append((name, value))
        }
        return entries
    }

    private mutating func readSet(_ name: String, _ node: ConfigurationNode, key: String) -> DispatcherSet? {
        var set = DispatcherSet(name: name)
        let pairs: [(key: ConfigurationNode, value: ConfigurationNode)]
        switch node.content {
        case .map(let map): pairs = map
        case .list:
            // A set of nothing but targets.
            set.targets = readTargets(node, key: key)
            return set
        case .scalar, .null:
            report(node.origin, key, "expected {targets: [\"sip:192.0.2.10\"]}, got \(node.summary)")
            return nil
        }
        let known = ["algorithm", "key", "targets", "probe", "failures", "successes", "rest", "answer_timeout"]
        guard let fields = readFields(pairs, key: key, known: known) else { return nil }
        if let value = readChoice(fields["algorithm"], key: "\(key).algorithm", of: DispatcherAlgorithm.self) {
            set.algorithm = value
        }
        if let value = readChoice(fields["key"], key: "\(key).key", of: DispatcherKey.self) { set.key = value }
        if let value = readNumber(fields["failures"], key: "\(key).failures", 1...1_000) { set.failuresMax = value }
        if let value = readNumber(fields["successes"], key: "\(key).successes", 1...1_000) { set.successesMin = value }
        if let value = readMilliseconds(fields["rest"], key: "\(key).rest", 1_000...86_400_000) {
            set.restMilliseconds = UInt64(value)
        }
        if let value = readMilliseconds(fields["answer_timeout"], key: "\(key).answer_timeout", 50...60_000) {
            set.answerMilliseconds = UInt32(value)
        }
        if let probe = fields["probe"] { set.probe = readProbe(probe, key: "\(key).probe") }
        guard let targets = fields["targets"] else {
            report(node.origin, key, "needs \"targets\" such as [\"sip:192.0.2.10\", \"sip:192.0.2.11:5080\"]")
            return nil
        }
        set.targets = readTargets(targets, key: "\(key).targets")
        return set
    }

    // MARK: Targets

    private mutating func readTargets(_ node: ConfigurationNode, key: String) -> [DispatcherTarget] {
        let items: [ConfigurationNode]
        switch node.content {
        case .list(let list): items = list
        case .scalar, .map: items = [node]
        case .null: items = []
        }
        var targets: [DispatcherTarget] = []
        for (index, item) in items.enumerated() {
            let key = "\(key)[\(index)]"
            guard let target = readTarget(item, key: key) else { continue }
            if targets.contains(where: { $0.uri == target.uri }) {
                report(item.origin, key, "\"\(target.uri)\" is listed twice")
            } else {
                targets.append(target)
            }
        }
        if items.isEmpty { report(node.origin, key, "expected at least one target, got an empty list") }
        if items.count > Self.targetsMax {
            report(node.origin, key, "expected at most \(Self.targetsMax) targets, got \(items.count)")
        }
        return targets
    }

    private mutating func readTarget(_ node: ConfigurationNode, key: String) -> DispatcherTarget? {
        var uri = node
        var target = DispatcherTarget(uri: "")
        if case .map(let pairs) = node.content {
            guard let fields = readFields(pairs, key: key, known: ["uri", "weight", "priority"]) else { return nil }
            guard let given = fields["uri"] else {
                report(node.origin, key, "needs a \"uri\" such as \"sip:192.0.2.10:5060\"")
                return nil
            }
            uri = given
            if let value = readNumber(fields["weight"], key: "\(key).weight", 0...DispatcherTarget.weightMax) {
                target.weight = value
            }
            if let value = readNumber(fields["priority"], key: "\(key).priority", 0...DispatcherTarget.priorityMax) {
                target.priority = value
            }
        }
        guard case .scalar(let text) = uri.content, Self.isURI(text) else {
            report(uri.origin, key, "expected a URI such as \"sip:192.0.2.10:5060\", got \(uri.summary)")
            return nil
        }
        target.uri = text
        pendingTargets.append(PendingTarget(uri: text, origin: uri.origin, key: key))
        return target
    }

    /// What may stand in a start line and between angle brackets.
    private static func isURI(_ text: String) -> Bool {
        let lowered = text.lowercased()
        return (lowered.hasPrefix("sip:") || lowered.hasPrefix("sips:")) && text.utf8.count <= 256
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3C && $0 != 0x3E && $0 != 0x22 }
    }

    /// A target as it stands in the file, to be resolved when all peers are known.
    struct PendingTarget {
        var uri: String
        var origin: ConfigurationOrigin
        var key: String
    }

    /// Finds the addresses of all targets.
    mutating func resolveTargets() {
        let hosts = configuration.hosts
        let transports = Set(configuration.listen.map(\.transport.rawValue))
        var addresses: [String: SocketAddress] = [:]
        for target in pendingTargets {
            guard let address = DispatcherSet.address(of: target.uri, hosts: hosts) else {
                report(
                    target.origin, target.key,
                    "expected a URI with an IP address or the name of a peer, got \"\(target.uri)\"")
                continue
            }
            let transport = "\(address.transport.name)"
            if !transports.contains(transport) {
                report(
                    target.origin, target.key, "is reached by \(transport), and \"listen\" has no \"\(transport):\"")
            }
            addresses[target.uri] = address
        }
        for set in configuration.dispatcher.indices {
            for target in configuration.dispatcher[set].targets.indices {
                let uri = configuration.dispatcher[set].targets[target].uri
                configuration.dispatcher[set].targets[target].address = addresses[uri] ?? .none
            }
        }
        if let set = configuration.nextSet, !configuration.dispatcher.contains(where: { $0.name == set }) {
            report(origins["next_set"] ?? .standard, "next_set", "\"dispatcher\" has no set \"\(set)\"")
        }
    }

    // MARK: Probes

    private mutating func readProbe(_ node: ConfigurationNode, key: String) -> TargetProbe? {
        var probe = TargetProbe()
        switch node.content {
        case .scalar(let text) where ["false", "no", "off"].contains(text.lowercased()): return nil
        case .scalar(let text) where ["true", "yes", "on"].contains(text.lowercased()): return probe
        case .scalar, .list:
            report(node.origin, key, "expected {interval: 10s}, or true for that, got \(node.summary)")
            return nil
        case .null: return nil
        case .map(let pairs):
            let known = ["interval", "timeout", "from", "alive"]
            guard let fields = readFields(pairs, key: key, known: known) else { return nil }
            if let value = readMilliseconds(fields["interval"], key: "\(key).interval", 100...86_400_000) {
                probe.intervalMilliseconds = UInt64(value)
            }
            probe.timeoutMilliseconds = min(probe.timeoutMilliseconds, probe.intervalMilliseconds)
            if let value = readMilliseconds(fields["timeout"], key: "\(key).timeout", 50...60_000) {
                probe.timeoutMilliseconds = UInt64(value)
                if probe.timeoutMilliseconds > probe.intervalMilliseconds, let origin = fields["timeout"]?.origin {
                    report(
                        origin, "\(key).timeout",
                        "expected at most the interval (\(probe.intervalMilliseconds)ms), got \(value)ms")
                }
            }
            if let from = fields["from"] {
                if case .scalar(let text) = from.content, Self.isURI(text) {
                    probe.from = text
                } else {
                    report(
                        from.origin, "\(key).from",
                        "expected a URI such as \"sip:probe@example.com\", got \(from.summary)")
                }
            }
            if let alive = fields["alive"] { probe.alive = readCodes(alive, key: "\(key).alive") }
            return probe
        }
    }

    /// Codes of final responses, `404`, and classes of them, `2xx`.
    private mutating func readCodes(_ node: ConfigurationNode, key: String) -> [ClosedRange<Int>] {
        let items = if case .list(let list) = node.content { list } else { [node] }
        var codes: [ClosedRange<Int>] = []
        for item in items {
            guard case .scalar(let text) = item.content, let range = Self.codes(text) else {
                report(item.origin, key, "expected codes such as 404 and classes such as 2xx, got \(item.summary)")
                continue
            }
            codes.append(range)
        }
        if items.isEmpty { report(node.origin, key, "expected at least one code, got an empty list") }
        return codes
    }

    private static func codes(_ text: String) -> ClosedRange<Int>? {
        if let code = Quantity.whole(text), (200...699).contains(code) { return code...code }
        guard text.utf8.count == 3, text.lowercased().hasSuffix("xx"), let digit = text.first?.wholeNumberValue,
            (2...6).contains(digit)
        else { return nil }
        return digit * 100...digit * 100 + 99
    }

    // MARK: Values

    private mutating func readNumber(_ node: ConfigurationNode?, key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let node else { return nil }
        if case .scalar(let text) = node.content, let value = Quantity.whole(text), range.contains(value) {
            return value
        }
        report(
            node.origin, key,
            "expected a whole number from \(range.lowerBound) to \(range.upperBound), got \(node.summary)")
        return nil
    }

    private mutating func readMilliseconds(_ node: ConfigurationNode?, key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let node else { return nil }
        // A bare number would be milliseconds here and seconds there.
        if case .scalar(let text) = node.content, Quantity.whole(text) == nil,
            let value = TimeLength.parse(text, in: .milliseconds), range.contains(value)
        {
            return value
        }
        report(
            node.origin, key,
            "expected a time with its unit from \(range.lowerBound)ms to \(range.upperBound / 1_000)s, got \(node.summary)"
        )
        return nil
    }

    private mutating func readChoice<Value: RawRepresentable & CaseIterable>(
        _ node: ConfigurationNode?, key: String, of: Value.Type
    ) -> Value? where Value.RawValue == String {
        guard let node else { return nil }
        if case .scalar(let text) = node.content, let value = Value(rawValue: text.lowercased()) { return value }
        let names = Value.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        report(node.origin, key, "expected one of \(names), got \(node.summary)")
        return nil
    }
}
