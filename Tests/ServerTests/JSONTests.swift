import Foundation
import Server
import Testing

@Suite("JSON")
struct JSONTests {
    @Test("values survive being written and read")
    func roundTrip() throws {
        let value: JSONValue = [
            "text": "a\"b\\c\n\r\t\u{0}\u{1F}\u{7F}\u{2028}é😀", "list": [1, -2, .number(1.5), true, .null, [], [:]],
            "large": .integer(.max), "small": .integer(.min), "again": 1,
        ]
        #expect(try JSONValue.parse(value.text) == value)
        #expect(try JSONValue.parse(value.prettyText) == value)
        #expect(!value.text.unicodeScalars.contains { $0.properties.generalCategory == .control })
    }

    @Test(
        "what RFC 8259 does not allow is refused",
        arguments: [
            "", " ", "tru", "01", "-", "1.", ".5", "1e", "+1", "1e999", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
            "\"\\udc00\"", "\"\t\"", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "1 2", "nul", "[",
            "{",
        ])
    func refused(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    }

    @Test("numbers, escapes and surrogate pairs are read")
    func read() throws {
        #expect(try JSONValue.parse(" [0, -0, 1e2, 12345678901234567890] ").arrayValue?.count == 4)
        #expect(try JSONValue.parse(#""\u00e9\ud83d\ude00\/\b\f""#) == .string("é😀/\u{8}\u{C}"))
        #expect(try JSONValue.parse("-7") == -7)
    }

    @Test("another implementation agrees on random values")
    func againstFoundation() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(state: seed)
        for _ in 0..<300 {
            let value = JSONValue.array([arbitrary(&random, depth: 0)])
            let theirs = try JSONSerialization.jsonObject(with: Data(value.text.utf8))
            let back = try JSONSerialization.data(withJSONObject: theirs)
            let read = try JSONValue.parse(String(decoding: back, as: UTF8.self))
            #expect(sorted(read) == sorted(value), "seed \(seed)")
        }
    }

    private func arbitrary(_ random: inout SplitMix, depth: Int) -> JSONValue {
        switch random.next() % (depth > 4 ? 4 : 6) {
        case 0: return .null
        case 1: return .boolean(random.next() % 2 == 0)
        case 2: return .integer(Int(truncatingIfNeeded: random.next()) >> Int(random.next() % 60))
        case 3:
            let scalars = (0..<random.next() % 8).compactMap { _ in Unicode.Scalar(UInt32(random.next() % 0x3000)) }
            return .string(String(String.UnicodeScalarView(scalars)))
        case 4: return .array((0..<random.next() % 4).map { _ in arbitrary(&random, depth: depth + 1) })
        default:
            return .object((0..<random.next() % 4).map { (key: "k\($0)", value: arbitrary(&random, depth: depth + 1)) })
        }
    }

    private func sorted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .boolean, .integer, .number, .string: value
        case .array(let items): .array(items.map(sorted))
        case .object(let fields):
            .object(fields.map { (key: $0.key, value: sorted($0.value)) }.sorted { $0.key < $1.key })
        }
    }
}
