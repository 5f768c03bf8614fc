internal import Logging

/// A whole proxy process: configuration to exit status.
public enum Server {
    /// Exit statuses of `run` and `check`.
    public enum Exit {
        public static let success: Int32 = 0
        /// The configuration, a script, an address or the control socket is not usable.
        public static let failure: Int32 = 1
    }

    public typealias RuntimeFactory = (LoadedConfiguration, LogOutput) -> any ProxyRuntime

    /// How long the last log lines may take at the end.
    private static let lastLinesMilliseconds = 1_000

    /// Runs until a signal or `ctl` ends it. `Signals.block()` must have been called before.
    ///
    /// - Parameter report: what goes to standard error before the log is open, line by line.
    public static func run(
        configurationPath: String?, environment: [String: String], makeRuntime: RuntimeFactory,
        report: (String) -> Void
    ) -> Int32 {
        let source: Supervisor.ConfigurationSource = {
            do throws(ConfigurationFailure) {
                return .success(try ConfigurationLoader.load(path: configurationPath, environment: environment))
            } catch {
                return .failure(error)
            }
        }
        let loaded: LoadedConfiguration
        switch source() {
        case .success(let configuration): loaded = configuration
        case .failure(let failure):
            for diagnostic in failure.diagnostics { report(diagnostic.description) }
            return Exit.failure
        }
        let log: LogOutput
        do {
            log = try LogOutput(loaded.configuration.logging)
        } catch {
            report("logging.destination: \(loaded.configuration.logging.destination): \(error)")
            return Exit.failure
        }
        defer {
            log.writer.flush(milliseconds: lastLinesMilliseconds)
            log.writer.close()
        }
        let supervisor = Supervisor(
            loaded: loaded, runtime: makeRuntime(loaded, log), log: log, source: source)
        return serve(loaded, supervisor, log)
    }

    private static func serve(_ loaded: LoadedConfiguration, _ supervisor: Supervisor, _ log: LogOutput) -> Int32 {
        let logger = log.logger(label: ServartukaVersion.name)
        for warning in loaded.warnings { logger.warning("\(warning)") }
        var control: ControlServer?
        do {
            // Before any address is bound: two proxies by mistake end here, without sharing traffic for a moment.
            if let path = loaded.configuration.control.socket {
                control = try ControlServer(path: path) { supervisor.answer($0) }
            }
            try Signals.forward { supervisor.post($0) }
            try supervisor.runtime.start()
        } catch {
            if let problem = error as? RuntimeError {
                for detail in problem.problems { logger.critical("\(detail)") }
                logger.critical("cannot start", metadata: ["error": "\(problem.message)"])
            } else {
                logger.critical("cannot start", metadata: ["error": "\(error)"])
            }
            control?.stop()
            return Exit.failure
        }
        Banner.write(loaded, supervisor.runtime.snapshot(), to: logger)
        _ = supervisor.run()
        control?.stop()
        logger.notice("stopped")
        return Exit.success
    }
}

/// The lines that a starting proxy writes: what it is, where it listens, and every limit that it runs under.
enum Banner {
    static func write(_ loaded: LoadedConfiguration, _ snapshot: RuntimeSnapshot, to logger: Logger) {
        let configuration = loaded.configuration
        logger.notice(
            "\(ServartukaVersion.name) \(ServartukaVersion.current) started",
            metadata: [
                "pid": "\(ProcessStatistics.processID)", "configuration": "\(loaded.file ?? "none")",
                "routing": "\(routing(configuration))", "workers": "\(snapshot.workers.count)",
            ])
        for listener in snapshot.listeners { logger.notice("listening", metadata: ["address": "\(listener)"]) }
        for warning in snapshot.warnings { logger.warning("\(warning)") }
        for section in Setting.sections {
            var values: Logger.Metadata = [:]
            for setting in Setting.all where setting.section == section {
                values[setting.name] = "\(setting.text(in: configuration))"
            }
            logger.info("settings of \(section)", metadata: values)
        }
    }

    private static func routing(_ configuration: Configuration) -> String {
        if let script = configuration.script { return script }
        if let nextHop = configuration.nextHop { return "native, next hop \(nextHop)" }
        return "native, by Request-URI"
    }
}
