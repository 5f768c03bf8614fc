/// Reading one value: text to type, with a message that says what to write instead.
extension ConfigurationReader {
    mutating func read(_ node: ConfigurationNode, as setting: Setting) {
        if case .null = node.content { return }
        let errorsBefore = diagnostics.count
        switch setting.binding {
        case .names, .origins, .endpoints, .listeners, .peers: readList(node, as: setting)
        case .dictionaries(let path, let range):
            if let read = readDictionaries(node, setting, sizes: range) { configuration[keyPath: path] = read }
        case .columns(let path): configuration[keyPath: path] = readColumns(node, setting)
        case .sets(let path): configuration[keyPath: path] = readSets(node, setting)
        case .groups(let path): configuration[keyPath: path] = readGroups(node, setting)
        case .boolean, .integer, .optionalInteger, .fraction, .workers, .bytes, .time, .choice, .path, .destination,
            .endpoint, .secret, .name:
            guard case .scalar(let text) = node.content, readScalar(text, node.origin, as: setting) else {
                let expected = setting.expectation
                let wording = if case .choice = setting.binding { "one of \(expected)" } else { expected }
                // What was written for a secret does not belong into a terminal or a log.
                let got = if case .secret = setting.binding { "" } else { ", got \(node.summary)" }
                report(node.origin, setting.key, "expected \(wording)\(got)")
                return
            }
        }
        if diagnostics.count == errorsBefore { origins[setting.key] = node.origin }
    }

    /// False when `text` is not what the setting takes.
    private mutating func readScalar(_ text: String, _ origin: ConfigurationOrigin, as setting: Setting) -> Bool {
        switch setting.binding {
        case .boolean(let path):
            guard let value = Self.boolean(text) else { return false }
            configuration[keyPath: path] = value
        case .integer(let path, let range):
            guard let value = Quantity.whole(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
        case .optionalInteger(let path, let range):
            if text.lowercased() == "auto" {
                configuration[keyPath: path] = nil
                return true
            }
            guard let value = Quantity.whole(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
        case .fraction(let path, let range):
            guard let value = Quantity.decimal(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
        case .workers(let path, let range):
            if text.lowercased() == "auto" {
                configuration[keyPath: path] = .automatic
                return true
            }
            guard let value = Quantity.whole(text), value >= range.lowerBound else { return false }
            guard value <= range.upperBound else {
                report(origin, setting.key, "expected at most \(range.upperBound), got \(value)")
                return true
            }
            configuration[keyPath: path] = .fixed(value)
        case .bytes(let path, let range):
            guard let value = ByteSize.parse(text), range.contains(value) else { return false }
            configuration[keyPath: path] = value
        case .time(let path, let unit, let range):
            guard let value = TimeLength.parse(text, in: unit), range.contains(value) else { return false }
            configuration[keyPath: path] = value
        case .choice(let names, _, let set):
            guard names.contains(text.lowercased()) else { return false }
            set(&configuration, text.lowercased())
        case .path(let path):
            guard !text.unicodeScalars.contains("\0") else { return false }
            configuration[keyPath: path] = text.isEmpty ? nil : resolved(text, origin)
        case .destination(let path):
            guard !text.isEmpty, !text.unicodeScalars.contains("\0") else { return false }
            configuration[keyPath: path] = ["stderr", "stdout"].contains(text) ? text : resolved(text, origin)
        case .endpoint(let path):
            if text.isEmpty {
                configuration[keyPath: path] = nil
                return true
            }
            guard let endpoint = Endpoint(text), endpoint.port != 0, !endpoint.address.isWildcard else { return false }
            configuration[keyPath: path] = endpoint
        case .secret(let path):
            guard let key = Self.secret(text) else { return false }
            configuration[keyPath: path] = key
        case .name(let path):
            configuration[keyPath: path] = text.isEmpty ? nil : text
        case .names, .origins, .endpoints, .listeners, .peers, .dictionaries, .columns, .sets, .groups:
            preconditionFailure("lists and maps are read elsewhere")
        }
        return true
    }

    /// Paths in the file are relative to its folder; those in the environment to the working directory.
    private func resolved(_ path: String, _ origin: ConfigurationOrigin) -> String {
        if path.hasPrefix("/") || directory.isEmpty { return path }
        switch origin {
        case .file: return directory.hasSuffix("/") ? directory + path : directory + "/" + path
        case .environment, .standard: return path
        }
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    /// Hexadecimal digits are taken as bytes when there are enough of them, other text as it stands.
    private static func secret(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count >= branchKeyBytesMin else { return nil }
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == bytes.count, digits.count % 2 == 0, digits.count >= 2 * branchKeyBytesMin else {
            return bytes
        }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    // MARK: Lists

    private mutating func readList(_ node: ConfigurationNode, as setting: Setting) {
        let items: [ConfigurationNode]
        switch node.content {
        case .list(let list): items = list
        // One entry needs no list; the commonest file has one listen address.
        case .scalar, .map: items = [node]
        case .null: items = []
        }
        switch setting.binding {
        case .names(let path): configuration[keyPath: path] = readNames(items, setting)
        case .origins(let path): configuration[keyPath: path] = readOrigins(items, setting)
        case .endpoints(let path, let port):
            configuration[keyPath: path] = readEndpoints(items, setting, defaultPort: port)
        case .listeners(let path): configuration[keyPath: path] = readListeners(items, setting, at: node.origin)
        case .peers(let path): configuration[keyPath: path] = readPeers(items, setting)
        case .boolean, .integer, .optionalInteger, .fraction, .workers, .bytes, .time, .choice, .path, .destination,
            .endpoint, .secret, .name, .dictionaries, .columns, .sets, .groups:
            preconditionFailure("scalars are read by readScalar, maps elsewhere")
        }
    }

    private mutating func readNames(_ items: [ConfigurationNode], _ setting: Setting) -> [String] {
        var names: [String] = []
        for (index, item) in items.enumerated() {
            let key = "\(setting.key)[\(index)]"
            guard case .scalar(let text) = item.content, HostName.isValid(text) else {
                report(item.origin, key, "expected a domain name or an address, got \(item.summary)")
                continue
            }
            let name = IPAddress(text)?.description ?? text.lowercased()
            if names.contains(name) {
                report(item.origin, key, "\"\(name)\" is listed twice")
            } else {
                names.append(name)
            }
        }
        return names
    }

    private mutating func readOrigins(_ items: [ConfigurationNode], _ setting: Setting) -> [String] {
        var origins: [String] = []
        for (index, item) in items.enumerated() {
            guard case .scalar(let text) = item.content, Self.isOrigin(text.lowercased()) else {
                report(
                    item.origin, "\(setting.key)[\(index)]",
                    "expected an origin such as \"https://example.org\", got \(item.summary)")
                continue
            }
            origins.append(text.lowercased())
        }
        return origins
    }

    /// RFC 6454 §6.2: a scheme and a host, and a port if it is not the scheme's; no path.
    private static func isOrigin(_ text: String) -> Bool {
        ["https://", "http://"].contains {
            text.hasPrefix($0) && HostName.isValidWithPort(String(text.dropFirst($0.count)))
        }
    }

    private mutating func readListeners(
        _ items: [ConfigurationNode], _ setting: Setting, at origin: ConfigurationOrigin
    ) -> [ListenAddress] {
        var listeners: [ListenAddress] = []
        for (index, item) in items.enumerated() {
            guard let listener = readListener(item, key: "\(setting.key)[\(index)]") else { continue }
            let same = { (other: ListenAddress) in
                other.endpoint == listener.endpoint && other.transport == listener.transport && other.endpoint.port != 0
            }
            if listeners.contains(where: same) {
                report(item.origin, "\(setting.key)[\(index)]", "\"\(listener)\" is listed twice")
            } else {
                listeners.append(listener)
            }
        }
        if items.isEmpty {
            report(origin, setting.key, "expected at least one \"udp:ADDRESS:PORT\", got an empty list")
        } else if !listeners.isEmpty, !listeners.contains(where: { $0.transport == .udp }) {
            report(origin, setting.key, "expected at least one \"udp:ADDRESS:PORT\" beside the others; add one")
        }
        if items.count > ConfigurationReader.listenersMax {
            report(
                origin, setting.key,
                "expected at most \(ConfigurationReader.listenersMax) addresses, got \(items.count)")
        }
        return listeners
    }

    /// Each worker opens a socket for each address.
    static let listenersMax = 32
    /// Each with a name that targets are looked up by; more is a mistake.
    static let peersMax = 4_096

    private mutating func readListener(_ node: ConfigurationNode, key: String) -> ListenAddress? {
        var address = node
        var advertise: String?
        if case .map(let pairs) = node.content {
            guard let fields = readFields(pairs, key: key, known: ["address", "advertise"]) else { return nil }
            guard let given = fields["address"] else {
                report(node.origin, key, "needs an \"address\" such as \"udp:192.0.2.1:5060\"")
                return nil
            }
            address = given
            if let node = fields["advertise"] {
                guard case .scalar(let text) = node.content, HostName.isValidWithPort(text) else {
                    report(node.origin, "\(key).advertise", "expected HOST or HOST:PORT, got \(node.summary)")
                    return nil
                }
                advertise = text
            }
        }
        guard case .scalar(let text) = address.content, let colon = text.firstIndex(of: ":"),
            let transport = ListenAddress.Transport(rawValue: text[..<colon].lowercased()),
            let endpoint = Endpoint(
                String(text[text.index(after: colon)...]), defaultPort: transport.standardPort)
        else {
            report(address.origin, key, listenerComplaint(address))
            return nil
        }
        if endpoint.address.isWildcard, advertise == nil {
            warn(
                address.origin, key,
                "\"\(endpoint.address)\" is announced as this machine's first address; set \"advertise\" to be sure"
            )
        }
        return ListenAddress(transport: transport, endpoint: endpoint, advertise: advertise)
    }

    private func listenerComplaint(_ node: ConfigurationNode) -> String {
        if case .scalar(let text) = node.content, let scheme = text.split(separator: ":").first?.lowercased(),
            scheme == "sctp"
        {
            return "\"\(scheme)\" is not supported, only \"udp\", \"tcp\", \"tls\", \"ws\" and \"wss\""
        }
        return "expected \"udp:ADDRESS:PORT\" such as \"udp:192.0.2.1:5060\" or \"udp:[2001:db8::1]:5060\", "
            + "got \(node.summary)"
    }

    /// Fields of an entry by name; unknown ones are reported, and nil is returned when there were any.
    mutating func readFields(
        _ pairs: [(key: ConfigurationNode, value: ConfigurationNode)], key: String, known: [String]
    ) -> [String: ConfigurationNode]? {
        var fields: [String: ConfigurationNode] = [:]
        var isWhole = true
        for (name, value) in pairs {
            guard let text = keyName(name, in: key) else {
                isWhole = false
                continue
            }
            if known.contains(text) {
                if case .null = value.content { continue }
                fields[text] = value
                continue
            }
            isWhole = false
            let hint = nearestName(to: text, among: known).map { ", did you mean \"\($0)\"?" }
            report(
                name.origin, "\(key).\(text)",
                "unknown key" + (hint ?? "; the keys here are \(known.joined(separator: ", "))"))
        }
        return isWhole ? fields : nil
    }
}
