internal import Reactor
internal import Synchronization

/// Addresses of record whose bindings a store has still to be told: the bounded queue from the workers to one store.
///
/// It names addresses and not what became of them: the store reads that from the table when it writes, so an address that
/// changes ten times in between is written once. When more addresses wait than it takes, it forgets them and asks for the whole
/// table instead; a worker never waits, and nothing is lost.
public final class LocationChanges: Sendable {
    /// What a store takes at a time.
    public struct Batch: Sendable {
        public var addresses: Set<AddressOfRecord> = []
        /// Write the whole table: what changed is no longer known.
        public var isEverything = false

        public var isEmpty: Bool { addresses.isEmpty && !isEverything }

        public init() {}
    }

    public let addressesMax: Int
    private let waiting = Monitor(Batch())
    private let overflows = Atomic<UInt64>(0)

    public init(addressesMax: Int = 100_000) {
        self.addressesMax = addressesMax
    }

    /// Addresses that wait; how many when it is everything is not known, and counts as the most that can wait.
    public var count: Int { waiting.withLock { $0.isEverything ? addressesMax : $0.addresses.count } }

    /// How often more had changed than can wait.
    public var overflowCount: UInt64 { overflows.load(ordering: .relaxed) }

    /// From any worker, after the table has changed.
    func note(_ address: AddressOfRecord) {
        waiting.withLock { waiting in
            guard !waiting.isEverything else { return }
            waiting.addresses.insert(address)
            overflow(&waiting)
        }
    }

    /// What waits, which then is the store's to write.
    public func take() -> Batch {
        waiting.withLock { waiting in
            defer { waiting = Batch() }
            return waiting
        }
    }

    /// Takes back what could not be written.
    public func giveBack(_ batch: Batch) {
        waiting.withLock { waiting in
            waiting.isEverything = waiting.isEverything || batch.isEverything
            if waiting.isEverything {
                waiting.addresses = []
            } else {
                waiting.addresses.formUnion(batch.addresses)
                overflow(&waiting)
            }
        }
    }

    private func overflow(_ waiting: inout Batch) {
        guard waiting.addresses.count > addressesMax else { return }
        waiting.addresses = []
        waiting.isEverything = true
        overflows.add(1, ordering: .relaxed)
    }
}
