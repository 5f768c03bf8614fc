internal import Foundation
internal import Reactor
internal import Scripting
internal import Server

extension SpecDefinition {
    /// The options of `sip.proxy`, in the order of `SpecBindings.proxyOptions`.
    init(_ call: borrowing ScriptCall, _ host: SpecHost) throws(ScriptFailure) {
        let (script, source, file, settings) = (call.string(0), call.string(1), call.string(2), call.string(3))
        configuration = try Self.load(file, settings, host, isAlone: script == nil && source == nil)
        if let script {
            configuration.script = host.resolve(script)
        }
        if let source {
            guard script == nil else { throw ScriptFailure("proxy: script and source are two scripts; give one") }
            self.source = ScriptSource(path: "\(host.path)(source)", text: source)
        }
        if let script = configuration.script, self.source == nil { host.surroundings.files.insert(script) }
        if case .record(let table) = call.value(4) { names = try Self.names(table) }
        if call.has(5) { configuration.state.policy = Configuration.State.Policy.allCases[Int(call.integer(5))] }
        if case .list(let trusted) = call.value(6) { try trust(trusted) }
        isKept = call.boolean(7)
    }

    private static func load(
        _ file: String?, _ settings: String?, _ host: SpecHost, isAlone: Bool
    ) throws(ScriptFailure) -> Configuration {
        let folder = (host.path as NSString).deletingLastPathComponent
        do throws(ConfigurationFailure) {
            if let settings {
                return try ConfigurationLoader.load(yaml: settings, file: "", directory: folder).configuration
            }
            let path = file.map { host.resolve($0) } ?? (isAlone ? host.surroundings.configurationPath : nil)
            guard let path else {
                if isAlone { throw ConfigurationFailure(diagnostics: []) }
                return Configuration()
            }
            host.surroundings.files.insert(path)
            return try ConfigurationLoader.load(path: path, environment: [:]).configuration
        } catch {
            if error.diagnostics.isEmpty {
                throw ScriptFailure("proxy: needs script, source or config, or --config on the command line")
            }
            // Places within a table of the spec say nothing.
            let lines = error.diagnostics.map { settings == nil ? $0.description : "config: \($0.key): \($0.message)" }
            throw ScriptFailure(lines.joined(separator: "\n"))
        }
    }

    /// A name leads to an address or to several, tried in their order; an empty list or false says that there are none.
    private static func names(_ table: [String: ScriptValue]) throws(ScriptFailure) -> [String: [SocketAddress]] {
        var names: [String: [SocketAddress]] = [:]
        for (name, value) in table {
            let texts: [ScriptValue]
            switch value {
            case .string: texts = [value]
            case .list(let list): texts = list
            case .record(let record) where record.isEmpty: texts = []
            case .boolean(false): texts = []
            default: throw ScriptFailure("proxy: dns: \(name): expected an address or a list of addresses")
            }
            var addresses: [SocketAddress] = []
            for text in texts {
                guard case .string(let text) = text, let address = SocketAddress(place: text) else {
                    throw ScriptFailure("proxy: dns: \(name): expected addresses such as \"192.0.2.10\"")
                }
                addresses.append(address)
            }
            names[name.lowercased()] = addresses
        }
        return names
    }

    private mutating func trust(_ list: [ScriptValue]) throws(ScriptFailure) {
        for (index, item) in list.enumerated() {
            guard case .string(let text) = item, let endpoint = Endpoint(text, defaultPort: 0) else {
                throw ScriptFailure("proxy: trusted: expected addresses such as \"192.0.2.2\"")
            }
            configuration.peers.append(
                Peer(
                    name: "trusted-\(index + 1)", network: Network(endpoint.address), port: endpoint.port,
                    trusted: true))
        }
    }
}

extension SocketAddress {
    /// "192.0.2.1:5060", or with a transport before it: "tcp:192.0.2.1:5060".
    init?(place text: String) {
        let transport = Transport.allCases.first { text.hasPrefix("\($0.name):") }
        let rest = transport.map { text.dropFirst("\($0.name):".count) } ?? text[...]
        guard var address = SocketAddress(String(rest)) else { return nil }
        if let transport { address.transport = transport }
        self = address
    }

    /// The same the other way round.
    var place: String { transport == .udp ? "\(self)" : "\(transport.name):\(self)" }
}
