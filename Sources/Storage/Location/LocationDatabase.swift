internal import GRDB
internal import ProxyCore

/// The location table of this proxy in a SQLite file. Every call may wait for the disk.
final class LocationDatabase: Sendable {
    /// `PRAGMA user_version` of files that this program made.
    private static let version = 1

    private let queue: DatabaseQueue

    init(path: String, busySeconds: Double) throws(StoreError) {
        queue = try SQLite.open(path, busySeconds: busySeconds)
        do {
            try queue.write { database in
                let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                if version == Self.version { return }
                guard version == 0, try !database.tableExists("location") else {
                    throw StoreError(
                        "the file was made by another program; take it over with `servartuka ctl location import`")
                }
                try database.execute(sql: LocationRow.schema)
                try database.execute(sql: "PRAGMA user_version = \(Self.version)")
            }
        } catch {
            throw error as? StoreError ?? StoreError(error)
        }
    }

    /// Calls `body` with each row, in the order of writing; nil stands for one that cannot be read.
    func readAll(_ body: (LocationRow?) -> Void) throws {
        try queue.read { database in
            let rows = try Row.fetchCursor(database, sql: "SELECT \(LocationRow.columns) FROM location ORDER BY id")
            while let row = try rows.next() { body(LocationRow(row, domain: [])) }
        }
    }

    /// Replaces what is kept of these addresses, in one transaction.
    func write(_ entries: [(address: AddressOfRecord, bindings: [ContactBinding])], _ clock: StoreClock) throws {
        let modified = CalendarTime.text(unixSeconds: clock.unixSeconds)
        try queue.write { database in
            let removal = try database.cachedStatement(
                sql: "DELETE FROM location WHERE username = ? AND domain = ?")
            for (address, bindings) in entries {
                try removal.execute(
                    arguments: [Array(address.user).databaseValue, Array(address.host).databaseValue])
                try Self.insert(address, bindings, modified, clock, database)
            }
        }
    }

    /// Makes the file hold this table and nothing else, in one transaction: after a crash on the way it is as it was before.
    func writeAll(of table: LocationTable, _ clock: StoreClock) throws {
        let modified = CalendarTime.text(unixSeconds: clock.unixSeconds)
        try queue.write { database in
            try database.execute(sql: "DELETE FROM location")
            for shard in 0..<LocationTable.shardCount {
                for (address, bindings) in table.entries(shard: shard, now: clock.monotonicMilliseconds) {
                    try Self.insert(address, bindings, modified, clock, database)
                }
            }
        }
    }

    private static func insert(
        _ address: AddressOfRecord, _ bindings: [ContactBinding], _ modified: String, _ clock: StoreClock,
        _ database: Database
    ) throws {
        let insertion = try database.cachedStatement(sql: LocationRow.insertion)
        for binding in bindings {
            try insertion.execute(arguments: LocationRow(address, binding, clock).arguments(modified: modified))
        }
    }

    /// Times are text of equal length, which orders as they do.
    func removeExpired(_ clock: StoreClock) throws {
        try queue.write { database in
            try database.execute(
                sql: "DELETE FROM location WHERE expires < ?",
                arguments: [CalendarTime.text(unixSeconds: clock.unixSeconds)])
        }
    }

    /// Puts the log into the main file and closes both.
    func close() {
        _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try? queue.close()
    }
}
