internal import Glibc
public import ProxyCore
internal import Reactor

/// Records as lines of comma-separated values (RFC 4180) under a row of column names.
public final class AccountingFile: AccountingSink {
    public enum Content: Sendable {
        /// `acc` and `missed_calls`; the first column tells which.
        case transactions
        case calls

        public var kinds: [AccountingKind] {
            switch self {
            case .transactions: [.transaction, .missedCall]
            case .calls: [.call]
            }
        }
    }

    public let name: String
    public let batchMax = 5_000

    private let path: String
    private let content: Content
    private let header: [UInt8]
    private let descriptor: Monitor<Int32>

    /// Opens the file, or makes it.
    public init(path: String, content: Content, fields: [AccountingField]) throws(StoreError) {
        self.path = path
        self.content = content
        let columns: [String]
        switch content {
        case .transactions:
            name = "csv"
            columns = ["record"] + AccountingColumns.names(.transaction)
        case .calls:
            name = "cdr_csv"
            columns = AccountingColumns.names(.call)
        }
        header = Self.line((columns + fields.map(\.name)).map { Array($0.utf8) })
        descriptor = Monitor(try Self.open(path, header))
    }

    deinit { close() }

    /// With the header row when it is empty.
    private static func open(_ path: String, _ header: [UInt8]) throws(StoreError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw StoreError(errno: errno) }
        do throws(StoreError) {
            if lseek(descriptor, 0, SEEK_END) == 0 { try append(header, to: descriptor) }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    public func write(_ records: [AccountingRecord], _ clock: StoreClock) throws(StoreError) {
        var lines: [UInt8] = []
        for record in records {
            var values = AccountingColumns.values(record, clock).map(\.text)
            if case .transactions = content { values.insert(Array(AccountingColumns.table(record.kind).utf8), at: 0) }
            lines += Self.line(values)
        }
        let result = descriptor.withLock { descriptor -> StoreError? in
            do throws(StoreError) { try Self.append(lines, to: descriptor) } catch { return error }
            return nil
        }
        if let result { throw result }
    }

    private static func line(_ values: [[UInt8]]) -> [UInt8] {
        var line: [UInt8] = []
        for (index, value) in values.enumerated() {
            if index > 0 { line.append(UInt8(ascii: ",")) }
            line += CommaSeparated.quoted(value)
        }
        return line + [13, 10]
    }

    /// All bytes or none: what a full disk has cut off is taken back.
    private static func append(_ bytes: [UInt8], to descriptor: Int32) throws(StoreError) {
        let end = lseek(descriptor, 0, SEEK_END)
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, bytes.count - offset)
            }
            if count > 0 {
                offset += count
            } else if errno != EINTR {
                let error = StoreError(errno: errno)
                if offset > 0, end >= 0 { ftruncate(descriptor, end) }
                throw error
            }
        }
    }

    public func reopen() throws(StoreError) {
        let fresh = try Self.open(path, header)
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = fresh
        }
    }

    public func close() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }
}

extension StoreError {
    init(errno code: Int32) { self.init(String(cString: strerror(code))) }
}
