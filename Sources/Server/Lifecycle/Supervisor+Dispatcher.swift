/// `servartuka ctl dispatcher list` and `dispatcher mark SET URI STATE`, and what the metrics page shows of targets.
extension Supervisor {
    func answerDispatcher(_ arguments: [String]) -> ControlAnswer {
        switch (arguments.first, arguments.count) {
        case ("list", 1): return .success(["targets": .array(runtime.targetStatus().map(\.json))])
        case ("mark", 4):
            do throws(RuntimeError) {
                try runtime.markTarget(arguments[2], of: arguments[1], as: arguments[3])
                return .success([
                    "set": .string(arguments[1]), "uri": .string(arguments[2]), "marked": .string(arguments[3]),
                ])
            } catch {
                return .failure(error.message)
            }
        default: return .failure("expected \"list\", or \"mark\", a set, the URI of a target and up, down or drained")
        }
    }

    func addTargets(to page: inout MetricsPage) {
        let targets = runtime.targetStatus()
        guard !targets.isEmpty else { return }
        let labels = ["set", "target"]
        page.add(
            MetricFamily(
                "servartuka_dispatcher_target_state", kind: .gauge, labels: labels + ["state"],
                help: "1 for the state that a target is in, 0 for the others."),
            targets.flatMap { target in
                TargetStatus.states.map { state in
                    MetricSample(labels: [target.set, target.uri, state], .integer(target.state == state ? 1 : 0))
                }
            })
        func add(_ name: String, _ value: KeyPath<TargetStatus, UInt64>, _ help: String) {
            page.add(
                MetricFamily("servartuka_dispatcher_\(name)_total", kind: .counter, labels: labels, help: help),
                targets.map { MetricSample(labels: [$0.set, $0.uri], .integer($0[keyPath: value])) })
        }
        add("selected", \.selected, "Times that a target was the first choice for a request.")
        add("failures", \.failures, "Requests that a target failed: no answer, not reachable, or 503.")
        add("probes", \.probes, "OPTIONS sent to a target.")
        add("probes_failed", \.probesFailed, "OPTIONS that a target did not answer, or not as one that is alive.")
    }
}

extension TargetStatus {
    static let states = ["up", "suspected", "resting", "down", "drained"]

    fileprivate var json: JSONValue {
        [
            "set": .string(set), "uri": .string(uri), "state": .string(state), "weight": .integer(weight),
            "priority": .integer(priority), "selected": .integer(Int(clamping: selected)),
            "failures": .integer(Int(clamping: failures)), "probes": .integer(Int(clamping: probes)),
            "probes_failed": .integer(Int(clamping: probesFailed)),
        ]
    }
}
