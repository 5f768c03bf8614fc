/// Rows of text under a row of column names: RFC 4180, or the tab-separated form in which MySQL's client prints tables.
struct CommaSeparated {
    private let bytes: [UInt8]
    private let separator: UInt8
    private var position = 0
    private var lineEnd = 1
    /// Of the row that was read last, from 1.
    private(set) var line = 1
    /// In lower case.
    private(set) var columns: [String] = []

    /// nil when there is no first row.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        let first = bytes.prefix { $0 != UInt8(ascii: "\n") }
        separator = first.contains(UInt8(ascii: "\t")) ? UInt8(ascii: "\t") : UInt8(ascii: ",")
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        guard let header = next() else { return nil }
        columns = header.map { String(decoding: $0, as: UTF8.self).lowercased() }
    }

    /// The next row that is not empty.
    mutating func next() -> [[UInt8]]? {
        while position < bytes.count {
            line = lineEnd
            let row = readRow()
            if row.count > 1 || row[0].contains(where: { $0 > 32 }) { return row }
        }
        return nil
    }

    private mutating func readRow() -> [[UInt8]] {
        var row: [[UInt8]] = []
        while true {
            row.append(separator == UInt8(ascii: ",") && peek == UInt8(ascii: "\"") ? readQuoted() : readPlain())
            guard let byte = peek else { return row }
            position += 1
            if byte == UInt8(ascii: "\n") {
                lineEnd += 1
                return row
            }
        }
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Up to a separator or the end of the line, of which a carriage return is no part.
    private mutating func readPlain() -> [UInt8] {
        let rest = bytes[position...]
        let end = rest.firstIndex { $0 == separator || $0 == UInt8(ascii: "\n") } ?? bytes.count
        var value = rest[..<end]
        position = end
        if value.last == 13, peek != separator { value.removeLast() }
        return Array(value)
    }

    /// Without its quotes, and doubled ones single; what stands behind the closing one is passed over.
    private mutating func readQuoted() -> [UInt8] {
        var value: [UInt8] = []
        position += 1
        while let byte = peek {
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard peek == byte else { break }
                position += 1
            }
            if byte == UInt8(ascii: "\n") { lineEnd += 1 }
            value.append(byte)
        }
        _ = readPlain()
        return value
    }

    /// A value as it stands in a row.
    static func quoted(_ value: [UInt8]) -> [UInt8] {
        guard value.contains(where: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 < 32 }) else {
            return value
        }
        let quote = UInt8(ascii: "\"")
        return [quote] + value.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
    }
}
