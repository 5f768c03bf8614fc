internal import Reactor
internal import SIPTransport

// Connections: one hub for all workers.
extension DataPlane {
    /// Threads that serve connections: they only frame and copy, the workers do the rest.
    private static let streamThreadsMax = 2

    /// nil when no listen address asks for TCP.
    static func streams(_ configuration: Configuration, workers: [Worker]) throws -> StreamHub? {
        let wanted = configuration.listen(on: .tcp)
        guard !wanted.isEmpty else { return nil }
        let firstIndex = configuration.listen(on: .udp).count
        let listeners = wanted.enumerated().compactMap { position, listener in
            SocketAddress(listener.endpoint.description).map {
                StreamListener(address: $0.withTransport(.tcp), index: firstIndex + position)
            }
        }
        precondition(listeners.count == wanted.count, "checked addresses are literal")
        var settings = StreamSettings()
        settings.connectionsMax = configuration.tcp.connectionsMax
        settings.connectionsPerSourceMax = configuration.tcp.connectionsPerSourceMax
        settings.idleMilliseconds = Int64(configuration.tcp.idleSeconds) * 1_000
        settings.connectMilliseconds = Int64(configuration.tcp.connectMilliseconds)
        settings.writeQueueBytesMax = configuration.tcp.writeQueueBytesMax
        settings.threads = min(max(workers.count, 1), streamThreadsMax)
        return try StreamHub(settings, listeners: listeners, workers: workers)
    }

    static func values(of streams: StreamHub) -> [RuntimeValue] {
        StreamCounter.allCases.map { counter in
            RuntimeValue(
                family: MetricFamily(
                    "servartuka_\(counter.name)", kind: counter.isGauge ? .gauge : .counter, help: counter.help),
                value: streams.value(counter))
        }
    }
}
