internal import Glibc
internal import ProxyCore
internal import Reactor
internal import SIPTransport

/// A reload in two phases, so that new scripts are on every worker or on none.
///
/// First each worker is asked whether it can take one more generation over; one that says no or nothing at all ends the
/// reload before anything has changed. Then the installs are posted. The first worker that runs one decides for all: from
/// then on the others follow, a late one before it routes its next request. While none has, the reload can still be called off.
extension DataPlane {
    /// A worker with so many generations in use says no: well within what `Proxy.install` takes, so that a worker that has said
    /// yes takes the next one.
    private static let generationsMax = 1_024

    public func reload(_ configuration: Configuration) throws(RuntimeError) {
        // All logics are made before any worker sees one: a script in error changes nothing.
        let logics = try routing.make(configuration, workers: counters.count)
        let credentials = try Self.credentials(configuration)
        let (workers, streams) = running.withLock { running in (running.group?.workers ?? [], running.streams) }
        try askAll(workers)
        try install(logics, on: workers)
        if let credentials { streams?.replace(credentials) }
        routing.targets.forget(allBut: configuration.dispatcher)
        running.withLock { running in
            running.configuration = configuration
            if configuration.script != nil { running.scriptGeneration += 1 }
        }
    }

    private func askAll(_ workers: [Worker]) throws(RuntimeError) {
        let progress = ReloadProgress()
        let deadline = MonotonicClock.milliseconds + commandMilliseconds
        for worker in workers {
            let posted = post(to: worker, until: deadline) { worker, delegate in
                let canTake = ((delegate as? Proxy)?.generationsInUse ?? .max) < Self.generationsMax
                progress.answer(worker.index, canTake)
            }
            guard posted else { break }
        }
        waitUntil(deadline) { progress.answers.count == workers.count }
        let answers = progress.answers
        let silent = workers.map(\.index).filter { answers[$0] == nil }
        guard silent.isEmpty else {
            throw RuntimeError("\(Self.names(silent)) did not answer; nothing was changed, reload again")
        }
        let full = workers.map(\.index).filter { answers[$0] == false }
        guard full.isEmpty else {
            throw RuntimeError(
                "\(Self.names(full)) still had transactions of \(Self.generationsMax) older scripts; nothing was changed"
            )
        }
    }

    private func install(_ logics: [any RoutingLogic], on workers: [Worker]) throws(RuntimeError) {
        let handed = Handover(logics)
        let progress = ReloadProgress()
        let deadline = MonotonicClock.milliseconds + commandMilliseconds
        for worker in workers {
            let posted = post(to: worker, until: deadline) { worker, delegate in
                guard progress.decide(), let proxy = delegate as? Proxy else { return }
                progress.answer(worker.index, proxy.install(handed.take(worker.index)))
            }
            if !posted {
                guard !progress.cancel() else {
                    throw RuntimeError("worker \(worker.index) took no command; nothing was changed, reload again")
                }
                // It had answered a moment ago.
                throw RuntimeError("worker \(worker.index) took no command and keeps the old scripts; reload again")
            }
        }
        waitUntil(deadline) { progress.answers.count == workers.count }
        guard !progress.cancel() else {
            throw RuntimeError("no worker answered; nothing was changed, reload again")
        }
        let refused = progress.answers.filter { !$0.value }.keys.sorted()
        precondition(refused.isEmpty, "a worker that can take a generation over takes it")
    }

    /// A full mailbox is tried again until the deadline.
    private func post(to worker: Worker, until deadline: Int, _ command: @escaping Worker.Command) -> Bool {
        var posted = worker.post(command)
        waitUntil(deadline) {
            if !posted { posted = worker.post(command) }
            return posted
        }
        return posted
    }

    private func waitUntil(_ deadline: Int, _ condition: () -> Bool) {
        while !condition(), MonotonicClock.milliseconds < deadline { usleep(200) }
    }

    private static func names(_ workers: [Int]) -> String {
        "\(workers.count == 1 ? "worker" : "workers") \(workers.map(String.init).joined(separator: ", "))"
    }
}

/// What the workers have said to one phase of a reload. Shared by the control thread and the workers; outlives the reload
/// when a worker is late.
private final class ReloadProgress: Sendable {
    private enum Decision {
        case open
        case made
        case cancelled
    }

    private struct State {
        var decision = Decision.open
        var answers: [Int: Bool] = [:]
    }

    private let state = Monitor(State())

    /// By worker.
    var answers: [Int: Bool] { state.withLock { $0.answers } }

    func answer(_ worker: Int, _ answer: Bool) { state.withLock { $0.answers[worker] = answer } }

    /// A worker is about to take the scripts over: false when that was called off.
    func decide() -> Bool {
        state.withLock { state in
            if state.decision == .open { state.decision = .made }
            return state.decision == .made
        }
    }

    /// Calls it off; false when a worker was first.
    func cancel() -> Bool {
        state.withLock { state in
            if state.decision == .open { state.decision = .cancelled }
            return state.decision == .cancelled
        }
    }
}

/// Carries one routing logic to each worker's thread. Made on a control thread, each is taken exactly once by the
/// worker that owns it from then on.
final class Handover: Sendable {
    private struct Logics: @unchecked Sendable {
        // Unchecked: a logic is touched by one thread at a time, first the maker, after `take` its worker.
        var waiting: [(any RoutingLogic)?]
    }

    private let logics: Monitor<Logics>

    init(_ logics: [any RoutingLogic]) {
        self.logics = Monitor(Logics(waiting: logics))
    }

    func take(_ worker: Int) -> any RoutingLogic {
        logics.withLock { logics in
            guard let logic = logics.waiting[worker] else { preconditionFailure("a worker's logic was taken twice") }
            logics.waiting[worker] = nil
            return logic
        }
    }
}
