internal import Reactor
internal import Synchronization

/// Bindings by address of record, in memory, shared by all workers.
///
/// A lock for each of many shards: REGISTER and lookups are rare beside the packets of calls, and no lock is held for
/// longer than one address takes, or one shard while what has expired is taken out of it.
public final class LocationTable: Sendable {
    private struct Shard {
        var entries: Set<LocationEntry> = []
        var sweptAt: UInt64 = 0

        func entry(of address: AddressOfRecord) -> LocationEntry? {
            guard let index = entries.firstIndex(of: LocationEntry(address)) else { return nil }
            return entries[index]
        }

        mutating func set(_ address: AddressOfRecord, _ bindings: [ContactBinding]) {
            if bindings.isEmpty {
                entries.remove(LocationEntry(address))
            } else {
                entries.update(with: LocationEntry(address, bindings))
            }
        }
    }

    public static let shardCount = 256
    /// A shard is swept no more often than this.
    static let sweepMilliseconds: UInt64 = 10_000

    private let shards: [Monitor<Shard>]
    private let kept = Atomic<Int>(0)
    private let sweeps = Atomic<Int>(0)
    /// One for each store that follows this table.
    private let changes: [LocationChanges]

    /// - Parameter changes: where changes that workers make are noted, for the stores that keep them.
    public init(changes: [LocationChanges] = []) {
        self.changes = changes
        shards = (0..<Self.shardCount).map { _ in Monitor(Shard()) }
    }

    /// Bindings kept now, with those that have expired and not been swept yet.
    public var count: Int { kept.load(ordering: .relaxed) }

    private func shard(of address: AddressOfRecord) -> Monitor<Shard> {
        shards[Int(UInt(bitPattern: address.hashValue) % UInt(Self.shardCount))]
    }

    /// The bindings that have not expired, in the order of their registration.
    public func bindings(of address: AddressOfRecord, now: UInt64) -> [ContactBinding] {
        let entry = shard(of: address).withLock { $0.entry(of: address) }
        // Unpacked outside the lock: an entry never changes.
        return entry?.bindings.filter { $0.expiresAt > now } ?? []
    }

    /// Changes an address's bindings as one step. `change` sees those that have not expired.
    public func update<Result>(
        _ address: AddressOfRecord, now: UInt64, _ change: (inout [ContactBinding]) -> Result
    ) -> Result {
        let (result, hasChanged) = shard(of: address).withLock { shard in
            let before = shard.entry(of: address)?.bindings ?? []
            var bindings = before.filter { $0.expiresAt > now }
            let result = change(&bindings)
            if bindings != before { shard.set(address, bindings) }
            kept.add(bindings.count - before.count, ordering: .relaxed)
            return (result, bindings != before)
        }
        // After the change: a store that takes the note reads the table as it is from here on.
        if hasChanged { for store in changes { store.note(address) } }
        sweepNext(now)
        return result
    }

    /// Adds a binding that a store has kept, behind those that are there, without noting it as a change.
    public func restore(_ address: AddressOfRecord, _ binding: ContactBinding) {
        shard(of: address).withLock { shard in
            shard.set(address, (shard.entry(of: address)?.bindings ?? []) + [binding])
        }
        kept.add(1, ordering: .relaxed)
    }

    /// The addresses of one shard, 0..<`shardCount`, with their bindings that have not expired, in no order.
    public func entries(shard: Int, now: UInt64) -> [(address: AddressOfRecord, bindings: [ContactBinding])] {
        shards[shard].withLock { $0.entries }.compactMap { entry in
            let live = entry.bindings.filter { $0.expiresAt > now }
            return live.isEmpty ? nil : (entry.address, live)
        }
    }

    /// Takes expired bindings out of one shard; each update goes on to the next, so that a table that grows is also
    /// kept clean.
    private func sweepNext(_ now: UInt64) {
        let turn = sweeps.add(1, ordering: .relaxed).newValue
        shards[Int(UInt(bitPattern: turn) % UInt(Self.shardCount))].withLock { shard in
            guard now >= shard.sweptAt + Self.sweepMilliseconds else { return }
            shard.sweptAt = now
            var removed = 0
            for entry in shard.entries where entry.hasExpired(at: now) {
                let left = entry.bindings.filter { $0.expiresAt > now }
                removed += entry.bindingCount - left.count
                shard.set(entry.address, left)
            }
            kept.subtract(removed, ordering: .relaxed)
        }
    }
}
