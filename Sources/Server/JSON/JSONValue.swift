/// A JSON value whose objects keep the order of their keys, so that answers read the same each time.
public indirect enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(key: String, value: JSONValue)])

    public static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.boolean(let a), .boolean(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
        case (.null, _), (.boolean, _), (.integer, _), (.number, _), (.string, _), (.array, _), (.object, _): false
        }
    }

    /// The value of the first field of that name; nil when this is no object or has no such field.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.key == key }?.value
    }

    public var stringValue: String? {
        if case .string(let text) = self { text } else { nil }
    }

    public var integerValue: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// A number, whole or not.
    public var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .null, .boolean, .string, .array, .object: nil
        }
    }

    public var booleanValue: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    public var arrayValue: [JSONValue]? {
        if case .array(let items) = self { items } else { nil }
    }

    public var objectValue: [(key: String, value: JSONValue)]? {
        if case .object(let fields) = self { fields } else { nil }
    }

    /// Compact text on one line: every control character is escaped.
    public var text: String {
        var bytes: [UInt8] = []
        write(into: &bytes, indentation: nil)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Indented by two spaces, for people.
    public var prettyText: String {
        var bytes: [UInt8] = []
        write(into: &bytes, indentation: 0)
        return String(decoding: bytes, as: UTF8.self)
    }

    func write(into bytes: inout [UInt8], indentation: Int?) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .boolean(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .number(let value):
            // JSON knows no infinities.
            bytes.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        case .string(let text): JSONValue.write(string: text, into: &bytes)
        case .array(let items):
            JSONValue.write(items, brackets: (0x5B, 0x5D), into: &bytes, indentation: indentation) { item, bytes in
                item.write(into: &bytes, indentation: indentation.map { $0 + 2 })
            }
        case .object(let fields):
            JSONValue.write(fields, brackets: (0x7B, 0x7D), into: &bytes, indentation: indentation) { field, bytes in
                JSONValue.write(string: field.key, into: &bytes)
                bytes.append(contentsOf: (indentation == nil ? ":" : ": ").utf8)
                field.value.write(into: &bytes, indentation: indentation.map { $0 + 2 })
            }
        }
    }

    private static func write<Item>(
        _ items: [Item], brackets: (UInt8, UInt8), into bytes: inout [UInt8], indentation: Int?,
        each: (Item, inout [UInt8]) -> Void
    ) {
        bytes.append(brackets.0)
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            if let indentation {
                bytes.append(0x0A)
                bytes.append(contentsOf: repeatElement(0x20, count: indentation + 2))
            }
            each(item, &bytes)
        }
        if let indentation, !items.isEmpty {
            bytes.append(0x0A)
            bytes.append(contentsOf: repeatElement(0x20, count: indentation))
        }
        bytes.append(brackets.1)
    }

    /// RFC 8259 §7; DEL and the C1 controls are escaped as well, since terminals act on them.
    static func write(string: String, into bytes: inout [UInt8]) {
        bytes.append(0x22)
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": bytes.append(contentsOf: #"\""#.utf8)
            case "\\": bytes.append(contentsOf: #"\\"#.utf8)
            case "\n": bytes.append(contentsOf: #"\n"#.utf8)
            case "\r": bytes.append(contentsOf: #"\r"#.utf8)
            case "\t": bytes.append(contentsOf: #"\t"#.utf8)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                bytes.append(contentsOf: #"\u"#.utf8)
                bytes.append(contentsOf: repeatElement(0x30, count: 4 - digits.utf8.count))
                bytes.append(contentsOf: digits.utf8)
            default: bytes.append(contentsOf: scalar.utf8)
            }
        }
        bytes.append(0x22)
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }
}
