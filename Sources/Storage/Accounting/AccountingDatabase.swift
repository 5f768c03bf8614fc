internal import GRDB
public import ProxyCore

/// Records in OpenSER's tables `acc` and `missed_calls` and in `cdrs` of a SQLite file. Tables that are there are written to;
/// what they lack is added.
public final class AccountingDatabase: AccountingSink {
    public let name = "sqlite"
    /// In one transaction: some ten milliseconds.
    public let batchMax = 5_000

    private let queue: DatabaseQueue
    private let insertions: [AccountingKind: String]

    /// Opens the file, or makes it.
    ///
    /// - Parameter busySeconds: how long a write waits for another program's lock on the file.
    public init(path: String, fields: [AccountingField], busySeconds: Double = 5) throws(StoreError) {
        let further = fields.map(\.name)
        queue = try SQLite.open(path, busySeconds: busySeconds)
        insertions = Dictionary(
            uniqueKeysWithValues: AccountingKind.allCases.map { kind in
                let names = AccountingColumns.names(kind) + further
                return (
                    kind,
                    "INSERT INTO \(AccountingColumns.table(kind)) (\(names.map(Self.quoted).joined(separator: ", "))) "
                        + "VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))"
                )
            })
        do {
            try queue.write { database in
                for kind in AccountingKind.allCases { try Self.prepare(kind, further, database) }
            }
        } catch {
            throw error as? StoreError ?? StoreError(error)
        }
    }

    private static func prepare(_ kind: AccountingKind, _ further: [String], _ database: Database) throws {
        let table = AccountingColumns.table(kind)
        try database.execute(sql: schema(kind))
        let there = Set(try database.columns(in: table).map { $0.name.lowercased() })
        for name in AccountingColumns.names(kind) where !there.contains(name) {
            throw StoreError("the table \(table) has no column \"\(name)\"")
        }
        for name in further where !there.contains(name) {
            try database.execute(
                sql: "ALTER TABLE \(table) ADD COLUMN \(quoted(name)) VARCHAR(255) NOT NULL DEFAULT ''")
        }
    }

    private static func quoted(_ name: String) -> String { "\"\(name)\"" }

    private static func schema(_ kind: AccountingKind) -> String {
        switch kind {
        case .transaction, .missedCall:
            let table = AccountingColumns.table(kind)
            return """
                CREATE TABLE IF NOT EXISTS \(table) (
                    id INTEGER PRIMARY KEY NOT NULL,
                    method VARCHAR(16) NOT NULL DEFAULT '',
                    from_tag VARCHAR(64) NOT NULL DEFAULT '',
                    to_tag VARCHAR(64) NOT NULL DEFAULT '',
                    callid VARCHAR(255) NOT NULL DEFAULT '',
                    sip_code VARCHAR(3) NOT NULL DEFAULT '',
                    sip_reason VARCHAR(128) NOT NULL DEFAULT '',
                    time DATETIME NOT NULL
                );
                CREATE INDEX IF NOT EXISTS \(table)_callid ON \(table) (callid);
                """
        case .call:
            return """
                CREATE TABLE IF NOT EXISTS cdrs (
                    id INTEGER PRIMARY KEY NOT NULL,
                    start_time DATETIME NOT NULL,
                    end_time DATETIME NOT NULL,
                    duration FLOAT NOT NULL,
                    sip_call_id VARCHAR(255) NOT NULL DEFAULT '',
                    sip_from_tag VARCHAR(64) NOT NULL DEFAULT '',
                    sip_to_tag VARCHAR(64) NOT NULL DEFAULT '',
                    caller VARCHAR(255) NOT NULL DEFAULT '',
                    callee VARCHAR(255) NOT NULL DEFAULT '',
                    ended_by VARCHAR(16) NOT NULL DEFAULT ''
                );
                CREATE INDEX IF NOT EXISTS cdrs_start_time ON cdrs (start_time);
                """
        }
    }

    public func write(_ records: [AccountingRecord], _ clock: StoreClock) throws(StoreError) {
        do {
            try queue.write { database in
                for record in records {
                    let values = AccountingColumns.values(record, clock).map(Self.databaseValue)
                    let insertion = try database.cachedStatement(sql: insertions[record.kind]!)
                    try insertion.execute(arguments: StatementArguments(values))
                }
            }
        } catch {
            throw StoreError(error)
        }
    }

    private static func databaseValue(_ value: AccountingColumns.Value) -> DatabaseValue {
        switch value {
        case .bytes(let bytes): bytes.databaseValue
        case .integer(let number): number.databaseValue
        case .number(let number): number.databaseValue
        }
    }

    /// The database stays where it is: it is not to be moved away under a running proxy.
    public func reopen() throws(StoreError) {}

    /// Puts the log into the main file and closes both.
    public func close() {
        _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try? queue.close()
    }
}
