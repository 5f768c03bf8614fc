internal import Reactor
internal import SIPTransport

// Connections: one hub for all workers.
extension DataPlane {
    /// Threads that serve connections: they only frame, encrypt and copy, the workers do the rest.
    private static let streamThreadsMax = 2

    /// nil when no listen address asks for connections.
    static func streams(_ configuration: Configuration, workers: [Worker]) throws -> StreamHub? {
        let wanted = configuration.streamListen
        guard !wanted.isEmpty else { return nil }
        let firstIndex = configuration.listen(on: .udp).count
        let listeners = wanted.enumerated().compactMap { position, listener in
            SocketAddress(listener.endpoint.description).map {
                StreamListener(
                    address: $0.withTransport(listener.transport.transport), index: firstIndex + position)
            }
        }
        precondition(listeners.count == wanted.count, "checked addresses are literal")
        var settings = StreamSettings()
        settings.connectionsMax = configuration.tcp.connectionsMax
        settings.connectionsPerSourceMax = configuration.tcp.connectionsPerSourceMax
        settings.idleMilliseconds = Int64(configuration.tcp.idleSeconds) * 1_000
        settings.connectMilliseconds = Int64(configuration.tcp.connectMilliseconds)
        settings.handshakeMilliseconds = Int64(configuration.tls.handshakeMilliseconds)
        settings.writeQueueBytesMax = configuration.tcp.writeQueueBytesMax
        settings.webSocket.path = configuration.webSocket.path
        settings.webSocket.origins = configuration.webSocket.origins
        settings.webSocket.upgradeMilliseconds = Int64(configuration.webSocket.upgradeMilliseconds)
        settings.threads = min(max(workers.count, 1), streamThreadsMax)
        return try StreamHub(
            settings, listeners: listeners, workers: workers, credentials: try credentials(configuration))
    }

    /// The certificates and keys of the configuration, read anew; nil when it has none.
    static func credentials(_ configuration: Configuration) throws(RuntimeError) -> TLSCredentials? {
        let tls = configuration.tls
        guard let certificate = tls.certificate, let key = tls.key else { return nil }
        var settings = TLSSettings(certificateFile: certificate, keyFile: key)
        settings.clientRootsFile = tls.clientRoots
        settings.clientCertificates =
            switch tls.clientCertificates {
            case .off: .off
            case .optional: .optional
            case .required: .required
            }
        settings.serverRootsFile = tls.serverRoots
        settings.verifiesServers = tls.verifiesServers
        settings.requiresTLS13 = tls.minVersion == .tls13
        for peer in configuration.peers where peer.network.prefixBits == peer.network.address.bitCount {
            let place = SocketAddress(Endpoint(address: peer.network.address, port: 0).description)
            if let place { settings.domains[place, default: []].append(peer.name) }
        }
        do throws(TLSError) {
            return try TLSCredentials(settings)
        } catch {
            throw RuntimeError(
                "the certificates cannot be used",
                problems: [ScriptProblem(file: error.file, line: 0, message: error.reason)])
        }
    }

    static func values(of streams: StreamHub) -> [RuntimeValue] {
        var values = StreamCounter.allCases.map { counter in
            RuntimeValue(
                family: MetricFamily(
                    "servartuka_\(counter.name)", kind: counter.isGauge ? .gauge : .counter, help: counter.help),
                value: streams.value(counter))
        }
        if let seconds = streams.certificateValidUntilSeconds {
            values.append(
                RuntimeValue(
                    family: MetricFamily(
                        "servartuka_tls_certificate_valid_until_seconds", kind: .gauge,
                        help: "When the proxy's certificate ends, since the Unix epoch in seconds."),
                    value: UInt64(clamping: seconds)))
        }
        return values
    }
}

extension ListenAddress.Transport {
    var transport: Transport {
        switch self {
        case .udp: .udp
        case .tcp: .tcp
        case .tls: .tls
        case .ws: .ws
        case .wss: .wss
        }
    }
}
