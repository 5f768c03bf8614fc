import SIPMessage
import Testing

@Suite("Properties")
struct PropertyTests {
    /// Lines that tempt a parser to count wrong.
    private static let oddLines = [
        "Route: <sip:a@example.com;lr>,\r\n\t<sip:b@[2001:db8::1]:5070;lr>",
        "Contact: \"a\\\"b,<\" <sip:c@example.com>;q=1",
        "X-Empty:", "Subject:  \r\n \r\n x", "s: ,,;\"", "Supported: a , b,,c", "k: d",
        "Record-Route: <sip:r@example.com;lr>",
        "User-Agent: e/1 (comment, \"quoted\")", "m: *", "Organization: caf\u{E9}",
    ]

    private static func randomMessage(_ generator: inout SeededGenerator) -> String {
        var lines = Sample.lines
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            lines.insert(
                oddLines.randomElement(using: &generator)!, at: Int.random(in: 1...lines.count, using: &generator))
        }
        let body = String(repeating: "b", count: Int.random(in: 0...40, using: &generator))
        return Sample.text(lines + ["Content-Length: \(body.utf8.count)"], body: body)
    }

    @Test("edits change what they name and nothing else")
    func edits() {
        let seed = SeededGenerator.seed()
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let text = Self.randomMessage(&generator)
            let parsed = Parsed(text)
            #expect(parsed.isComplete, "seed \(seed)\n\(text)")
            var removed: Set<Int> = []
            var inserted: [Int: Int] = [:]
            let count = parsed.read { $0.headerCount }
            let edited = parsed.edited { edits, message in
                for _ in 0..<Int.random(in: 0...6, using: &generator) {
                    let index = Int.random(in: 0..<count, using: &generator)
                    if Bool.random(using: &generator) {
                        removed.insert(index)
                        edits.removeHeader(index, of: message)
                    } else {
                        inserted[index, default: 0] += 1
                        edits.insertHeader("X-New", value: UnsafeRawBufferPointer("n"), at: index, of: message)
                    }
                }
                #expect(edits.serialisedCount(message) >= 0)
            }
            var expected = parsed.text { ByteRange(0, $0.startLineEnd) }
            for index in 0..<count {
                expected += String(repeating: "X-New: n\r\n", count: inserted[index] ?? 0)
                if !removed.contains(index) { expected += parsed.text { $0.header(index).line } }
            }
            expected += "\r\n" + parsed.body
            #expect(edited == expected, "seed \(seed)\n\(text)")
        }
    }

    @Test("a message with bytes changed at random is taken or refused, and what is taken is passed on")
    func mutations() {
        let seed = SeededGenerator.seed()
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            var bytes = Array(Self.randomMessage(&generator).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(Array(" \t\r\n\";,<>:@%\\".utf8).randomElement(using: &generator)!, at: index)
                }
            }
            let parsed = Parsed(bytes, as: Bool.random(using: &generator) ? .datagram : .stream)
            guard parsed.isComplete else { continue }
            let count = parsed.read { $0.byteCount }
            let again = parsed.edited { edits, message in #expect(edits.serialisedCount(message) == count) }
            #expect(again == String(decoding: parsed.storage[0..<count], as: UTF8.self), "seed \(seed)")
        }
    }

    @Test("removing an element leaves the others, in every header they may stand in")
    func elements() {
        let seed = SeededGenerator.seed()
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let parsed = Parsed(Self.randomMessage(&generator))
            let before = parsed.elements(.supported)
            guard let victim = before.indices.randomElement(using: &generator) else { continue }
            let edited = parsed.edited { $0.removeElement(before[victim], of: $1) }
            let after = edited.map { Parsed($0) }
            var expected = before.map { parsed.text($0.value) }
            expected.remove(at: victim)
            #expect(after?.elements(.supported).map { after!.text($0.value) } == expected, "seed \(seed)")
        }
    }
}
