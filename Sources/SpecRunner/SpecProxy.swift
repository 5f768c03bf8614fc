internal import ProxyCore
internal import Reactor
internal import Scripting
internal import Server
internal import StatePolicy

/// What `sip.proxy` was given, checked.
struct SpecDefinition {
    var configuration = Configuration()
    /// A script that is written in the spec.
    var source: ScriptSource?
    var names: [String: [SocketAddress]] = [:]
    /// The proxy goes on from test to test.
    var isKept = false
}

/// The proxy of a spec: the real core with the real script, driven by hand. Messages and time go in, messages, log lines and
/// counts come out.
final class SpecProxy {
    let sink = SpecSink()
    let log = SpecLog()
    private let clock = SpecClock()
    private let proxy: Proxy
    private let factory: RoutingFactory
    private let configuration: Configuration
    private let counters: CounterBlock
    private let names: SpecNames
    private let books: SpecBooks?
    private let node: StateNode
    private let transports: [Transport]
    private var tickedAt: UInt64
    /// Counts before the last request, for `state`.
    private var before: (stateless: UInt64, stateful: UInt64) = (0, 0)
    /// Nothing has happened to it yet.
    private(set) var isFresh = true

    /// What a wildcard listen address stands for.
    private static let machine = SocketAddress(ipv4: 0xC000_0201, port: 0)
    private static let hashKeyBytes = [UInt8](repeating: 7, count: 16)

    /// - Throws: what is wrong with the script, or what it uses.
    init(_ definition: SpecDefinition, scripts: SpecScripts) throws(RuntimeError) {
        var configuration = definition.configuration
        configuration.workers = .fixed(1)
        // Branches are the same in every run, for specs that compare them.
        if configuration.state.branchKey == nil { configuration.state.branchKey = Self.hashKeyBytes }
        self.configuration = configuration
        var factory = RoutingFactory(configuration, log: log.log)
        let clock = clock
        factory.rehearsal.path = definition.source?.path
        factory.rehearsal.text = definition.source?.text
        factory.rehearsal.lines = { scripts.lines(of: $0) }
        factory.rehearsal.clock = { clock.now }
        self.factory = factory
        let logic = try factory.make(configuration, workers: 1)
        let listeners = configuration.listenInOrder.enumerated().map { index, listen in
            var address = SocketAddress(listen.endpoint.description) ?? .none
            address.transport = Transport.allCases.first { "\($0.name)" == listen.transport.rawValue } ?? .udp
            if address.port == 0 { address.port = address.transport.defaultPort }
            return Listener(index: index, address: address)
        }
        transports = listeners.map(\.address.transport)
        var settings = ProxySettings(configuration, listeners: listeners, workerCount: 1, local: [Self.machine])
        // A spec needs little, and a thousand proxies are made and forgotten.
        settings.limits.transactionsMax = min(settings.limits.transactionsMax, Self.transactionsMax)
        settings.limits.dialogsMax = min(settings.limits.dialogsMax, Self.transactionsMax)
        settings.names.entriesMax = min(settings.names.entriesMax, Self.namesMax)
        let policySettings = PolicySettings(configuration.state)
        let policy = settings.policy
        node = StateNode(settings: settings, epoch: 1) { policy.make(policySettings) }
        counters = CounterBlock(count: ProxyCounter.allCases.count)
        names = SpecNames(definition.names)
        books = SpecBooks(configuration.accounting)
        proxy = Proxy(
            settings: settings, workerIndex: 0, logic: logic[0], sink: sink, counters: counters, peers: nil,
            streams: sink, desk: node.desks[0], now: clock.now,
            targetSource: configuration.dns.enabled ? names : nil, ledger: books?.ledger)
        tickedAt = clock.now
        let log = log
        proxy.targetNoted = { note in
            log.add(.warning, "\(note.set): \(note.uri) is \(note.condition.rawValue) by \(note.cause.rawValue)")
        }
    }

    deinit { counters.deallocate() }

    private static let transactionsMax = 4_096
    private static let namesMax = 256

    // MARK: Input

    /// - Parameter listener: from 1; 0: the first of the source's transport.
    /// - Returns: false when there is no such listener.
    func receive(_ bytes: [UInt8], from source: SocketAddress, listener: Int) -> Bool {
        let index = listener > 0 ? listener - 1 : transports.firstIndex(of: source.transport) ?? -1
        guard transports.indices.contains(index), transports[index] == source.transport else { return false }
        isFresh = false
        sink.noteReceived(bytes, from: source)
        if !bytes.starts(with: "SIP/2.0 ".utf8) {
            before = (value(.requestsForwardedStateless), value(.requestsForwardedStateful))
        }
        var bytes = bytes
        bytes.withUnsafeMutableBytes { proxy.received($0, from: source, listener: index, now: clock.now) }
        answerNames()
        return true
    }

    /// Lets time pass, timer by timer.
    func advance(milliseconds: UInt64) {
        isFresh = false
        let end = clock.now + milliseconds
        while true {
            let deadline = min(proxy.nextDeadline() ?? .max, nextTick ?? .max)
            guard deadline <= end else { break }
            clock.now = max(clock.now, deadline)
            tick()
            proxy.advance(to: clock.now)
            answerNames()
        }
        clock.now = end
        proxy.advance(to: end)
        answerNames()
    }

    private func answerNames() {
        while let answer = names.next() { proxy.answered(answer, now: clock.now) }
    }

    private var nextTick: UInt64? {
        node.needsTicks ? tickedAt + UInt64(configuration.state.periodMilliseconds) : nil
    }

    private func tick() {
        guard let next = nextTick, next <= clock.now else { return }
        tickedAt = clock.now
        node.tick(time: Double(clock.now) / 1_000, processors: 1)
    }

    /// False when the set has no such target, or there is no such set or state.
    func mark(_ uri: String, of set: String, as state: String) -> Bool {
        guard let mark = TargetMark(rawValue: state),
            let known = configuration.dispatcher.first(where: { $0.name == set })
        else { return false }
        isFresh = false
        return factory.targets.mark(uri, of: known, mark, now: clock.now)
    }

    // MARK: Output

    func value(_ counter: ProxyCounter) -> UInt64 { counters.value(counter.rawValue) }

    /// Accounting records, the oldest first; none without a sink in the configuration.
    var records: [ScriptValue] { books?.records(at: clock.now) ?? [] }

    /// How the last request was forwarded; nil: not at all.
    var state: String? {
        if value(.requestsForwardedStateful) > before.stateful { return "stateful" }
        return value(.requestsForwardedStateless) > before.stateless ? "stateless" : nil
    }
}
