import SIPMessage
import Testing

@Suite("Where a message ends")
struct FramingTests {
    static let stream = Sample.request(adding: ["Content-Length: 4"], body: "body")

    @Test("a datagram without Content-Length is body to its end")
    func datagramWithout() {
        let parsed = Parsed(Sample.request(adding: [], body: "all of it"))
        #expect(parsed.isComplete)
        #expect(parsed.body == "all of it")
    }

    @Test("a datagram's bytes past Content-Length are dropped")
    func datagramSurplus() {
        let text = Sample.request(adding: ["Content-Length: 4"], body: "bodySURPLUS")
        let parsed = Parsed(text)
        #expect(parsed.outcome == .complete(consumed: text.utf8.count))
        #expect(parsed.body == "body")
        #expect(parsed.edited { _, _ in } == Sample.request(adding: ["Content-Length: 4"], body: "body"))
    }

    @Test("a Content-Length larger than the datagram is malformed")
    func datagramShort() {
        let parsed = Parsed(Sample.request(adding: ["Content-Length: 5"], body: "body"))
        #expect(parsed.error == .contentLengthTooLarge)
        #expect(parsed.responseCode == 400)
    }

    @Test("equal Content-Lengths are one, different ones malformed")
    func repeated() {
        #expect(Parsed(Sample.request(adding: ["Content-Length: 4", "l: 04"], body: "body")).isComplete)
        #expect(
            Parsed(Sample.request(adding: ["Content-Length: 4", "l: 3"], body: "body")).error == .contentLengthConflict)
    }

    @Test(
        "a Content-Length that is no number is malformed",
        arguments: ["-1", "+4", "", "4 4", "0x4", "4;", "99999999999999999999999999", "2147483648"])
    func notANumber(value: String) {
        #expect(Parsed(Sample.request(adding: ["Content-Length: \(value)"], body: "body")).error == .contentLength)
    }

    @Test("a stream is incomplete at every byte before the last, and then complete")
    func streamPrefixes() {
        let bytes = Array(Self.stream.utf8)
        for count in 0..<bytes.count {
            #expect(Parsed(Array(bytes[0..<count]), as: .stream).outcome == .incomplete, "after \(count) bytes")
        }
        #expect(Parsed(bytes, as: .stream).outcome == .complete(consumed: bytes.count))
    }

    @Test("a stream's message ends before the next one")
    func pipelined() {
        let parsed = Parsed(Self.stream + Self.stream, as: .stream)
        #expect(parsed.outcome == .complete(consumed: Self.stream.utf8.count))
        #expect(parsed.body == "body")
        #expect(parsed.edited { _, _ in } == Self.stream)
    }

    @Test("a stream's message needs a Content-Length")
    func streamWithout() {
        #expect(Parsed(Sample.request(adding: []), as: .stream).error == .missingContentLength)
    }

    @Test("line ends on a stream are keep-alives, and are taken before the message behind them")
    func keepAlives() {
        #expect(Parsed("\r\n", as: .stream).outcome == .keepAlive(consumed: 2))
        #expect(Parsed("\r\n\r\n", as: .stream).outcome == .keepAlive(consumed: 4))
        #expect(Parsed("\r\n\r", as: .stream).outcome == .keepAlive(consumed: 2))
        #expect(Parsed("\r", as: .stream).outcome == .incomplete)
        #expect(Parsed("\r\n" + Self.stream, as: .stream).outcome == .keepAlive(consumed: 2))
    }

    @Test("an empty datagram and one of line ends are keep-alives")
    func datagramKeepAlives() {
        #expect(Parsed("").outcome == .keepAlive(consumed: 0))
        #expect(Parsed("\r\n\r\n").outcome == .keepAlive(consumed: 4))
    }

    @Test("line ends before a datagram's start line are passed over")
    func datagramLineEnds() {
        let text = Sample.request(adding: [])
        let parsed = Parsed("\r\n\r\n" + text)
        #expect(parsed.outcome == .complete(consumed: text.utf8.count + 4))
        #expect(parsed.text { $0.methodName } == "OPTIONS")
        #expect(parsed.edited { _, _ in } == text)
    }

    @Test("a body past the stream's limit is too large before it has arrived")
    func bodyLimit() {
        let text = Sample.request(adding: ["Content-Length: 101"])
        #expect(Parsed(Array(text.utf8), as: .stream, bodyBytesMax: 100).outcome == .tooLarge)
        #expect(Parsed(Array(text.utf8), as: .stream, bodyBytesMax: 101).outcome == .incomplete)
    }

    @Test("a header section past 65,535 bytes is too large")
    func headerLimit() {
        let long = "X: " + String(repeating: "x", count: SIPMessage.headerSectionBytesMax)
        #expect(Parsed(Sample.request(adding: [long, "Content-Length: 0"]), as: .stream).outcome == .tooLarge)
        #expect(Parsed(Sample.request(adding: [long])).outcome == .tooLarge)
        let endless = Sample.lines.joined(separator: "\r\n") + "\r\n" + long
        #expect(Parsed(endless, as: .stream).outcome == .tooLarge)
    }

    @Test("a message of 65,535 bytes is whole, body and headers")
    func largest() {
        let head = Sample.request(adding: [])
        let body = String(repeating: "b", count: 65_535 - head.utf8.count)
        let parsed = Parsed(head + body)
        #expect(parsed.isComplete)
        #expect(parsed.body == body)

        let padding = 65_535 - Sample.request(adding: ["X: "]).utf8.count
        let headers = Parsed(Sample.request(adding: ["X: " + String(repeating: "x", count: padding)]))
        #expect(headers.isComplete)
        #expect(headers.values(named: "x").first?.utf8.count == padding)
    }

    @Test("a stream carries a body that 16 bits do not measure")
    func largeBody() {
        let body = [UInt8](repeating: 0x62, count: 200_000)
        let bytes = Array(Sample.request(adding: ["Content-Length: 200000"]).utf8) + body
        let parsed = Parsed(bytes, as: .stream, bodyBytesMax: 200_000)
        #expect(parsed.outcome == .complete(consumed: bytes.count))
        #expect(parsed.body.utf8.count == 200_000)
    }

    @Test("a stream's malformed message with a known end is passed over whole")
    func skipsMalformed() {
        let lines = Sample.lines.map { $0 == "CSeq: 7 OPTIONS" ? "CSeq: 7 INFO" : $0 }
        let text = Sample.text(lines + ["Content-Length: 4"], body: "body")
        let half = Parsed(String(text.dropLast(2)), as: .stream)
        #expect(half.outcome == .incomplete)
        let whole = Parsed(text + Self.stream, as: .stream)
        #expect(whole.error == .cSeqMethod)
        #expect(whole.read { $0.isFramed })
        #expect(whole.read { $0.byteCount } == text.utf8.count)

        let lost = Parsed(Sample.text(lines + ["Content-Length: x"]), as: .stream)
        #expect(lost.error == .cSeqMethod, "the first malformation is the one named")
        #expect(!lost.read { $0.isFramed })
    }

    @Test("a datagram without the empty line is malformed", arguments: ["\r\n", "\r", ""])
    func unterminated(ending: String) {
        let parsed = Parsed(Sample.lines.joined(separator: "\r\n") + ending)
        #expect(parsed.error == .unterminatedHeaders)
    }
}
