internal import Foundation
internal import GRDB

/// Writes a dump of a location table into a new file, with OpenSER's columns.
public final class LocationExport {
    private enum Sink {
        case text(FileHandle)
        case database(DatabaseQueue)
    }

    private let sink: Sink
    private let modified = CalendarTime.text(unixSeconds: StoreClock.now.unixSeconds)

    private static let databaseSuffixes = [".sqlite", ".sqlite3", ".db"]

    /// - Parameter path: ends in .sqlite, .sqlite3 or .db for a database; else comma-separated text; `-` is standard output.
    /// - Throws: also when the file exists.
    public init(_ path: String) throws {
        if path == "-" {
            sink = .text(.standardOutput)
            try write(lines: [LocationRow.columnNames.map { Array($0.utf8) }], to: .standardOutput)
            return
        }
        // Made here and now, for this user alone: passwords are not in it, but who is where.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError("\(path): \(String(cString: strerror(errno)))") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard Self.databaseSuffixes.contains(where: { path.lowercased().hasSuffix($0) }) else {
            sink = .text(file)
            try write(lines: [LocationRow.columnNames.map { Array($0.utf8) }], to: file)
            return
        }
        try file.close()
        do {
            let queue = try DatabaseQueue(path: path)
            try queue.write { try $0.execute(sql: LocationRow.schema) }
            sink = .database(queue)
        } catch {
            throw StoreError("\(path): \(StoreError(error))")
        }
    }

    public func write(_ rows: [LocationRow]) throws {
        switch sink {
        case .text(let file): try write(lines: rows.map(\.texts), to: file)
        case .database(let queue):
            do {
                try queue.write { database in
                    let insertion = try database.cachedStatement(sql: LocationRow.insertion)
                    for row in rows { try insertion.execute(arguments: row.arguments(modified: modified)) }
                }
            } catch {
                throw StoreError(error)
            }
        }
    }

    private func write(lines: [[[UInt8]]], to file: FileHandle) throws {
        var bytes: [UInt8] = []
        for values in lines {
            bytes += values.map(CommaSeparated.quoted).joined(separator: [UInt8(ascii: ",")])
            bytes.append(UInt8(ascii: "\n"))
        }
        try file.write(contentsOf: Data(bytes))
    }
}

extension LocationRow {
    /// Its columns in the order of `columnNames`, as text.
    fileprivate var texts: [[UInt8]] {
        [
            username, domain, contact, Array((receivedURI ?? "").utf8),
            Array(CalendarTime.text(unixSeconds: expires).utf8),
            Array((q.map { "\(Double($0) / 1_000)" } ?? "-1").utf8), callID, Array("\(cSeq)".utf8),
        ]
    }
}
