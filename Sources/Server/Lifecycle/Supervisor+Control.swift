internal import Reactor

/// What `servartuka ctl` asks, answered on the control thread.
extension Supervisor {
    public func answer(_ request: ControlRequest) -> ControlAnswer {
        switch request.command {
        case .status: return .success(status())
        case .stats: return .success(stats())
        case .state: return answerState()
        case .metrics: return .success(["text": .string(metricsText())])
        case .location: return runtime.answerLocation(request.arguments ?? .null)
        case .reload: return answerReload()
        case .dialog: return answerDialog(request.words)
        case .dispatcher: return answerDispatcher(request.words)
        case .drain:
            // Only the first one counts: a second SIGTERM stops at once, a second `ctl drain` must not.
            let wasDraining = shared.withLock { shared in
                let already = shared.lifecycle.isDraining || shared.events.contains(.terminate)
                if !already { shared.events.append(.terminate) }
                return already
            }
            shared.notify()
            let inFlight = runtime.snapshot().transactionsInFlight
            return .success([
                "state": "draining", "already_draining": .boolean(wasDraining),
                "transactions_in_flight": .integer(inFlight),
            ])
        case .stop:
            post(.stop)
            return .success(["state": "stopping"])
        }
    }

    private func answerReload() -> ControlAnswer {
        guard !shared.withLock({ $0.lifecycle.isDraining }) else { return .failure("the proxy is draining") }
        switch reload() {
        case .success(let report):
            return .success([
                "script_generation": .integer(report.scriptGeneration),
                "applied": .array(report.applied.map { .string($0) }),
                "needs_restart": .array(report.pending.map { .string($0) }),
            ])
        case .failure(let error):
            return .failure(error.message, details: error.problems.map(\.description))
        }
    }

    private func answerState() -> ControlAnswer {
        guard let status = runtime.stateStatus() else { return .failure("the workers have not started yet") }
        return .success(status.json(time: ProcessStatistics.timeSeconds))
    }

    private func status() -> JSONValue {
        let snapshot = runtime.snapshot()
        let state = shared.withLock { $0 }
        let configuration = state.loaded.configuration
        return [
            "name": .string(ServartukaVersion.name),
            "version": .string(ServartukaVersion.current),
            "pid": .integer(Int(ProcessStatistics.processID)),
            "state": .string(state.lifecycle.stateName),
            "uptime_seconds": .integer(process.uptimeSeconds),
            "configuration": state.loaded.file.map { .string($0) } ?? .null,
            "script": configuration.script.map { .string($0) } ?? .null,
            "script_generation": .integer(snapshot.scriptGeneration),
            "listeners": .array(snapshot.listeners.map { .string($0) }),
            "workers": .integer(snapshot.workers.count),
            "transactions_in_flight": .integer(snapshot.transactionsInFlight),
            "reloads": [
                "succeeded": .integer(Int(clamping: state.reloadsSucceeded)),
                "failed": .integer(Int(clamping: state.reloadsFailed)),
                "last_error": state.lastReloadError.map { .string($0) } ?? .null,
            ],
            "log_lines_dropped": .integer(Int(clamping: log.writer.droppedCount)),
            "settings": .object(
                state.loaded.settings.map {
                    (key: $0.key, value: ["value": .string($0.value), "origin": .string($0.origin.description)])
                }),
        ]
    }

    /// Each value of the data plane: the total, and each worker's share where workers keep it.
    private func stats() -> JSONValue {
        let snapshot = runtime.snapshot()
        let rows = runtime.metrics.enumerated().map { index, metric in
            let shares = snapshot.workers.map { index < $0.count ? $0[index] : 0 }
            let labels = zip(metric.family.labelNames.dropFirst(), metric.labels)
            return [
                "name": .string(metric.family.name),
                "labels": .object(labels.map { (key: $0, value: .string($1)) }),
                "total": .integer(Int(clamping: shares.reduce(0) { $0 &+ $1 })),
                "workers": .array(shares.map { .integer(Int(clamping: $0)) }),
            ] as JSONValue
        }
        let ofProcess = snapshot.process.map { value in
            [
                "name": .string(value.family.name),
                "labels": .object(zip(value.family.labelNames, value.labels).map { (key: $0, value: .string($1)) }),
                "total": .integer(Int(clamping: value.value)),
            ] as JSONValue
        }
        return ["stats": .array(rows + ofProcess)]
    }
}
