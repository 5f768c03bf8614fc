internal import Foundation
internal import GRDB

/// Dumps of a location table in files: SQLite databases and comma-separated text, of this program, OpenSER, Kamailio or OpenSIPS.
public enum LocationFile {
    /// One row as it was found.
    public struct Entry: Sendable, Equatable {
        /// Of text, or the number of the row in a database; from 1.
        public var line: Int
        /// nil when a column holds what it cannot.
        public var row: LocationRow?
        /// The contact can be reached by these proxies only (RFC 3327).
        public var hasPath = false
    }

    /// The largest text that is read.
    private static let textBytesMax = 4 << 30

    /// Reads a dump, of whichever kind it is.
    ///
    /// - Parameter domain: for rows without one, as they are where domains are not used.
    public static func read(_ path: String, domain: String, _ body: (Entry) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: path) else { throw StoreError("\(path) cannot be read") }
        defer { try? file.close() }
        let magic = try file.read(upToCount: 16) ?? Data()
        if magic.starts(with: "SQLite format 3".utf8) {
            try readDatabase(path, domain: Array(domain.utf8), body)
            return
        }
        let rest = try file.read(upToCount: textBytesMax) ?? Data()
        try readText(path, Array(magic) + Array(rest), domain: Array(domain.utf8), body)
    }

    private static func readDatabase(_ path: String, domain: [UInt8], _ body: (Entry) throws -> Void) throws {
        let queue = try SQLite.openReadOnly(path)
        do {
            try queue.read { database in
                let names = try database.columns(in: "location").map { $0.name.lowercased() }
                try check(names, path)
                let columns =
                    LocationRow.columnNames.map { names.contains($0) ? $0 : "NULL" } + [
                        names.contains("path") ? "path" : "NULL"
                    ]
                let rows = try Row.fetchCursor(
                    database, sql: "SELECT \(columns.joined(separator: ", ")) FROM location ORDER BY rowid")
                var line = 0
                while let row = try rows.next() {
                    line += 1
                    let hasPath = (row[LocationRow.columnNames.count] as DatabaseValue).bytes.map { !$0.isEmpty }
                    try body(Entry(line: line, row: LocationRow(row, domain: domain), hasPath: hasPath ?? false))
                }
            }
        } catch let error as DatabaseError {
            throw StoreError("\(path): \(StoreError(error))")
        }
    }

    private static func readText(
        _ path: String, _ bytes: [UInt8], domain: [UInt8], _ body: (Entry) throws -> Void
    ) throws {
        guard var text = CommaSeparated(bytes) else { throw StoreError("\(path) is empty") }
        try check(text.columns, path)
        let columns = text.columns
        while let fields = text.next() {
            guard fields.count == columns.count else {
                try body(Entry(line: text.line, row: nil))
                continue
            }
            let values = Dictionary(zip(columns, fields.map(nullIsEmpty)), uniquingKeysWith: { first, _ in first })
            let row = LocationRow(text: values, domain: domain)
            try body(Entry(line: text.line, row: row, hasPath: values["path"].map { !$0.isEmpty } ?? false))
        }
    }

    private static func check(_ columns: [String], _ path: String) throws {
        for name in ["username", "contact", "expires"] where !columns.contains(name) {
            throw StoreError("\(path) has no column \"\(name)\": it is no dump of a location table with column names")
        }
    }

    /// NULL as the clients of MySQL and PostgreSQL print it.
    private static func nullIsEmpty(_ value: [UInt8]) -> [UInt8] {
        value == Array("NULL".utf8) || value == Array(#"\N"#.utf8) ? [] : value
    }
}

extension LocationRow {
    static let columnNames = columns.split(separator: ", ").map(String.init)

    /// - Parameter text: values by column; empty for NULL.
    init?(text: [String: [UInt8]], domain: [UInt8]) {
        func string(_ column: String) -> String { String(decoding: text[column] ?? [], as: UTF8.self) }
        let number = Double(string("expires")).map { $0.databaseValue }
        guard let expires = Self.unixSeconds(number ?? string("expires").databaseValue),
            let cSeq = string("cseq").isEmpty ? 0 : UInt32(string("cseq")),
            let q = string("q").isEmpty ? -1 : Double(string("q"))
        else { return nil }
        let own = text["domain"] ?? []
        self.init(
            username: text["username"] ?? [], domain: own.isEmpty ? domain : own, contact: text["contact"] ?? [],
            receivedURI: text["received"] ?? [], expires: expires, q: q, callID: text["callid"] ?? [], cSeq: cSeq)
    }
}
