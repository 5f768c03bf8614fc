internal import Synchronization

/// What is counted about the stores of the process.
public enum StoreCounter: Int, CaseIterable, Sendable {
    case locationWrites
    case locationFailures
    case locationOverflows
    case locationWaiting

    /// A number that goes up and down.
    public var isGauge: Bool { self == .locationWaiting }

    /// The metric's name without the program's prefix.
    public var name: String {
        switch self {
        case .locationWrites: "location_store_writes_total"
        case .locationFailures: "location_store_failures_total"
        case .locationOverflows: "location_store_overflows_total"
        case .locationWaiting: "location_store_waiting"
        }
    }

    /// One sentence for the metrics page.
    public var help: String {
        switch self {
        case .locationWrites: "Addresses of record whose bindings were written to location.database."
        case .locationFailures:
            "Times that location.database could not be written; what changed waits for the next try."
        case .locationOverflows:
            "Times that more addresses had changed than location.max_waiting; the whole table is written then."
        case .locationWaiting: "Addresses of record that have changed and are not in location.database yet."
        }
    }
}

/// Counters that one thread adds to and others read.
final class StoreCounters: Sendable {
    private let values: [Cell] = StoreCounter.allCases.map { _ in Cell() }

    private final class Cell: Sendable {
        let value = Atomic<UInt64>(0)
    }

    func add(_ counter: StoreCounter, _ count: Int = 1) {
        values[counter.rawValue].value.wrappingAdd(UInt64(count), ordering: .relaxed)
    }

    func value(_ counter: StoreCounter) -> UInt64 { values[counter.rawValue].value.load(ordering: .relaxed) }
}
