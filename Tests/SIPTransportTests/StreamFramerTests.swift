import Testing

@testable import SIPTransport

@Suite("Messages in a stream")
struct StreamFramerTests {
    private static func message(_ number: Int, body: String = "") -> String {
        "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK\(number)\r\n"
            + "Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n"
            + "Call-ID: \(number)@192.0.2.1\r\nCSeq: \(number) MESSAGE\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// What a connection would see that gets these pieces, one after the other.
    private func steps(of pieces: [[UInt8]]) -> [StreamFramer.Step] {
        var framer = StreamFramer(HeaderReader())
        var input: [UInt8] = []
        var steps: [StreamFramer.Step] = []
        for piece in pieces {
            input += piece
            while true {
                let step = input.withUnsafeBytes { framer.next($0) }
                switch step {
                case .incomplete: break
                case .broken:
                    return steps + [step]
                case .lineEnds(let count):
                    steps.append(step)
                    input.removeFirst(count)
                    continue
                case .message(let count):
                    steps.append(step)
                    input.removeFirst(count)
                    framer.took()
                    continue
                }
                break
            }
        }
        return steps
    }

    @Test("a message cut in two at any byte is found whole")
    func split() {
        let bytes = Array(Self.message(1, body: "hello\r\n\r\nworld").utf8)
        for position in 0...bytes.count {
            #expect(
                steps(of: [Array(bytes[..<position]), Array(bytes[position...])]) == [.message(bytes.count)],
                "cut at \(position)")
        }
        #expect(steps(of: bytes.map { [$0] }) == [.message(bytes.count)])
    }

    @Test("headers that come byte by byte are read once, and so is a message that could not be taken at once")
    func readOnce() {
        let reader = HeaderReader()
        var framer = StreamFramer(reader)
        let bytes = Array(Self.message(1, body: String(repeating: "\r\n\r\n", count: 1_000)).utf8)
        for count in 1..<bytes.count {
            #expect(bytes[..<count].withUnsafeBytes { framer.next($0) } == .incomplete)
        }
        for _ in 0..<3 { #expect(bytes.withUnsafeBytes { framer.next($0) } == .message(bytes.count)) }
        #expect(reader.count == 1)
    }

    @Test("a message that is malformed but ends somewhere is passed on, and the next one is found")
    func malformed() {
        let broken = Array(Self.message(1, body: "hello").replacing("CSeq: 1 MESSAGE", with: "CSeq: none").utf8)
        let next = Array(Self.message(2).utf8)
        #expect(steps(of: [broken + next]) == [.message(broken.count), .message(next.count)])
    }

    @Test("many messages in one segment are found one after the other, also with an empty body")
    func many() {
        let messages = (0..<50).map { Array(Self.message($0, body: $0 % 2 == 0 ? "" : "body \($0)").utf8) }
        #expect(steps(of: [messages.flatMap { $0 }]) == messages.map { .message($0.count) })
    }

    @Test("line ends between messages are told apart from messages")
    func lineEnds() {
        let bytes = Array(Self.message(1).utf8)
        let ping = Array("\r\n\r\n".utf8)
        #expect(steps(of: [ping + bytes + ping]) == [.lineEnds(4), .message(bytes.count), .lineEnds(4)])
        #expect(steps(of: ping.map { [$0] }) == [.lineEnds(2), .lineEnds(2)])
        // A CR alone may be the first half of a line end.
        #expect(steps(of: [[13]]) == [])
    }

    @Test("what is no message, or has no length, or too great a one, breaks the stream")
    func broken() {
        let text = Self.message(1)
        for other in ["Content-Length: x", "Content-Length: 99999", "Content-Length: 70000000000", "X: y"] {
            let bytes = Array(text.replacing("Content-Length: 0", with: other).utf8)
            #expect(steps(of: [bytes]) == [.broken], "\(other)")
        }
        #expect(steps(of: [Array(repeating: 0x78, count: 70_000)]) == [.broken])
        // Each part is within its limit, the whole is not.
        let large = Array(Self.message(1, body: String(repeating: "b", count: 65_400)).utf8)
        #expect(steps(of: [large]) == [.broken])
    }

    @Test("any cutting into segments gives the same messages")
    func randomCuts() {
        let seed = UInt64.random(in: .min ... .max)
        var random = Numbers(state: seed)
        for _ in 0..<50 {
            var expected: [StreamFramer.Step] = []
            var bytes: [UInt8] = []
            for number in 0..<Int.random(in: 1...8, using: &random) {
                let body = String(repeating: "\r\nx", count: Int.random(in: 0...60, using: &random))
                let message = Array(Self.message(number, body: body).utf8)
                expected.append(.message(message.count))
                bytes += message
            }
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...min(rest.count, 400), using: &random)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(steps(of: pieces) == expected, "seed \(seed)")
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
