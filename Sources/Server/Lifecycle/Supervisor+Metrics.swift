internal import Reactor

/// The Prometheus page of one proxy.
extension Supervisor {
    private enum Family {
        static let build = MetricFamily(
            "servartuka_build_info", kind: .gauge, labels: ["version"], help: "Always 1; the label tells the version.")
        static let draining = MetricFamily(
            "servartuka_draining", kind: .gauge, help: "1 while the proxy finishes its transactions before it exits.")
        static let inFlight = MetricFamily(
            "servartuka_transactions_in_flight", kind: .gauge, help: "Transactions held now, over all workers.")
        static let generation = MetricFamily(
            "servartuka_script_generation", kind: .gauge, help: "How often the routing script has been loaded.")
        static let bindings = MetricFamily(
            "servartuka_location_bindings", kind: .gauge, help: "Contacts that the location table holds.")
        static let reloads = MetricFamily(
            "servartuka_reloads_total", kind: .counter, labels: ["result"], help: "Reloads by result.")
        static let logDropped = MetricFamily(
            "servartuka_log_lines_dropped_total", kind: .counter,
            help: "Log lines dropped because the reader of the log was too slow.")
        static let logFailed = MetricFamily(
            "servartuka_log_lines_failed_total", kind: .counter, help: "Log lines that could not be written.")
        static let logReopensFailed = MetricFamily(
            "servartuka_log_reopens_failed_total", kind: .counter,
            help: "Times the log file could not be opened anew; the old one is written on.")
        static let started = MetricFamily(
            "process_start_time_seconds", kind: .gauge,
            help: "Start time of the process since the Unix epoch in seconds.")
        static let cpu = MetricFamily(
            "process_cpu_seconds_total", kind: .counter, help: "Total user and system CPU time spent in seconds.")
        static let resident = MetricFamily(
            "process_resident_memory_bytes", kind: .gauge, help: "Resident memory size in bytes.")
        static let descriptors = MetricFamily(
            "process_open_fds", kind: .gauge, help: "Number of open file descriptors.")
    }

    /// Prometheus text, exposition format 0.0.4. From any thread.
    public func metricsText() -> String {
        let snapshot = runtime.snapshot()
        let state = shared.withLock { $0 }
        var page = MetricsPage()
        page.add(Family.build, [MetricSample(labels: [ServartukaVersion.current], .integer(1))])
        page.add(Family.draining, state.lifecycle.isDraining ? 1 : 0)
        page.add(Family.inFlight, UInt64(clamping: snapshot.transactionsInFlight))
        page.add(Family.generation, UInt64(clamping: snapshot.scriptGeneration))
        page.add(Family.bindings, UInt64(clamping: snapshot.bindings))
        page.add(
            Family.reloads,
            [
                MetricSample(labels: ["success"], .integer(state.reloadsSucceeded)),
                MetricSample(labels: ["failure"], .integer(state.reloadsFailed)),
            ])
        page.add(Family.logDropped, log.writer.droppedCount)
        page.add(Family.logFailed, log.writer.failedCount)
        page.add(Family.logReopensFailed, log.writer.reopenFailedCount)
        page.add(Family.started, [MetricSample(.number(process.startedSeconds))])
        page.add(Family.cpu, [MetricSample(.number(process.cpuSeconds))])
        if let bytes = process.residentBytes { page.add(Family.resident, bytes) }
        if let count = process.openDescriptors { page.add(Family.descriptors, count) }
        for (index, metric) in runtime.metrics.enumerated() {
            let samples = snapshot.workers.enumerated().compactMap { worker, values in
                index < values.count
                    ? MetricSample(labels: [String(worker)] + metric.labels, .integer(values[index])) : nil
            }
            page.add(metric.family, samples)
        }
        for value in snapshot.process {
            page.add(value.family, [MetricSample(labels: value.labels, .integer(value.value))])
        }
        addTargets(to: &page)
        runtime.stateStatus()?.add(to: &page)
        return page.text
    }
}
