internal import Foundation
internal import GRDB

/// The table and its columns.
extension LocationRow {
    /// Columns that are not written keep the defaults that OpenSER gives them.
    static let schema = """
        CREATE TABLE location (
            id INTEGER PRIMARY KEY NOT NULL,
            username VARCHAR(64) NOT NULL DEFAULT '',
            domain VARCHAR(64) NOT NULL DEFAULT '',
            contact VARCHAR(255) NOT NULL DEFAULT '',
            received VARCHAR(128) DEFAULT NULL,
            path VARCHAR(512) DEFAULT NULL,
            expires DATETIME NOT NULL DEFAULT '2020-05-28 21:32:15',
            q FLOAT NOT NULL DEFAULT 1.0,
            callid VARCHAR(255) NOT NULL DEFAULT 'Default-Call-ID',
            cseq INTEGER NOT NULL DEFAULT 13,
            last_modified DATETIME NOT NULL DEFAULT '1900-01-01 00:00:01',
            flags INTEGER NOT NULL DEFAULT 0,
            cflags INTEGER NOT NULL DEFAULT 0,
            user_agent VARCHAR(255) NOT NULL DEFAULT '',
            socket VARCHAR(64) DEFAULT NULL,
            methods INTEGER DEFAULT NULL
        );
        CREATE UNIQUE INDEX location_contact ON location (username, domain, contact);
        CREATE INDEX location_expires ON location (expires);
        """

    static let columns = "username, domain, contact, received, expires, q, callid, cseq"

    static let insertion =
        "INSERT OR REPLACE INTO location (\(columns), last_modified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

    func arguments(modified: String) -> StatementArguments {
        [
            username.databaseValue, domain.databaseValue, contact.databaseValue, receivedURI,
            CalendarTime.text(unixSeconds: expires), q.map { Double($0) / 1_000 } ?? Self.noQ, callID.databaseValue,
            Int64(cSeq), modified,
        ]
    }

    /// What OpenSER writes for a contact without q.
    private static let noQ = -1.0

    /// - Parameters:
    ///   - row: its columns in the order of `columns`.
    ///   - domain: for tables without domains.
    /// - Returns: nil when a column holds what it cannot.
    init?(_ row: Row, domain: [UInt8]) {
        // As SQLite has them, numbers as text: a String on the way would cost most of the time that a start takes.
        func bytes(_ index: Int) -> [UInt8] {
            (try? row.withUnsafeData(atIndex: index) { $0.map { Array($0) } }) ?? []
        }
        guard let expires = CalendarTime.unixSeconds(bytes(4)) ?? Self.unixSeconds(row[4]),
            let cSeq = UInt32(exactly: row[7] as Int64? ?? 0)
        else {
            return nil
        }
        let own = bytes(1)
        self.init(
            username: bytes(0), domain: own.isEmpty ? domain : own, contact: bytes(2),
            receivedURI: bytes(3), expires: expires, q: Double.fromDatabaseValue(row[5]), callID: bytes(6), cSeq: cSeq)
    }

    /// Text, seconds since 1970, or a Julian day: Kamailio's drivers write all of them.
    static func unixSeconds(_ value: DatabaseValue) -> Int64? {
        switch value.storage {
        case .string(let text): CalendarTime.unixSeconds(Array(text.utf8))
        case .int64(let seconds): seconds
        case .double(let number):
            if julianDays.contains(number) {
                Int64(((number - julianDayOf1970) * 86_400).rounded())
            } else {
                Int64(exactly: number.rounded())
            }
        case .blob, .null: nil
        }
    }

    private static let julianDayOf1970 = 2_440_587.5
    /// Of the years 1970 to 9999. As seconds they would be days of January 1970, which no binding lasted to.
    private static let julianDays = 2_440_587.5..<5_373_484.5
}
