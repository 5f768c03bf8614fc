internal import DNSResolver
internal import ProxyCore
internal import Reactor

/// Has the names of one worker looked up and brings the answers to its thread.
final class DNSTargets: TargetSource {
    private let resolver: Resolver
    private let worker: Worker

    init(_ resolver: Resolver, worker: Worker) {
        self.resolver = resolver
        self.worker = worker
    }

    func lookUp(_ question: TargetQuestion) -> Bool {
        let asked = ServiceQuestion(
            name: question.name, port: question.port, isTransportGiven: question.isTransportGiven)
        let worker = worker
        return resolver.resolve(asked) { answer in
            let answer = TargetAnswer(answer, to: question)
            // With a full mailbox the answer is lost, and those who wait are told by their own timer.
            _ = worker.post { worker, delegate in
                (delegate as? Proxy)?.answered(answer, now: worker.now)
            }
        }
    }
}

extension TargetAnswer {
    init(_ answer: ServiceAnswer, to question: TargetQuestion) {
        switch answer {
        case .found(let targets, let ttlSeconds):
            self.init(
                to: question,
                targets: targets.map {
                    ResolvedTarget($0.address, priority: $0.priority, weight: $0.weight, group: $0.group)
                }, ttlSeconds: ttlSeconds)
        case .nowhere, .failed:
            self.init(to: question)
        }
    }
}

extension DataPlane {
    /// Nil: names are not to be looked up.
    static func makeResolver(_ configuration: Configuration) throws(RuntimeError) -> Resolver? {
        guard configuration.dns.enabled else { return nil }
        var settings = ResolverSettings()
        settings.servers = configuration.dns.servers.map(\.description)
        settings.timeoutMilliseconds = configuration.dns.timeoutMilliseconds
        settings.pendingMax = configuration.dns.maxPending
        settings.families = Set(
            configuration.listen.filter { $0.transport == .udp }.map { $0.endpoint.address.isVersion6 ? .ipv6 : .ipv4 })
        do {
            return try Resolver(settings)
        } catch {
            throw RuntimeError("dns: \(error)")
        }
    }
}
