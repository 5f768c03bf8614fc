internal import Glibc
internal import ProxyCore
internal import Reactor
internal import Scripting
internal import Synchronization

/// The running proxy: a group of workers, a `Proxy` on each, and the routing logic they share by generation.
public final class DataPlane: ProxyRuntime {
    private struct Running {
        var group: WorkerGroup?
        var configuration: Configuration
        var settings: ProxySettings?
        var scriptGeneration = 0
    }

    private let running: Mutex<Running>
    /// Proxy counters of each worker; made before the workers and never freed while this lives.
    private let counters: [CounterBlock]
    private let routing: RoutingFactory

    /// - Parameter routing: makes the routing logic of each worker from the configuration.
    init(_ configuration: Configuration, routing: RoutingFactory) {
        let workerCount =
            switch configuration.workers {
            case .automatic: ProcessorQuota.current()
            case .fixed(let count): count
            }
        counters = (0..<workerCount).map { _ in CounterBlock(count: ProxyCounter.allCases.count) }
        running = Mutex(Running(configuration: configuration))
        self.routing = routing
    }

    deinit {
        for block in counters { block.deallocate() }
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
        let addresses = configuration.listen.compactMap { SocketAddress($0.endpoint.description) }
        precondition(addresses.count == configuration.listen.count, "checked addresses are literal")
        var reactor = ReactorConfiguration(listen: addresses)
        reactor.workers = counters.count
        reactor.pinWorkers = configuration.pinWorkers
        reactor.batchMax = configuration.sockets.batch
        reactor.receiveBufferBytes = configuration.sockets.receiveBufferBytes
        reactor.sendBufferBytes = configuration.sockets.sendBufferBytes
        reactor.busyPollMicroseconds = configuration.sockets.busyPollMicroseconds
        reactor.gatherMicroseconds = configuration.sockets.gatherMicroseconds
        reactor.mailboxSlots = configuration.mailbox.slots
        let logics = try routing.make(configuration, workers: counters.count)
        let group = try WorkerGroup(reactor)
        let settings = ProxySettings(configuration, listeners: group.listeners, workerCount: counters.count)
        let counters = counters
        let handed = Handover(logics)
        try group.start { worker in
            Proxy(
                settings: settings, workerIndex: worker.index, logic: handed.take(worker.index), sink: worker,
                counters: counters[worker.index], peers: WorkerLinks(worker: worker, counters: counters),
                now: worker.now)
        }
        running.group = group
        running.settings = settings
        running.scriptGeneration = configuration.script == nil ? 0 : 1
    }

    public func reload(_ configuration: Configuration) throws(RuntimeError) {
        // All logics are made before any worker sees one: a script in error changes nothing.
        let logics = try routing.make(configuration, workers: counters.count)
        let handed = Handover(logics)
        let workers = running.withLock { running in running.group?.workers ?? [] }
        let outcome = Mutex((answered: 0, refused: 0))
        for worker in workers {
            let posted = worker.post { worker, delegate in
                let installed = (delegate as? Proxy)?.install(handed.take(worker.index)) ?? false
                outcome.withLock { $0 = ($0.answered + 1, $0.refused + (installed ? 0 : 1)) }
            }
            if !posted { outcome.withLock { $0 = ($0.answered + 1, $0.refused + 1) } }
        }
        waitUntil { outcome.withLock { $0.answered } == workers.count }
        let taken = outcome.withLock { $0.answered - $0.refused }
        guard taken == workers.count else {
            throw RuntimeError("only \(taken) of \(workers.count) workers took the new scripts over; reload again")
        }
        running.withLock { running in
            running.configuration = configuration
            if configuration.script != nil { running.scriptGeneration += 1 }
        }
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
            return RuntimeSnapshot(
                workers: values, listeners: group.listeners.map { "udp:\($0.address)" }, transactionsInFlight: inFlight,
                scriptGeneration: running.scriptGeneration)
        }
    }

    public func drain() {
        let workers = running.withLock { running in running.group?.workers ?? [] }
        for worker in workers {
            _ = worker.post { _, delegate in (delegate as? Proxy)?.isDraining = true }
        }
    }

    public func stop() {
        let group = running.withLock { running in
            defer { running.group = nil }
            return running.group
        }
        group?.stop()
    }

    /// How long workers may take to run a command before the caller goes on without them.
    private static let commandMilliseconds = 5_000

    private func waitUntil(_ condition: () -> Bool) {
        let deadline = MonotonicClock.milliseconds + Self.commandMilliseconds
        while !condition(), MonotonicClock.milliseconds < deadline { usleep(200) }
    }
}

/// Carries one routing logic to each worker's thread. Made on a control thread, each is taken exactly once by the
/// worker that owns it from then on.
private final class Handover: Sendable {
    private struct Logics: @unchecked Sendable {
        // Unchecked: a logic is touched by one thread at a time, first the maker, after `take` its worker.
        var waiting: [(any RoutingLogic)?]
    }

    private let logics: Mutex<Logics>

    init(_ logics: [any RoutingLogic]) {
        self.logics = Mutex(Logics(waiting: logics))
    }

    func take(_ worker: Int) -> any RoutingLogic {
        logics.withLock { logics in
            guard let logic = logics.waiting[worker] else { preconditionFailure("a worker's logic was taken twice") }
            logics.waiting[worker] = nil
            return logic
        }
    }
}

extension DataPlane {
    /// The data plane of a configuration, with its script or without. Lines of scripts go to `log`.
    public static func make(_ configuration: Configuration, log: LogOutput) -> DataPlane {
        DataPlane(configuration, routing: RoutingFactory(log: ScriptLog(log)))
    }
}
