internal import Reactor
internal import Scripting

/// The dictionaries that scripts share, which outlive every script. On control threads.
struct SharedDictionaries: Sendable {
    private let current = Monitor<[SharedDictionary]>([])

    /// Those of a configuration: the ones in use by their names, and new ones.
    func prepare(_ wanted: [Configuration.SharedMemory]) -> [SharedDictionary] {
        let known = current.withLock { $0 }
        return wanted.map { memory in
            known.first { $0.name == memory.name } ?? SharedDictionary(name: memory.name, bytesMax: memory.bytes)
        }
    }

    /// The scripts that use them have loaded. A dictionary that is no longer declared goes with the last script that
    /// knows it.
    func keep(_ dictionaries: [SharedDictionary], as wanted: [Configuration.SharedMemory]) {
        for (dictionary, memory) in zip(dictionaries, wanted) { dictionary.limit(bytes: memory.bytes) }
        current.withLock { $0 = dictionaries }
    }

    // MARK: Metrics

    private static let entries = MetricFamily(
        "servartuka_shared_entries", kind: .gauge, labels: ["dictionary"], help: "Keys in a shared dictionary.")
    private static let bytes = MetricFamily(
        "servartuka_shared_bytes", kind: .gauge, labels: ["dictionary"],
        help: "Memory of a shared dictionary's entries.")
    private static let evictions = MetricFamily(
        "servartuka_shared_evictions_total", kind: .counter, labels: ["dictionary"],
        help: "Entries of a shared dictionary that made room for others before their time.")
    private static let refusals = MetricFamily(
        "servartuka_shared_refusals_total", kind: .counter, labels: ["dictionary"],
        help: "Values that were too large for a shared dictionary.")

    var values: [RuntimeValue] {
        current.withLock { $0 }.flatMap { dictionary in
            let figures = dictionary.figures
            return [
                RuntimeValue(family: Self.entries, labels: [dictionary.name], value: UInt64(figures.entries)),
                RuntimeValue(family: Self.bytes, labels: [dictionary.name], value: UInt64(figures.bytes)),
                RuntimeValue(family: Self.evictions, labels: [dictionary.name], value: figures.evictions),
                RuntimeValue(family: Self.refusals, labels: [dictionary.name], value: figures.refusals),
            ]
        }
    }
}
