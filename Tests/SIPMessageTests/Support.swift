import Foundation
import SIPMessage

/// A message with bytes of its own, as tests want it.
final class Parsed {
    let storage: UnsafeMutableRawBufferPointer
    private(set) var message = SIPMessage()
    private(set) var outcome: ParseOutcome

    init(_ bytes: [UInt8], as framing: Framing = .datagram, bodyBytesMax: Int = 65_535) {
        storage = .allocate(byteCount: max(bytes.count, 1), alignment: 1)
        storage.copyBytes(from: bytes)
        message.bodyBytesMax = bodyBytesMax
        outcome = message.parse(UnsafeRawBufferPointer(rebasing: storage[0..<bytes.count]), as: framing)
    }

    convenience init(_ text: String, as framing: Framing = .datagram) {
        self.init(Array(text.utf8), as: framing)
    }

    deinit { storage.deallocate() }

    func read<Value>(_ body: (borrowing SIPMessage) -> Value) -> Value { body(message) }

    func text(_ range: ByteRange) -> String { String(decoding: message.bytes(range), as: UTF8.self) }

    /// The text of a range that the message itself names.
    func text(_ range: (borrowing SIPMessage) -> ByteRange) -> String { text(range(message)) }

    var body: String { String(decoding: message.body, as: UTF8.self) }

    var error: ParseError.Kind? {
        if case .malformed(let error) = outcome { return error.kind }
        return nil
    }

    var responseCode: UInt16? {
        if case .malformed(let error) = outcome { return error.responseCode }
        return nil
    }

    var isComplete: Bool {
        if case .complete = outcome { return true }
        return false
    }

    /// All values of a header, in order.
    func values(_ name: HeaderName) -> [String] {
        var values: [String] = []
        var index = message.first(name)
        while index >= 0 {
            values.append(text(message.header(index).value))
            index = message.next(after: index)
        }
        return values
    }

    func values(named name: String) -> [String] {
        var values: [String] = []
        var name = name
        name.withUTF8 { bytes in
            let key = UnsafeRawBufferPointer(bytes)
            var index = message.first(named: key)
            while index >= 0 {
                values.append(text(message.header(index).value))
                index = message.next(after: index, named: key)
            }
        }
        return values
    }

    func elements(_ name: HeaderName) -> [ListElement] {
        var cursor = message.elements(of: name)
        var elements: [ListElement] = []
        while let element = cursor.next(in: message) { elements.append(element) }
        return elements
    }

    /// The message after some edits, or nil when they do not fit.
    func edited(
        capacity: Int = 131_072, _ change: (inout MessageEdits, borrowing SIPMessage) -> Void
    ) -> String? {
        var edits = MessageEdits()
        change(&edits, message)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 1)
        defer { output.deallocate() }
        let count = edits.serialise(message, into: output)
        guard count >= 0 else { return nil }
        return String(decoding: output[0..<count], as: UTF8.self)
    }

    /// What a writer writes, or nil when it does not fit.
    func written(
        capacity: Int = 65_536, _ write: (borrowing SIPMessage, UnsafeMutableRawBufferPointer) -> Int
    ) -> String? {
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 1)
        defer { output.deallocate() }
        let count = write(message, output)
        return count < 0 ? nil : String(decoding: output[0..<count], as: UTF8.self)
    }
}

/// A small OPTIONS, a line of which a test may put in another's place.
enum Sample {
    static let lines = [
        "OPTIONS sip:bob@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsample",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>",
        "Call-ID: sample-1@example.com",
        "CSeq: 7 OPTIONS",
        "Max-Forwards: 70",
    ]

    static let response = [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsample",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=b2",
        "Call-ID: sample-1@example.com",
        "CSeq: 7 OPTIONS",
    ]

    static func text(_ lines: [String], body: String = "") -> String {
        lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// The request with one start line in the place of its own.
    static func request(startLine: String) -> String { text([startLine] + lines.dropFirst()) }

    /// The request with the header of that name replaced by these lines, or left out.
    static func request(_ name: String, _ replacement: [String]) -> String {
        text(lines.flatMap { $0.hasPrefix(name + ":") ? replacement : [$0] })
    }

    static func request(adding added: [String], body: String = "") -> String { text(lines + added, body: body) }
}

/// SplitMix64: small, and the same everywhere for one seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The seed of this run: SIP_SEED, or another one each time. Tests print it when they fail.
    static func seed() -> UInt64 {
        ProcessInfo.processInfo.environment["SIP_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
    }
}

/// A text on its own, for the parsers that work on ranges.
func withText<Value>(_ text: String, _ body: (ByteRange, UnsafeRawBufferPointer) -> Value) -> Value {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes { body(ByteRange(0, $0.count), $0) }
}

func string(_ range: ByteRange?, in bytes: UnsafeRawBufferPointer) -> String? {
    range.map { String(decoding: bytes[$0.start..<$0.end], as: UTF8.self) }
}
