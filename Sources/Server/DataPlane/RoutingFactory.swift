internal import Foundation
internal import Logging
package import ProxyCore
internal import Reactor
package import Scripting
internal import Storage

/// Makes the routing logic of each worker: a Lua script, or the native rules without one.
package struct RoutingFactory: Sendable {
    /// Bytes of a routing script; more is a mistake.
    static let scriptBytesMax = 4 << 20
    /// Bytes of a file of subscribers: some million of them.
    static let subscribersBytesMax = 256 << 20

    package let log: ScriptLog
    /// These outlive every script: what is registered stays through reloads, and nonces remain valid.
    package let registrar: Registrar
    /// What the registrar's table notes its changes in; nil without a store.
    let locationChanges: LocationChanges?
    let nonces: NonceBook
    let dictionaries = SharedDictionaries()
    /// How the targets of sets are.
    package let targets: TargetTable
    /// Tests of scripts look over their shoulder.
    package var rehearsal = Rehearsal()

    /// What tests of scripts do otherwise.
    package struct Rehearsal: Sendable {
        /// Take the place of the script that the configuration names.
        package var path: String?
        package var text: String?
        /// Is told of the script and its modules; what it answers notes which lines run.
        package var lines: @Sendable (ScriptSource) -> [LineRecord] = { _ in [] }
        package var clock: @Sendable () -> UInt64 = ScriptServices.monotonicMilliseconds

        package init() {}
    }

    package init(_ configuration: Configuration, log: ScriptLog) {
        self.log = log
        locationChanges = configuration.location.database.map { _ in
            LocationChanges(addressesMax: configuration.location.waitingMax)
        }
        let changes = locationChanges.map { [$0] } ?? []
        registrar = Registrar(
            Registrar.Settings(configuration.registrar), locations: LocationTable(changes: changes))
        targets = TargetTable(workers: DataPlane.workerCount(configuration))
        nonces = NonceBook(noncesMax: configuration.auth.noncesMax)
    }

    /// One logic a worker. On any thread; nothing that runs is touched.
    ///
    /// - Throws: what is wrong with the script.
    package func make(_ configuration: Configuration, workers: Int) throws(RuntimeError) -> [any RoutingLogic] {
        guard let path = rehearsal.path ?? configuration.script else {
            let nextHop = configuration.nextHop.flatMap { SocketAddress($0.description) } ?? .none
            let nextSet = configuration.nextSet.flatMap { name in
                configuration.dispatcher.firstIndex { $0.name == name }
            }
            return (0..<workers).map { worker in
                NativeRouting(
                    nextHop: nextHop, recordsRoute: configuration.recordRoute,
                    dispatcher: configuration.dispatcher.isEmpty
                        ? nil : Dispatcher(configuration.dispatcher, table: targets, worker: worker),
                    nextSet: nextSet)
            }
        }
        let text = if let text = rehearsal.text { text } else { try Self.read(path, as: "the routing script") }
        let source = ScriptSource(
            path: path, text: text, modules: try ModuleFolder.read(configuration.lua.modules, script: path))
        let shared = dictionaries.prepare(configuration.shared)
        var services = ScriptServices(
            registrar: registrar, authenticator: try authenticator(configuration.auth), dictionaries: shared)
        services.clock = rehearsal.clock
        services.permissions = AddressGroups(configuration.permissions.map { ($0.name, $0.rules) })
        var logics: [any RoutingLogic] = []
        for worker in 0..<workers {
            services.worker = worker
            services.dispatcher = Dispatcher(configuration.dispatcher, table: targets, worker: worker)
            do throws(ScriptError) {
                logics.append(
                    try ScriptRouting.load(
                        source, limits: Self.limits(configuration.lua), log: log, version: ServartukaVersion.current,
                        services: services, lines: rehearsal.lines(source)))
            } catch {
                throw RuntimeError(
                    "the routing script has errors",
                    problems: [
                        ScriptProblem(
                            file: error.file.isEmpty ? path : error.file, line: error.line, message: error.message)
                    ])
            }
        }
        dictionaries.keep(shared, as: configuration.shared)
        return logics
    }

    private func authenticator(_ auth: Configuration.Authentication) throws(RuntimeError) -> Authenticator {
        var settings = Authenticator.Settings()
        settings.nonceLifetimeMilliseconds = UInt64(auth.nonceLifetimeSeconds) * 1_000
        settings.algorithms =
            switch auth.algorithms {
            case .md5: [.md5]
            case .sha256: [.sha256]
            case .both: [.sha256, .md5]
            }
        guard let path = auth.subscribers else { return Authenticator(settings, nonces: nonces) }
        return Authenticator(settings, subscribers: try Self.subscribers(path), nonces: nonces)
    }

    /// Those of a SQLite database or of a file of comma-separated lines.
    private static func subscribers(_ path: String) throws(RuntimeError) -> SubscriberTable {
        if SubscriberDatabase.isOne(path) {
            do throws(StoreError) {
                return try SubscriberDatabase.read(path)
            } catch {
                throw RuntimeError(
                    "the database of subscribers cannot be used",
                    problems: [ScriptProblem(file: path, line: 0, message: error.description)])
            }
        }
        let text = try read(path, as: "the file of subscribers", bytesMax: subscribersBytesMax)
        do throws(SubscriberTable.Problem) {
            return try SubscriberTable(csv: text)
        } catch {
            throw RuntimeError(
                "the file of subscribers has errors",
                problems: [ScriptProblem(file: path, line: error.line, message: error.message)])
        }
    }

    static func read(
        _ path: String, as what: String, bytesMax: Int = scriptBytesMax
    ) throws(RuntimeError) -> String {
        let problem: String
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            if data.count <= bytesMax, let text = String(data: data, encoding: .utf8) { return text }
            problem = data.count > bytesMax ? "is larger than \(bytesMax) bytes" : "is not UTF-8 text"
        } catch {
            problem = "cannot be read: \((error as NSError).localizedDescription)"
        }
        throw RuntimeError("\(what) cannot be used", problems: [ScriptProblem(file: path, line: 0, message: problem)])
    }

    private static func limits(_ lua: Configuration.Lua) -> ScriptLimits {
        var limits = ScriptLimits()
        limits.handlerInstructionsMax = UInt64(lua.instructions)
        limits.handlerMilliseconds = UInt64(lua.milliseconds)
        limits.handlerBytesMax = lua.memoryBytes
        limits.vmBytesMax = lua.vmMemoryBytes
        limits.runsMax = lua.waitingMax + ScriptLimits.nestedRunsMax
        return limits
    }
}

extension Registrar.Settings {
    init(_ configuration: Configuration.Registrar) {
        self.init()
        minExpiresSeconds = configuration.minExpiresSeconds
        defaultExpiresSeconds = configuration.defaultExpiresSeconds
        maxExpiresSeconds = configuration.maxExpiresSeconds
        contactsMax = configuration.contactsMax
        bindingsMax = configuration.bindingsMax
    }
}

extension ScriptLog {
    /// Lines of scripts in the process's log, whose queue is bounded: a worker never waits for a disk.
    init(_ output: LogOutput) {
        let logger = output.logger(label: "script")
        self.init(isEnabled: { $0.loggerLevel >= logger.logLevel }) { level, text, callID in
            var metadata: Logger.Metadata = [:]
            if !callID.isEmpty { metadata["call_id"] = "\(String(decoding: callID, as: UTF8.self))" }
            logger.log(level: level.loggerLevel, "\(String(decoding: text, as: UTF8.self))", metadata: metadata)
        }
    }
}

extension ScriptLog.Level {
    fileprivate var loggerLevel: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}

/// Loads scripts and certificates as a start would, and runs nothing.
public struct RoutingScriptChecker: ScriptChecker {
    public init() {}

    public func check(_ configuration: Configuration) -> [ScriptProblem] {
        do throws(RuntimeError) {
            _ = try RoutingFactory(configuration, log: .silent).make(configuration, workers: 1)
            _ = try DataPlane.credentials(configuration)
            return []
        } catch {
            return error.problems
        }
    }
}
