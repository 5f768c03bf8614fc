internal import Foundation
internal import GRDB
public import ProxyCore

/// OpenSER's table `subscriber` in a SQLite file, of whichever program. Read whole, on a control thread; never written.
public enum SubscriberDatabase {
    /// Whether a file is a SQLite database and no text.
    public static func isOne(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        return (try? file.read(upToCount: 16))?.starts(with: "SQLite format 3".utf8) ?? false
    }

    /// Who may authenticate. Rows with neither a password nor a hash are left out.
    public static func read(_ path: String) throws(StoreError) -> SubscriberTable {
        let queue = try SQLite.openReadOnly(path)
        do {
            return try queue.read { try table($0) }
        } catch let error as SubscriberTable.Problem {
            throw StoreError("row \(error.line) of the table subscriber: \(error.message)")
        } catch {
            throw error as? StoreError ?? StoreError(error)
        }
    }

    private static func table(_ database: Database) throws -> SubscriberTable {
        let there = try database.columns(in: "subscriber").map { $0.name.lowercased() }
        for name in ["username", "domain"] where !there.contains(name) {
            throw StoreError("the table subscriber has no column \"\(name)\"")
        }
        let columns = SubscriberTable.columns.filter(there.contains)
        guard columns.count > 2 else {
            throw StoreError("the table subscriber has no column \"password\", \"ha1\", \"ha1_sha256\" or \"ha1b\"")
        }
        var table = SubscriberTable()
        var line = 0
        let rows = try Row.fetchCursor(
            database, sql: "SELECT \(columns.joined(separator: ", ")) FROM subscriber ORDER BY rowid")
        while let row = try rows.next() {
            line += 1
            var values: [String: String] = [:]
            for (index, column) in columns.enumerated() {
                values[column] = String(decoding: (row[index] as DatabaseValue).bytes ?? [], as: UTF8.self)
            }
            _ = try table.add(values, line: line)
        }
        return table
    }
}
