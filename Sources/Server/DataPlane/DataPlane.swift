internal import DNSResolver
internal import Glibc
internal import ProxyCore
internal import Reactor
internal import SIPTransaction
internal import SIPTransport
internal import Scripting
internal import StatePolicy

/// The running proxy: a group of workers, a `Proxy` on each, and the routing logic they share by generation.
public final class DataPlane: ProxyRuntime {
    struct Running {
        var group: WorkerGroup?
        var streams: StreamHub?
        var configuration: Configuration
        var settings: ProxySettings?
        var state: StateControl?
        var resolver: Resolver?
        var stores: StoreThreads?
        var accounting: AccountingThreads?
        var scriptGeneration = 0
        /// About the sockets, found at the start.
        var warnings: [String] = []
    }

    let running: Monitor<Running>
    /// Proxy counters of each worker; made before the workers and never freed while this lives.
    let counters: [CounterBlock]
    /// What handling costs each worker; as long-lived.
    private let costs: [CounterBlock]
    let routing: RoutingFactory
    /// Tracked dialogs; they outlive every script.
    let dialogs: DialogTable
    /// nil: nothing is accounted.
    let accounting: AccountingPlan?
    let commandMilliseconds: Int
    let log: LogOutput

    /// - Parameters:
    ///   - routing: makes the routing logic of each worker from the configuration.
    ///   - log: where lines about held transactions go.
    ///   - commandMilliseconds: how long workers may take to run a command before a reload is given up.
    init(_ configuration: Configuration, routing: RoutingFactory, log: LogOutput, commandMilliseconds: Int) {
        counters = (0..<Self.workerCount(configuration)).map { _ in
            CounterBlock(count: ProxyCounter.allCases.count)
        }
        costs = counters.map { _ in CounterBlock(count: CostCounter.allCases.count) }
        running = Monitor(Running(configuration: configuration))
        self.routing = routing
        dialogs = DialogTable(dialogsMax: configuration.limits.dialogs, hashKey: .random())
        accounting = AccountingPlan(configuration.accounting)
        self.log = log
        self.commandMilliseconds = commandMilliseconds
    }

    static func workerCount(_ configuration: Configuration) -> Int {
        let wanted =
            switch configuration.workers {
            case .automatic: ProcessorQuota.current()
            case .fixed(let count): count
            }
        return min(wanted, Configuration.workersMax)
    }

    deinit {
        // The workers write their counters until their threads have ended.
        stop()
        for block in counters + costs { block.deallocate() }
    }

    // MARK: ProxyRuntime

    public let metrics: [RuntimeMetric] =
        ReactorCounter.allCases.map { counter in
            RuntimeMetric(
                "servartuka_\(counter.name)", kind: counter.name.hasSuffix("_total") ? .counter : .gauge,
                help: counter.help)
        }
        + ProxyCounter.allCases.map { counter in
            RuntimeMetric(
                "servartuka_\(counter.name)\(counter.isGauge ? "" : "_total")",
                kind: counter.isGauge ? .gauge : .counter,
                help: counter.help)
        }

    public func start() throws(RuntimeError) {
        do {
            try running.withLock { running in try start(&running) }
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError("\(error)")
        }
    }

    private func start(_ running: inout Running) throws {
        let configuration = running.configuration
        let wanted = configuration.listen(on: .udp)
        let addresses = wanted.compactMap { SocketAddress($0.endpoint.description) }
        precondition(addresses.count == wanted.count, "checked addresses are literal")
        var reactor = ReactorConfiguration(listen: addresses)
        reactor.workers = counters.count
        reactor.pinWorkers = configuration.pinWorkers
        reactor.batchMax = configuration.sockets.batch
        reactor.receiveBufferBytes = configuration.sockets.receiveBufferBytes
        reactor.sendBufferBytes = configuration.sockets.sendBufferBytes
        reactor.busyPollMicroseconds = configuration.sockets.busyPollMicroseconds
        reactor.gatherMicroseconds = configuration.sockets.gatherMicroseconds
        reactor.mailboxSlots = configuration.mailbox.slots
        reactor.kernelTimestamps = configuration.sharesState
        reactor.measuresTurns = configuration.sharesState
        let logics = try routing.make(configuration, workers: counters.count)
        // What was registered is known before the first socket opens.
        let stores = try makeStores(configuration)
        running.stores = stores
        running.accounting = try makeAccounting(configuration)
        let group = try WorkerGroup(reactor)
        let streams = try Self.streams(configuration, workers: group.workers)
        var isStarted = false
        defer { if !isStarted { streams?.stop() } }
        let bound = group.listeners + (streams?.listeners ?? []).map { Listener(index: $0.index, address: $0.address) }
        let settings = ProxySettings(configuration, listeners: bound, workerCount: counters.count)
        let policySettings = PolicySettings(configuration.state)
        let node = StateNode(settings: settings, epoch: Self.stateEpoch) { settings.policy.make(policySettings) }
        let (counters, costs, dialogs, ledger) = (counters, costs, dialogs, accounting?.ledger)
        let handed = Handover(logics)
        let resolver = try Self.makeResolver(configuration)
        let targetLog = Self.targetLog(log)
        let holderLog = settings.logsHolders ? Self.holderLog(log) : nil
        // In place before the workers run, so that whatever fails from here on, `stop` finds it.
        running.resolver = resolver
        try group.start { worker in
            let proxy = Proxy(
                settings: settings, workerIndex: worker.index, logic: handed.take(worker.index), sink: worker,
                counters: counters[worker.index], peers: WorkerLinks(worker: worker, counters: counters),
                streams: streams, desk: node.desks[worker.index], now: worker.now,
                meter: node.needsTicks ? CostMeter(counters: costs[worker.index]) : nil,
                targetSource: resolver.map { DNSTargets($0, worker: worker) }, dialogs: dialogs,
                ledger: ledger)
            proxy.holderNoted = holderLog
            proxy.targetNoted = targetLog
            return proxy
        }
        do {
            running.state = try StateControl(node, workers: group.workers, costs: costs, configuration.state)
        } catch {
            group.stop()
            throw error
        }
        isStarted = true
        running.group = group
        running.streams = streams
        running.settings = settings
        running.scriptGeneration = configuration.script == nil ? 0 : 1
        running.warnings = Self.bufferWarnings(group, asked: configuration.sockets)
    }

    public func snapshot() -> RuntimeSnapshot {
        running.withLock { running in
            guard let group = running.group else { return RuntimeSnapshot() }
            let values = zip(group.workers, counters).map { worker, block in
                ReactorCounter.allCases.map { worker.counters.value($0.rawValue) }
                    + ProxyCounter.allCases.map { block.value($0.rawValue) }
            }
            let inFlight = counters.reduce(0) { sum, block in
                sum + Int(block.value(ProxyCounter.requestsOpen.rawValue))
            }
            let streams = running.streams
            return RuntimeSnapshot(
                workers: values,
                listeners: group.listeners.map { "udp:\($0.address)" }
                    + (streams?.listeners ?? []).map { "\($0.address.transport.name):\($0.address)" },
                transactionsInFlight: inFlight, scriptGeneration: running.scriptGeneration,
                bindings: routing.registrar.locations.count, warnings: running.warnings,
                process: dialogValues + (streams.map(Self.values(of:)) ?? []) + (running.stores?.values ?? [])
                    + (running.accounting?.values ?? []) + routing.dictionaries.values)
        }
    }

    public func answerLocation(_ arguments: JSONValue) -> ControlAnswer {
        LocationDesk(registrar: routing.registrar).answer(arguments)
    }

    public func drain() -> Bool {
        let workers = running.withLock { running in running.group?.workers ?? [] }
        var told = 0
        for worker in workers where worker.post({ _, delegate in (delegate as? Proxy)?.isDraining = true }) {
            told += 1
        }
        return told == workers.count
    }

    public func stop() {
        let (group, state, streams, resolver, stores, accounting) = running.withLock { running in
            defer {
                (running.group, running.state, running.streams) = (nil, nil, nil)
                (running.resolver, running.stores, running.accounting) = (nil, nil, nil)
            }
            return (
                running.group, running.state, running.streams, running.resolver, running.stores, running.accounting
            )
        }
        state?.stop()
        streams?.stop()
        group?.stop()
        resolver?.stop()
        // Last: what the workers took until now is written.
        stores?.stop()
        accounting?.stop()
    }
}

extension DataPlane {
    /// The data plane of a configuration, with its script or without. Lines of scripts go to `log`.
    ///
    /// - Parameter commandMilliseconds: how long workers may take to answer before a reload is given up.
    public static func make(
        _ configuration: Configuration, log: LogOutput, commandMilliseconds: Int = 5_000
    ) -> DataPlane {
        DataPlane(
            configuration,
            routing: RoutingFactory(configuration, log: ScriptLog(log)),
            log: log, commandMilliseconds: commandMilliseconds)
    }

    /// What the kernel granted less of than was asked for, and how to mend it.
    private static func bufferWarnings(_ group: WorkerGroup, asked: Configuration.Sockets) -> [String] {
        // The same for all sockets of the process. The kernel counts twice as many, in 32 bits.
        let possible = Int(Int32.max) / 2
        guard let granted = group.grantedBufferBytes(listener: 0) else { return [] }
        return [
            ("sockets.receive_buffer_bytes", asked.receiveBufferBytes, granted.receive, "net.core.rmem_max"),
            ("sockets.send_buffer_bytes", asked.sendBufferBytes, granted.send, "net.core.wmem_max"),
        ].compactMap { key, asked, granted, limit in
            granted >= min(asked, possible)
                ? nil
                : "\(key): the kernel granted \(granted) bytes of \(asked); raise its limit with "
                    + "`sysctl -w \(limit)=\(asked)` or give the process CAP_NET_ADMIN"
        }
    }
}
