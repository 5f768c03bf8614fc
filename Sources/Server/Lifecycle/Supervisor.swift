internal import Logging
internal import Reactor

/// Runs a proxy from its first worker to its last: signals, reloads, draining, and what `ctl` asks.
///
/// One thread calls `run`; signals and control clients post events to it. A reload runs on the thread that asks for
/// it, one at a time: `ctl reload` on the control thread, which has its result for the client, SIGHUP on `run`'s.
public final class Supervisor: Sendable {
    public typealias ConfigurationSource = @Sendable () -> Result<LoadedConfiguration, ConfigurationFailure>

    struct Shared {
        var lifecycle = Lifecycle()
        var events: [LifecycleEvent] = []
        /// A drain has begun and not every worker could be told yet.
        var drainIsUntold = false
        var loaded: LoadedConfiguration
        var reloadsSucceeded: UInt64 = 0
        var reloadsFailed: UInt64 = 0
        var lastReloadError: String?
    }

    let shared: Monitor<Shared>
    let runtime: any ProxyRuntime
    let log: LogOutput
    let process = ProcessStatistics()
    private let logger: Logger
    private let source: ConfigurationSource
    private let reloading = Monitor(())

    /// - Parameter source: reads the configuration anew at each reload.
    public init(
        loaded: LoadedConfiguration, runtime: any ProxyRuntime, log: LogOutput,
        source: @escaping ConfigurationSource
    ) {
        shared = Monitor(Shared(loaded: loaded))
        self.runtime = runtime
        self.log = log
        self.source = source
        logger = log.logger(label: ServartukaVersion.name)
    }

    /// From any thread, at any time; events after the end are ignored.
    public func post(_ event: LifecycleEvent) {
        shared.withLock { $0.events.append(event) }
        shared.notify()
    }

    /// How often a draining proxy looks whether it is done.
    private static let drainTickMilliseconds = 100

    /// Blocks until the proxy has ended, and stops the runtime; gives the reason.
    public func run() -> Lifecycle.Ending {
        while true {
            let draining = shared.withLock { $0.lifecycle.isDraining }
            let event = shared.wait(
                milliseconds: draining ? Supervisor.drainTickMilliseconds : nil, until: { !$0.events.isEmpty },
                then: { $0.events.isEmpty ? nil : $0.events.removeFirst() })
            if event == nil { tellDrain() }
            if let ending = handle(event ?? .tick(inFlight: runtime.snapshot().transactionsInFlight)) {
                runtime.stop()
                return ending
            }
        }
    }

    private func handle(_ event: LifecycleEvent) -> Lifecycle.Ending? {
        let now = MonotonicClock.milliseconds
        let (action, drainSeconds) = shared.withLock { shared in
            let seconds = shared.loaded.configuration.drainSeconds
            return (shared.lifecycle.handle(event, now: now, drainMilliseconds: seconds * 1_000), seconds)
        }
        switch action {
        case .none: return nil
        case .reload:
            _ = reload()
            return nil
        case .refuseReload:
            logger.warning("reload ignored: the proxy is draining")
            return nil
        case .beginDrain:
            logger.notice("draining", metadata: ["drain_seconds": "\(drainSeconds)"])
            shared.withLock { $0.drainIsUntold = true }
            tellDrain()
            return nil
        case .end(let ending):
            let left = runtime.snapshot().transactionsInFlight
            logger.notice("stopping", metadata: ["reason": "\(ending.rawValue)", "transactions": "\(left)"])
            return ending
        }
    }

    /// A full mailbox must not lose the drain: tried again at every tick until all workers are told.
    private func tellDrain() {
        guard shared.withLock({ $0.drainIsUntold }), runtime.drain() else { return }
        shared.withLock { $0.drainIsUntold = false }
    }

    // MARK: Reload

    /// What a reload that succeeded did.
    public struct ReloadReport: Sendable, Equatable {
        public var scriptGeneration: Int
        /// Keys that changed and apply now.
        public var applied: [String]
        /// Keys that changed and wait for a restart.
        public var pending: [String]
    }

    /// Reads the configuration, compiles the scripts and takes both over, or neither. From any thread.
    public func reload() -> Result<ReloadReport, RuntimeError> {
        let result = reloading.withLock { _ in reloadAlone() }
        switch result {
        case .success(let report):
            shared.withLock { shared in
                shared.reloadsSucceeded &+= 1
                shared.lastReloadError = nil
            }
            logger.notice("reloaded", metadata: Self.metadata(report))
        case .failure(let error):
            shared.withLock { shared in
                shared.reloadsFailed &+= 1
                shared.lastReloadError = error.description
            }
            logger.error("reload refused, the old configuration and scripts serve on", metadata: ["error": "\(error)"])
        }
        return result
    }

    private func reloadAlone() -> Result<ReloadReport, RuntimeError> {
        // Rotated log files are opened anew even when the rest of the reload fails.
        log.writer.reopen()
        runtime.reopenFiles()
        let fresh: LoadedConfiguration
        switch source() {
        case .success(let loaded): fresh = loaded
        case .failure(let failure): return .failure(RuntimeError("the configuration has errors", failure.diagnostics))
        }
        for warning in fresh.warnings { logger.warning("\(warning)") }
        let old = shared.withLock { $0.loaded }
        var merged = old
        var report = ReloadReport(scriptGeneration: 0, applied: [], pending: [])
        for setting in Setting.all where setting.differs(old.configuration, fresh.configuration) {
            if setting.appliesOnReload {
                setting.copy(from: fresh.configuration, to: &merged.configuration)
                merged.origins[setting.key] = fresh.origins[setting.key]
                report.applied.append(setting.key)
            } else {
                report.pending.append(setting.key)
            }
        }
        do {
            try runtime.reload(merged.configuration)
        } catch {
            return .failure(error)
        }
        merged.warnings = fresh.warnings
        shared.withLock { $0.loaded = merged }
        log.setLevel(merged.configuration.logging.level)
        report.scriptGeneration = runtime.snapshot().scriptGeneration
        return .success(report)
    }

    private static func metadata(_ report: ReloadReport) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["script_generation": "\(report.scriptGeneration)"]
        if !report.applied.isEmpty { metadata["applied"] = "\(report.applied.joined(separator: " "))" }
        if !report.pending.isEmpty { metadata["needs_restart"] = "\(report.pending.joined(separator: " "))" }
        return metadata
    }
}

extension Lifecycle {
    var isDraining: Bool {
        if case .draining = state { true } else { false }
    }

    /// For status and messages.
    var stateName: String {
        switch state {
        case .running: "running"
        case .draining: "draining"
        case .stopped: "stopped"
        }
    }
}

extension RuntimeError {
    /// Errors of the configuration in the form of script problems, so that `ctl reload` shows both alike.
    init(_ message: String, _ diagnostics: [ConfigurationDiagnostic]) {
        self.init(
            message,
            problems: diagnostics.filter { $0.severity == .error }.map { diagnostic in
                let subject = diagnostic.key.isEmpty ? "" : "\(diagnostic.key): "
                return ScriptProblem(
                    file: diagnostic.origin.description, line: 0, message: subject + diagnostic.message)
            })
    }
}
