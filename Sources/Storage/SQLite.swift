internal import Foundation
internal import GRDB
internal import Glibc

/// How this program opens SQLite databases.
enum SQLite {
    /// How long a statement waits for another program that writes to the same file. Only store threads wait.
    private static let busySeconds = 5.0

    /// Opens or makes a database that this process writes: a write-ahead log, so that others may read meanwhile and a crash
    /// undoes no more than the transaction under way.
    static func open(_ path: String, busySeconds: Double = busySeconds) throws(StoreError) -> DatabaseQueue {
        makeFolder(of: path)
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(busySeconds)
        do {
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            throw StoreError(error)
        }
    }

    /// Opens a database that somebody else has made.
    static func openReadOnly(_ path: String) throws(StoreError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(busySeconds)
        do {
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            throw StoreError(error)
        }
    }

    /// The folder that the file is to stand in, not those above it.
    private static func makeFolder(of path: String) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        mkdir(String(path[..<slash]), 0o700)
    }
}

extension [UInt8] {
    /// As text where that brings the same bytes back; as a blob otherwise, since SQLite's text ends at a zero byte.
    var databaseValue: DatabaseValue {
        if !contains(0), let text = String(validating: self, as: UTF8.self) { return text.databaseValue }
        return Data(self).databaseValue
    }
}

extension DatabaseValue {
    /// Text, bytes or a number as text; nil for NULL.
    var bytes: [UInt8]? {
        switch storage {
        case .string(let text): Array(text.utf8)
        case .blob(let data): Array(data)
        case .int64(let number): Array(String(number).utf8)
        case .double(let number): Array("\(number)".utf8)
        case .null: nil
        }
    }
}
