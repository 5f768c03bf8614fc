public import Reactor

/// The steps of RFC 3263 §4.1 and §4.2 for one question. It asks through a function, so that tests can answer.
///
/// Used from one thread. It lives for as long as somebody holds the closures that it has handed out.
public final class ServiceLookup {
    public typealias Ask = (_ name: String, _ type: RecordType, _ done: @escaping (RecordAnswer) -> Void) -> Void

    /// Addresses that an answer has at most.
    public static let targetsMax = 8
    /// NAPTR records that are followed at most: somebody else's list must not keep us busy.
    public static let pointersMax = 4
    static let standardPort: UInt16 = 5_060

    private let question: ServiceQuestion
    private let families: Set<SocketAddress.Family>
    private let ask: Ask
    private let done: (ServiceAnswer) -> Void
    private var ttlSeconds = UInt32.max
    private var hasFailed = false

    private init(
        _ question: ServiceQuestion, _ families: Set<SocketAddress.Family>, ask: @escaping Ask,
        done: @escaping (ServiceAnswer) -> Void
    ) {
        self.question = question
        self.families = families
        self.ask = ask
        self.done = done
    }

    /// Asks what must be asked and calls `done` once.
    ///
    /// - Parameter families: those that the proxy can send to; others are not asked for.
    public static func run(
        _ question: ServiceQuestion, families: Set<SocketAddress.Family>, ask: @escaping Ask,
        done: @escaping (ServiceAnswer) -> Void
    ) {
        ServiceLookup(question, families, ask: ask, done: done).start()
    }

    private func start() {
        if question.port != 0 {
            // §4.2: with a port there is no SRV.
            return findAddresses(of: [Service(target: question.name, port: question.port)])
        }
        if question.isTransportGiven { return findServices(at: []) }
        ask(question.name, .naptr) { answer in
            // Without an answer SRV is asked all the same: some servers know no NAPTR.
            guard case .records(let records) = answer else { return self.findServices(at: []) }
            self.findServices(at: self.pointers(records))
        }
    }

    // MARK: NAPTR

    /// SRV names for SIP over UDP in the order of RFC 3403 §4.1: by order, then preference.
    private func pointers(_ records: [Record]) -> [String] {
        var found: [(order: UInt16, preference: UInt16, name: String)] = []
        for record in records {
            guard case .pointer(let order, let preference, let flags, let service, let regexp, let name) = record.data,
                flags.lowercased() == "s", service.uppercased() == "SIP+D2U", regexp.isEmpty, !name.isEmpty
            else { continue }
            ttlSeconds = min(ttlSeconds, record.ttlSeconds)
            found.append((order, preference, name))
        }
        found.sort { ($0.order, $0.preference) < ($1.order, $1.preference) }
        return found.prefix(Self.pointersMax).map(\.name)
    }

    // MARK: SRV

    private struct Service {
        var target: String
        var port: UInt16
        var priority: UInt16 = 0
        var weight: UInt16 = 0
    }

    /// Tries the names one after another, last the one that needs no NAPTR.
    private func findServices(at names: [String]) {
        guard let name = names.first else { return findServices(at: "_sip._udp.\(question.name)", isLast: true) {} }
        findServices(at: name, isLast: false) { self.findServices(at: Array(names.dropFirst())) }
    }

    private func findServices(at name: String, isLast: Bool, otherwise: @escaping () -> Void) {
        ask(name, .srv) { answer in
            switch answer {
            case .records(let records):
                let services = self.services(records)
                if !services.isEmpty { return self.findAddresses(of: services) }
                // RFC 2782: a single record for the root says that there is no such service.
                if records.contains(where: { $0.data.isService }) { return self.done(.nowhere) }
            case .failed where isLast: return self.done(.failed)
            case .failed, .nothing: break
            }
            guard isLast else { return otherwise() }
            // §4.2: without SRV the host itself.
            self.findAddresses(of: [Service(target: self.question.name, port: Self.standardPort)])
        }
    }

    /// By priority. Of too many a random part is taken, so that each has its turn as answers expire.
    private func services(_ records: [Record]) -> [Service] {
        var services: [Service] = []
        for record in records {
            guard case .service(let priority, let weight, let port, let target) = record.data else { continue }
            ttlSeconds = min(ttlSeconds, record.ttlSeconds)
            guard !target.isEmpty, port != 0 else { continue }
            services.append(Service(target: target, port: port, priority: priority, weight: weight))
        }
        if services.count > Self.targetsMax { services.shuffle() }
        services.sort { $0.priority < $1.priority }
        return Array(services.prefix(Self.targetsMax))
    }

    // MARK: A and AAAA

    private func findAddresses(of services: [Service]) {
        var types: [RecordType] = []
        if families.contains(.ipv4) { types.append(.a) }
        if families.contains(.ipv6) { types.append(.aaaa) }
        guard !types.isEmpty else { return done(.nowhere) }
        var addresses = [[[SocketAddress]]](
            repeating: [[SocketAddress]](repeating: [], count: types.count), count: services.count)
        var outstanding = services.count * types.count
        for (number, service) in services.enumerated() {
            for (position, type) in types.enumerated() {
                ask(service.target, type) { answer in
                    addresses[number][position] = self.addresses(answer, port: service.port)
                    outstanding -= 1
                    if outstanding == 0 { self.finish(services, addresses.map { Array($0.joined()) }) }
                }
            }
        }
    }

    private func addresses(_ answer: RecordAnswer, port: UInt16) -> [SocketAddress] {
        switch answer {
        case .records(let records):
            return records.compactMap { record in
                ttlSeconds = min(ttlSeconds, record.ttlSeconds)
                guard case .address(let address) = record.data, !address.isWildcard, !address.isMulticast else {
                    return nil
                }
                return address.withPort(port)
            }
        case .nothing: return []
        case .failed:
            hasFailed = true
            return []
        }
    }

    private func finish(_ services: [Service], _ addresses: [[SocketAddress]]) {
        var targets: [ServiceTarget] = []
        // The first address of each service before the second of any: the bound shall not hide a service.
        let share = max(1, Self.targetsMax / max(1, services.count))
        for (number, service) in services.enumerated() {
            for address in addresses[number].prefix(share) {
                targets.append(
                    ServiceTarget(
                        address, priority: service.priority, weight: service.weight, group: UInt8(number)))
            }
        }
        if targets.isEmpty { return done(hasFailed ? .failed : .nowhere) }
        done(.found(targets, ttlSeconds: ttlSeconds))
    }
}

extension RecordData {
    var isService: Bool {
        switch self {
        case .service: true
        case .address, .pointer, .alias: false
        }
    }
}
