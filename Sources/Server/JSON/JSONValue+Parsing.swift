/// Why text is not JSON, and at which byte.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public let message: String
    public let offset: Int

    public var description: String { "\(message) at byte \(offset)" }
}

extension JSONValue {
    /// Deeper nesting is refused: the parser calls itself once a level.
    public static let nestingMax = 64

    /// Parses exactly one value (RFC 8259) with blanks around it; of repeated keys all are kept.
    public static func parse(_ text: String) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: Array(text.utf8))
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.position == parser.bytes.count else { throw parser.error("unexpected text after the value") }
        return value
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    func error(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

    mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < JSONValue.nestingMax else { throw error("nested too deeply") }
        skipBlanks()
        switch next {
        case 0x7B: return try object(depth: depth)
        case 0x5B: return try array(depth: depth)
        case 0x22: return .string(try string())
        case 0x2D, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39: return try number()
        default:
            if word("true") { return .boolean(true) }
            if word("false") { return .boolean(false) }
            if word("null") { return .null }
            throw error(next == nil ? "unexpected end" : "expected a value")
        }
    }

    private mutating func word(_ word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var fields: [(key: String, value: JSONValue)] = []
        if take(0x7D) { return .object(fields) }
        repeat {
            skipBlanks()
            guard next == 0x22 else { throw error("expected a key in quotes") }
            let key = try string()
            guard take(0x3A) else { throw error("expected \":\"") }
            fields.append((key: key, value: try value(depth: depth + 1)))
        } while take(0x2C)
        guard take(0x7D) else { throw error("expected \",\" or \"}\"") }
        return .object(fields)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        position += 1
        var items: [JSONValue] = []
        if take(0x5D) { return .array(items) }
        repeat {
            items.append(try value(depth: depth + 1))
        } while take(0x2C)
        guard take(0x5D) else { throw error("expected \",\" or \"]\"") }
        return .array(items)
    }

    /// RFC 8259 §6: no leading zeros, digits on both sides of the point.
    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        var isWhole = true
        if next == 0x2D { position += 1 }
        let leadingZero = next == 0x30
        let whole = digits()
        guard whole > 0, !leadingZero || whole == 1 else { throw error("not a number") }
        if next == 0x2E {
            isWhole = false
            position += 1
            guard digits() > 0 else { throw error("not a number") }
        }
        if next == 0x65 || next == 0x45 {
            isWhole = false
            position += 1
            if next == 0x2B || next == 0x2D { position += 1 }
            guard digits() > 0 else { throw error("not a number") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("number out of range") }
        return .number(value)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case 0x22:
                guard let string = String(validating: text, as: UTF8.self) else { throw error("not UTF-8") }
                return string
            case 0x5C: try escape(into: &text)
            case 0x00..<0x20: throw error("control character in a string")
            default: text.append(byte)
            }
        }
        throw error("unterminated string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let byte = next else { throw error("unterminated string") }
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: text.append(byte)
        case 0x62: text.append(0x08)
        case 0x66: text.append(0x0C)
        case 0x6E: text.append(0x0A)
        case 0x72: text.append(0x0D)
        case 0x74: text.append(0x09)
        case 0x75:
            let unit = try hexadecimal()
            var scalar = UInt32(unit)
            if (0xD800..<0xDC00).contains(scalar), bytes[position...].starts(with: #"\u"#.utf8) {
                position += 2
                let low = UInt32(try hexadecimal())
                guard (0xDC00..<0xE000).contains(low) else { throw error("unpaired surrogate") }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(scalar) else { throw error("unpaired surrogate") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw error("unknown escape")
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw error("unterminated string") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw error("expected four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
