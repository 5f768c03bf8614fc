import SIPMessage
import Testing

@Suite("Malformations")
struct MalformationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let text: String
        let kind: ParseError.Kind
        var code: UInt16 = 400

        var testDescription: String { "\(kind)" }
    }

    static let startLines: [Case] = [
        Case(text: "OPTIONS", kind: .startLine),
        Case(text: "OPTIONS\tsip:bob@example.com SIP/2.0", kind: .startLine),
        Case(text: "OPTIONS sip:bob@example.com", kind: .startLine),
        Case(text: "OPTIONS sip:bob@example.com HTTP/1.1", kind: .startLine),
        Case(text: "OPTIONS sip:bob@example.com SIP/2", kind: .startLine),
        Case(text: "OPTIONS sip:bob@example.com SIP/2.x", kind: .startLine),
        Case(text: "OPTIONS sip:bob@example.com SIP/3.0", kind: .version, code: 505),
        Case(text: "OPTIONS sip:bob@example.com SIP/2.01", kind: .version, code: 505),
        Case(text: "OPTIONS sip:bob@example.com SIP/99999999999999999999.0", kind: .version, code: 505),
        Case(text: "OPTIONS  sip:bob@example.com SIP/2.0", kind: .requestURIWhitespace),
        Case(text: "OPTIONS sip:bob@example.com  SIP/2.0", kind: .requestURIWhitespace),
        Case(text: "OPTIONS sip:bob@example.com SIP/2.0 ", kind: .requestURIWhitespace),
        Case(text: "OPTIONS sip:bob @example.com SIP/2.0", kind: .requestURIWhitespace),
        Case(text: "OPTIONS sip:bob@example.com;\tlr SIP/2.0", kind: .requestURIWhitespace),
        Case(text: "OPTIONS <sip:bob@example.com> SIP/2.0", kind: .requestURIBrackets),
        Case(text: "OPTIONS bob@example.com SIP/2.0", kind: .requestURI),
        Case(text: "OPTIONS sip: SIP/2.0", kind: .requestURI),
        Case(text: "OPTIONS sip:bob@ SIP/2.0", kind: .requestURI),
        Case(text: "OPTIONS sip:bob@example.com?Subject=x SIP/2.0", kind: .requestURIHeaders),
    ]

    @Test("a start line", arguments: startLines)
    func startLine(expected: Case) {
        let parsed = Parsed(Sample.request(startLine: expected.text))
        #expect(parsed.error == expected.kind)
        #expect(
            parsed.responseCode == (expected.kind == .startLine && !parsed.read { $0.isRequest } ? 0 : expected.code))
    }

    static let values: [(String, Case)] = [
        ("Via", Case(text: "Via: SIP/2.0/UDP", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0 192.0.2.1", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0/UDP 192.0.2.1;;branch=z9hG4bK1", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0/UDP 192.0.2.1:0", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0/UDP 192.0.2.1:65536", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0/UDP [2001:db8::1", kind: .via)),
        ("Via", Case(text: "Via: SIP/2.0/UDP 192.0.2.1;rport=x", kind: .via)),
        ("Via", Case(text: "Via:", kind: .via)),
        ("From", Case(text: "From: ", kind: .from)),
        ("From", Case(text: "From: \"Alice <sip:alice@example.com>;tag=a1", kind: .from)),
        ("From", Case(text: "From: Doe, Alice <sip:alice@example.com>;tag=a1", kind: .from)),
        ("From", Case(text: "From: <sip:alice@example.com;tag=a1", kind: .from)),
        ("From", Case(text: "From: <sip:alice@example.com>;;tag=a1", kind: .from)),
        ("From", Case(text: "From: <sip:alice@example.com> tag=a1", kind: .from)),
        ("From", Case(text: "From: <alice>;tag=a1", kind: .from)),
        ("To", Case(text: "To: < sip:bob@example.com >", kind: .to)),
        ("To", Case(text: "To: sip:bob@example.com?Subject=x", kind: .to)),
        ("To", Case(text: "To: sip:bob@example.com>", kind: .to)),
        ("Call-ID", Case(text: "Call-ID: ", kind: .callID)),
        ("Call-ID", Case(text: "Call-ID: one two", kind: .callID)),
        ("CSeq", Case(text: "CSeq: OPTIONS", kind: .cSeq)),
        ("CSeq", Case(text: "CSeq: 7", kind: .cSeq)),
        ("CSeq", Case(text: "CSeq: 7OPTIONS", kind: .cSeq)),
        ("CSeq", Case(text: "CSeq: -7 OPTIONS", kind: .cSeq)),
        ("CSeq", Case(text: "CSeq: 7 OPTIONS x", kind: .cSeq)),
        ("CSeq", Case(text: "CSeq: 2147483648 OPTIONS", kind: .cSeqNumber)),
        ("CSeq", Case(text: "CSeq: 99999999999999999999999999999 OPTIONS", kind: .cSeqNumber)),
        ("CSeq", Case(text: "CSeq: 7 INFO", kind: .cSeqMethod)),
        ("CSeq", Case(text: "CSeq: 7 options", kind: .cSeqMethod)),
        ("Max-Forwards", Case(text: "Max-Forwards: 256", kind: .maxForwards)),
        ("Max-Forwards", Case(text: "Max-Forwards: -1", kind: .maxForwards)),
        ("Max-Forwards", Case(text: "Max-Forwards: ", kind: .maxForwards)),
        ("Max-Forwards", Case(text: "Max-Forwards 70", kind: .headerLine)),
        ("Max-Forwards", Case(text: ": 70", kind: .headerLine)),
        ("Max-Forwards", Case(text: "Max\rForwards: 70", kind: .headerLine)),
        ("Max-Forwards", Case(text: "Max Forwards: 70", kind: .headerLine)),
        ("Max-Forwards", Case(text: "Max-Forwards: 70\rX: y", kind: .bareCarriageReturn)),
        ("Max-Forwards", Case(text: "Max-Forwards: 70\nX: y", kind: .bareLineFeed)),
    ]

    @Test("a header's value", arguments: values)
    func value(name: String, expected: Case) {
        let parsed = Parsed(Sample.request(name, [expected.text]))
        #expect(parsed.error == expected.kind)
        #expect(parsed.responseCode == 400)
    }

    @Test(
        "a header that every message has, missing",
        arguments: [
            ("Via", ParseError.Kind.missingVia), ("From", .missingFrom), ("To", .missingTo),
            ("Call-ID", .missingCallID), ("CSeq", .missingCSeq),
        ])
    func missing(name: String, kind: ParseError.Kind) {
        let parsed = Parsed(Sample.request(name, []))
        #expect(parsed.error == kind)
        // Without a Via no client could tell whose answer it is.
        #expect(parsed.responseCode == (kind == .missingVia ? 0 : 400))
    }

    @Test(
        "a header that may stand once, twice",
        arguments: [
            ("From", ParseError.Kind.duplicateFrom), ("To", .duplicateTo), ("Call-ID", .duplicateCallID),
            ("CSeq", .duplicateCSeq), ("Max-Forwards", .duplicateMaxForwards),
        ])
    func twice(name: String, kind: ParseError.Kind) throws {
        let line = try #require(Sample.lines.first { $0.hasPrefix(name + ":") })
        let parsed = Parsed(Sample.request(adding: [line]))
        #expect(parsed.error == kind)
        #expect(parsed.responseCode == 400)
    }

    @Test("Max-Forwards may be missing, as RFC 2543 had none; leading zeros are no harm")
    func maxForwards() {
        let without = Parsed(Sample.request("Max-Forwards", []))
        #expect(without.isComplete)
        #expect(without.read { $0.maxForwards } == -1)
        #expect(Parsed(Sample.request("Max-Forwards", ["Max-Forwards: 000255"])).read { $0.maxForwards } == 255)
        #expect(Parsed(Sample.request("Max-Forwards", ["Max-Forwards: 0"])).read { $0.maxForwards } == 0)
    }

    @Test("unknown methods are compared by their letters")
    func unknownMethod() {
        var lines = Sample.lines
        lines[0] = "FROB sip:bob@example.com SIP/2.0"
        lines[5] = "CSeq: 7 FROB"
        let parsed = Parsed(Sample.text(lines))
        #expect(parsed.isComplete)
        #expect(parsed.read { $0.method } == .other)
        #expect(parsed.text { $0.methodName } == "FROB")
        lines[5] = "CSeq: 7 GROB"
        #expect(Parsed(Sample.text(lines)).error == .cSeqMethod)
    }

    @Test(
        "a status line",
        arguments: [
            ("SIP/2.0 99 Low", ParseError.Kind.statusCode), ("SIP/2.0 700 High", .statusCode),
            ("SIP/2.0 4294967301 Overflows", .statusCode), ("SIP/2.0  200 OK", .statusCode),
            ("SIP/2.0 20 OK", .statusCode), ("SIP/2.0 2000 OK", .statusCode), ("SIP/2.0 abc OK", .statusCode),
            ("SIP/2.0 200OK", .statusCode), ("SIP/3.0 200 OK", .version), ("SIP/2.0", .startLine), ("SIP/", .startLine),
        ])
    func statusLine(line: String, kind: ParseError.Kind) {
        let parsed = Parsed(Sample.text([line] + Sample.response.dropFirst()))
        #expect(parsed.error == kind)
        #expect(parsed.responseCode == 0, "nobody answers a response")
    }

    @Test(
        "a reason phrase may be anything, or nothing",
        arguments: [
            ("SIP/2.0 200 OK", "OK"), ("SIP/2.0 183 ", ""), ("SIP/2.0 183", ""),
            ("sip/2.0 603 a  b\u{E9}", "a  b\u{E9}"),
        ])
    func reason(line: String, phrase: String) {
        let parsed = Parsed(Sample.text([line] + Sample.response.dropFirst()))
        #expect(parsed.isComplete)
        #expect(parsed.text { $0.reasonPhrase } == phrase)
        #expect(parsed.read { !$0.isRequest && $0.method == .options })
        #expect(parsed.text { $0.methodName } == "OPTIONS")
    }

    @Test("an ACK is never answered, however broken")
    func ack() {
        var lines = Sample.lines
        lines[0] = "ACK sip:bob@example.com SIP/2.0"
        lines[5] = "CSeq: 7 INVITE"
        let parsed = Parsed(Sample.text(lines))
        #expect(parsed.error == .cSeqMethod)
        #expect(parsed.responseCode == 0)
    }

    @Test("bytes that are no message at all are malformed and not answered")
    func noise() {
        for text in ["x", "\0\0\0\0", "\n", "GET / HTTP/1.1\r\n\r\n", " \r\n\r\n", "\u{1}\u{1}\0\u{14}!\u{12}\u{A4}B"] {
            let parsed = Parsed(text)
            #expect(parsed.error != nil)
            #expect(parsed.responseCode == 0)
        }
    }

    @Test("every malformation has a text of its own and a code")
    func texts() {
        var seen: Set<String> = []
        for kind in ParseError.Kind.allCases {
            let error = ParseError(kind: kind, offset: 0, responseCode: 0)
            #expect(seen.insert(error.text.description).inserted)
            #expect([400, 505].contains(ParseError.responseCode(for: kind)))
        }
    }
}
