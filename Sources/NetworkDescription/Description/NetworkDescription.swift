public import NetworkSimulator
public import Server

/// A network as written in a YAML file.
public struct NetworkDescription: Sendable, Equatable {
    public var network: NetworkSimulator.Network
    /// As the operator named it.
    public var file: String

    public init(network: NetworkSimulator.Network, file: String) {
        self.network = network
        self.file = file
    }

    /// "2 proxies, 1 flow".
    var size: String {
        func count(_ number: Int, _ one: String, _ many: String) -> String { "\(number) \(number == 1 ? one : many)" }
        return count(network.proxies.count, "proxy", "proxies") + ", " + count(network.flows.count, "flow", "flows")
    }

    /// A network with every proxy and flow written out may be long.
    public static let bytesMax = 32 << 20
    public static let valuesMax = 2_000_000

    /// - Throws: all errors at once, each with file, line, column and key.
    public static func load(path: String) throws(ConfigurationFailure) -> NetworkDescription {
        switch ConfigurationLoader.readText(path, bytesMax: bytesMax) {
        case .success(let text): return try load(yaml: text, file: path)
        case .failure(let failure): throw failure
        }
    }

    public static func load(yaml: String, file: String) throws(ConfigurationFailure) -> NetworkDescription {
        var reader = DescriptionReader(file: file)
        if let root = ConfigurationDocument.compose(
            yaml, file: file, nodesMax: valuesMax, diagnostics: &reader.diagnostics)
        {
            reader.read(root)
        } else if reader.diagnostics.isEmpty {
            reader.report(reader.wholeFile, "", "is empty; expected \"proxies:\" and \"flows:\", or \"random:\"")
        }
        if reader.diagnostics.isEmpty {
            // What the reader let pass and no simulation could run.
            do { try reader.network.validate() } catch { reader.report(reader.wholeFile, "", error.description) }
        }
        guard reader.diagnostics.isEmpty else {
            throw ConfigurationFailure(diagnostics: ConfigurationLoader.sortedByPlace(reader.diagnostics))
        }
        return NetworkDescription(network: reader.network, file: file)
    }
}

/// Here a network is one of proxies; in `Server` it is a range of addresses.
typealias Network = NetworkSimulator.Network
