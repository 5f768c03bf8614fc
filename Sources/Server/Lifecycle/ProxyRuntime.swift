/// The data plane as the program sees it: workers, transactions, scripts. Implemented over the reactor and the proxy
/// core; tests have one in memory.
///
/// Every call comes from control threads and may block for a bounded time; calls of `reload` never overlap.
public protocol ProxyRuntime: AnyObject, Sendable {
    /// The values that `snapshot` gives for each worker, in its order; fixed from the start on.
    var metrics: [RuntimeMetric] { get }

    /// Binds every listen address, loads the scripts and starts the workers.
    ///
    /// - Throws: when an address cannot be bound or a script is in error; nothing is left running then.
    func start() throws(RuntimeError)

    /// Takes over scripts and the settings that apply on a reload, on every worker or on none.
    ///
    /// - Throws: what is wrong with the scripts; the old ones serve on.
    func reload(_ configuration: Configuration) throws(RuntimeError)

    /// What can be read at once: counters of each worker and the state of the whole. Asked for at any time, also
    /// before `start` and after `stop`, and never waits for a worker that is busy.
    func snapshot() -> RuntimeSnapshot

    /// What is known and decided about state: who holds how much of it. nil before `start` and after `stop`; as quick.
    func stateStatus() -> StateStatus?

    /// Lists or changes what is registered, as `ctl location` asks.
    func answerLocation(_ arguments: JSONValue) -> ControlAnswer

    /// Every tracked dialog, the oldest first.
    func dialogStatus() -> [DialogStatus]

    /// Ends a tracked dialog: BYE to both sides, or CANCEL of an INVITE that nobody has answered.
    ///
    /// - Throws: when there is none of that ID.
    func terminateDialog(_ id: String) throws(RuntimeError)

    /// Opens files of accounting records anew, which may have been moved away.
    func reopenFiles()

    /// Every target of every set, in the order of the configuration.
    func targetStatus() -> [TargetStatus]

    /// Says how a target of a set is: "up", "down" or "drained".
    ///
    /// - Throws: when there is no such target, or no such state.
    func markTarget(_ uri: String, of set: String, as state: String) throws(RuntimeError)

    /// Refuses new dialogs from now on (503 with Retry-After); transactions in flight go on. May be called again.
    ///
    /// - Returns: false when a worker could not be told, its mailbox being full: to be called again a little later.
    func drain() -> Bool

    /// Ends the workers and waits for them. May be called again, and after a `start` that failed.
    func stop()
}

/// One value that each worker keeps: its family, and what its labels beside `worker` are.
public struct RuntimeMetric: Sendable, Equatable {
    /// Its first label is `worker`.
    public let family: MetricFamily
    /// One for each label name after `worker`.
    public let labels: [String]

    public init(_ family: MetricFamily, labels: [String] = []) {
        precondition(family.labelNames.first == "worker" && family.labelNames.count == labels.count + 1)
        precondition(family.kind != .histogram, "a worker's value is one number")
        self.family = family
        self.labels = labels
    }

    /// A counter or gauge with the worker as its only label.
    public init(_ name: String, kind: MetricKind, help: String) {
        self.init(MetricFamily(name, kind: kind, labels: ["worker"], help: help))
    }
}

/// The data plane at one moment.
public struct RuntimeSnapshot: Sendable, Equatable {
    /// For each worker the values of `ProxyRuntime.metrics`, in that order.
    public var workers: [[UInt64]]
    /// Addresses as bound, ports that were 0 filled in; for example `udp:192.0.2.1:5060`.
    public var listeners: [String]
    /// Transactions that a drain waits for.
    public var transactionsInFlight: Int
    /// Counts script loads; 0 without a script.
    public var scriptGeneration: Int
    /// Contacts that the location table holds.
    public var bindings: Int
    /// What the operator should know and may mend, for example buffers smaller than asked for; a sentence each.
    public var warnings: [String]
    /// Numbers of the process as a whole.
    public var process: [RuntimeValue]

    public init(
        workers: [[UInt64]] = [], listeners: [String] = [], transactionsInFlight: Int = 0, scriptGeneration: Int = 0,
        bindings: Int = 0, warnings: [String] = [], process: [RuntimeValue] = []
    ) {
        self.workers = workers
        self.listeners = listeners
        self.transactionsInFlight = transactionsInFlight
        self.scriptGeneration = scriptGeneration
        self.bindings = bindings
        self.warnings = warnings
        self.process = process
    }
}

/// One number that no single worker keeps.
public struct RuntimeValue: Sendable, Equatable {
    public let family: MetricFamily
    /// One for each label name of the family.
    public let labels: [String]
    public let value: UInt64

    public init(family: MetricFamily, labels: [String] = [], value: UInt64) {
        self.family = family
        self.labels = labels
        self.value = value
    }
}

/// Why the data plane did not start or reload.
public struct RuntimeError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    public var problems: [ScriptProblem]

    public init(_ message: String, problems: [ScriptProblem] = []) {
        self.message = message
        self.problems = problems
    }

    public var description: String { ([message] + problems.map(\.description)).joined(separator: "\n") }
}

/// One error in a routing script.
public struct ScriptProblem: Sendable, Equatable, CustomStringConvertible {
    public var file: String
    /// From 1; 0 when it is about the file as a whole.
    public var line: Int
    public var message: String

    public init(file: String, line: Int, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    public var description: String { line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)" }
}

/// Compiles scripts without running a proxy, for `servartuka check`.
public protocol ScriptChecker: Sendable {
    /// Every error found in the script that `configuration` names; empty when it would load.
    func check(_ configuration: Configuration) -> [ScriptProblem]
}
