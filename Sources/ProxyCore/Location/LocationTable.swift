internal import Reactor
internal import Synchronization

/// Bindings by address of record, in memory, shared by all workers.
///
/// A lock for each of many shards: REGISTER and lookups are rare beside the packets of calls, and no lock is held for
/// longer than one address takes, or one shard while what has expired is taken out of it.
public final class LocationTable: Sendable {
    private struct Shard {
        var bindings: [AddressOfRecord: [ContactBinding]] = [:]
        var sweptAt: UInt64 = 0
    }

    static let shardCount = 256
    /// A shard is swept no more often than this.
    static let sweepMilliseconds: UInt64 = 10_000

    private let shards: [Monitor<Shard>]
    private let kept = Atomic<Int>(0)
    private let sweeps = Atomic<Int>(0)

    init() {
        shards = (0..<Self.shardCount).map { _ in Monitor(Shard()) }
    }

    /// Bindings kept now, with those that have expired and not been swept yet.
    public var count: Int { kept.load(ordering: .relaxed) }

    private func shard(of address: AddressOfRecord) -> Monitor<Shard> {
        shards[Int(UInt(bitPattern: address.hashValue) % UInt(Self.shardCount))]
    }

    /// The bindings that have not expired, in the order of their registration.
    func bindings(of address: AddressOfRecord, now: UInt64) -> [ContactBinding] {
        shard(of: address).withLock { $0.bindings[address]?.filter { $0.expiresAt > now } ?? [] }
    }

    /// Changes an address's bindings as one step. `change` sees those that have not expired.
    func update<Result>(
        _ address: AddressOfRecord, now: UInt64, _ change: (inout [ContactBinding]) -> Result
    ) -> Result {
        let result = shard(of: address).withLock { shard in
            let before = shard.bindings[address] ?? []
            var bindings = before.filter { $0.expiresAt > now }
            let result = change(&bindings)
            shard.bindings[address] = bindings.isEmpty ? nil : bindings
            kept.add(bindings.count - before.count, ordering: .relaxed)
            return result
        }
        sweepNext(now)
        return result
    }

    /// Takes expired bindings out of one shard; each update goes on to the next, so that a table that grows is also
    /// kept clean.
    private func sweepNext(_ now: UInt64) {
        let turn = sweeps.add(1, ordering: .relaxed).newValue
        shards[Int(UInt(bitPattern: turn) % UInt(Self.shardCount))].withLock { shard in
            guard now >= shard.sweptAt + Self.sweepMilliseconds else { return }
            shard.sweptAt = now
            var removed = 0
            shard.bindings = shard.bindings.compactMapValues { bindings in
                guard bindings.contains(where: { $0.expiresAt <= now }) else { return bindings }
                let left = bindings.filter { $0.expiresAt > now }
                removed += bindings.count - left.count
                return left.isEmpty ? nil : left
            }
            kept.subtract(removed, ordering: .relaxed)
        }
    }
}
