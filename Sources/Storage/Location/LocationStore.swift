internal import GRDB
public import ProxyCore
internal import Reactor

/// Keeps the location table in a SQLite file: write-behind, on a thread of its own.
///
/// Workers note what has changed in `LocationChanges` and never wait for this. Each flush interval the thread writes the
/// changed addresses in transactions; what could not be written waits for the next try, and memory serves on.
public final class LocationStore: Sendable {
    public struct Settings: Sendable, Equatable {
        public var path: String
        /// How long a change may wait: what a crash can lose.
        public var flushMilliseconds = 1_000
        /// How long a write waits for another program's lock on the file.
        public var busySeconds = 5.0

        public init(path: String) { self.path = path }
    }

    /// What the operator should hear of.
    public enum Notice: Sendable, Equatable {
        /// The first failure after all was well.
        case failing(StoreError)
        case recovered
    }

    public struct Restored: Sendable, Equatable {
        public var bindings = 0
        /// Rows that no registrar could have written.
        public var unusable = 0

        public init(bindings: Int = 0, unusable: Int = 0) {
            self.bindings = bindings
            self.unusable = unusable
        }
    }

    /// Addresses in one transaction: some ten milliseconds.
    private static let transactionAddressesMax = 5_000
    /// How often rows are removed that have expired; those of users that come back are replaced anyway.
    private static let sweepMilliseconds: UInt64 = 60_000
    /// Tries after failures come further and further apart, up to this many flush intervals or 30 seconds.
    private static let retryIntervalsMax = 32, retryMillisecondsMax = 30_000

    private let settings: Settings
    private let table: LocationTable
    private let changes: LocationChanges
    private let database: LocationDatabase
    private let counters = StoreCounters()
    private let isStopping = Monitor(false)
    private let notify: @Sendable (Notice) -> Void

    /// Opens the file, or makes it.
    ///
    /// - Parameter changes: what `table` notes its changes in.
    public init(
        _ settings: Settings, table: LocationTable, changes: LocationChanges,
        notify: @escaping @Sendable (Notice) -> Void = { _ in }
    ) throws(StoreError) {
        self.settings = settings
        self.table = table
        self.changes = changes
        self.notify = notify
        database = try LocationDatabase(path: settings.path, busySeconds: settings.busySeconds)
    }

    /// Fills the table from the file; before anything else uses the table.
    public func restore(_ clock: StoreClock = .now) throws(StoreError) -> Restored {
        var restored = Restored()
        do {
            try database.readAll { row in
                switch row?.reading(clock) {
                case .live(let address, let binding):
                    table.restore(address, binding)
                    restored.bindings += 1
                case .expired: break
                case .unusable, nil: restored.unusable += 1
                }
            }
        } catch {
            throw StoreError(error)
        }
        return restored
    }

    public func value(_ counter: StoreCounter) -> UInt64 {
        switch counter {
        case .locationOverflows: changes.overflowCount
        case .locationWaiting: UInt64(changes.count)
        case .locationWrites, .locationFailures: counters.value(counter)
        }
    }

    // MARK: The thread

    /// Writes until `stop`, then once more, and closes the file. The body of the store's thread.
    public func run() {
        var failures = 0
        var beganAt = StoreClock.now.monotonicMilliseconds
        var sweptAt = beganAt
        var ends = false
        while !ends {
            // The interval is from one beginning to the next: what a write takes does not come on top of it.
            let passed = Int(StoreClock.now.monotonicMilliseconds - beganAt)
            let pause = max(0, pauseMilliseconds(failures) - passed)
            ends = isStopping.wait(milliseconds: pause, until: { $0 }, then: { $0 })
            let now = StoreClock.now
            beganAt = now.monotonicMilliseconds
            do throws(StoreError) {
                try flush()
                if now.monotonicMilliseconds >= sweptAt + Self.sweepMilliseconds {
                    sweptAt = now.monotonicMilliseconds
                    try removeExpired(now)
                }
                if failures > 0 { notify(.recovered) }
                failures = 0
            } catch {
                counters.add(.locationFailures)
                if failures == 0 { notify(.failing(error)) }
                failures += 1
            }
        }
        database.close()
    }

    /// Asks the thread to write what waits and to end.
    public func stop() {
        isStopping.withLock { $0 = true }
        isStopping.notify()
    }

    private func pauseMilliseconds(_ failures: Int) -> Int {
        let factor = min(1 << min(failures, 16), Self.retryIntervalsMax)
        return max(settings.flushMilliseconds, min(settings.flushMilliseconds * factor, Self.retryMillisecondsMax))
    }

    /// Writes what waits. What cannot be written waits on.
    public func flush() throws(StoreError) {
        var batch = changes.take()
        guard !batch.isEmpty else { return }
        do {
            if batch.isEverything {
                try database.writeAll(of: table, .now)
                counters.add(.locationWrites)
                return
            }
            while !batch.addresses.isEmpty {
                let addresses = Array(batch.addresses.prefix(Self.transactionAddressesMax))
                // The time first: nothing that lives when the table is read is older.
                let clock = StoreClock.now
                try database.write(
                    addresses.map { ($0, table.bindings(of: $0, now: clock.monotonicMilliseconds)) }, clock)
                batch.addresses.subtract(addresses)
                counters.add(.locationWrites, addresses.count)
            }
        } catch {
            changes.giveBack(batch)
            throw StoreError(error)
        }
    }

    private func removeExpired(_ clock: StoreClock) throws(StoreError) {
        do { try database.removeExpired(clock) } catch { throw StoreError(error) }
    }
}
