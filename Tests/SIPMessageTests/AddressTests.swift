import SIPMessage
import Testing

@Suite("Addresses in headers")
struct AddressTests {
    private func parts(_ text: String) -> [String?]? {
        withText(text) { range, bytes in
            guard let address = NameAddress.parse(range, in: bytes) else { return nil }
            func optional(_ range: ByteRange) -> String? { range.isAbsent ? nil : string(range, in: bytes) }
            return [
                optional(address.displayName), string(address.uri, in: bytes), optional(address.parameters),
                optional(address.tag),
            ]
        }
    }

    @Test("a name-addr and an addr-spec, with and without what may be left out")
    func forms() {
        #expect(parts("<sip:a@example.com>") == [nil, "sip:a@example.com", nil, nil])
        #expect(parts("sip:a@example.com") == [nil, "sip:a@example.com", nil, nil])
        #expect(parts("Alice <sip:a@example.com>") == ["Alice", "sip:a@example.com", nil, nil])
        #expect(parts("Alice<sip:a@example.com>") == ["Alice", "sip:a@example.com", nil, nil])
        #expect(parts("Alice B. Example <sip:a@example.com>") == ["Alice B. Example", "sip:a@example.com", nil, nil])
        #expect(parts("Caf\u{E9} <sip:a@example.com>") == ["Caf\u{E9}", "sip:a@example.com", nil, nil])
        #expect(parts("\"\" <sip:a@example.com>") == ["", "sip:a@example.com", nil, nil])
        #expect(parts("\"A\"<sip:a@example.com>;tag=t") == ["A", "sip:a@example.com", ";tag=t", "t"])
    }

    @Test("parameters behind brackets are the header's, those within the URI's; without brackets all are the header's")
    func parameters() {
        #expect(parts("<sip:a@example.com;user=phone>;tag=1") == [nil, "sip:a@example.com;user=phone", ";tag=1", "1"])
        #expect(parts("sip:a@example.com;user=phone;tag=1") == [nil, "sip:a@example.com", ";user=phone;tag=1", "1"])
        #expect(
            parts("<sip:a@example.com> ; x ; TAG = 1 ; y=2") == [nil, "sip:a@example.com", "; x ; TAG = 1 ; y=2", "1"])
    }

    @Test("quotes hide commas, semicolons, brackets and escaped quotes")
    func quotes() {
        #expect(
            parts(#""A, \"B\"; <sip:no@example.com>" <sip:a@example.com>;x=";tag=no";tag=yes"#)
                == [#"A, \"B\"; <sip:no@example.com>"#, "sip:a@example.com", #";x=";tag=no";tag=yes"#, "yes"])
        #expect(parts(#""back\\" <sip:a@example.com>"#) == [#"back\\"#, "sip:a@example.com", nil, nil])
    }

    @Test("any scheme may stand there")
    func schemes() {
        #expect(parts("<tel:+1-201-555-0123>")?[1] == "tel:+1-201-555-0123")
        #expect(parts("<http://example.com/a?b=c,d>")?[1] == "http://example.com/a?b=c,d")
        #expect(parts("urn:service:sos")?[1] == "urn:service:sos")
    }

    @Test("parameters are found by name in any case; a flag is empty, another absent")
    func lookup() {
        let text = "<sip:a@example.com>;Expires=60;+sip.instance=\"<urn:x>\";flag;empty="
        withText(text) { range, bytes in
            let address = NameAddress.parse(range, in: bytes)
            #expect(string(address?.parameter("expires", in: bytes), in: bytes) == "60")
            #expect(string(address?.parameter("+SIP.instance", in: bytes), in: bytes) == "\"<urn:x>\"")
            #expect(address?.parameter("flag", in: bytes)?.isEmpty == true)
            #expect(address?.parameter("empty", in: bytes)?.isEmpty == true)
            #expect(address?.parameter("q", in: bytes) == nil)
        }
    }

    @Test(
        "is malformed",
        arguments: [
            "", "*", "<>", "< sip:a@example.com>", "<sip:a@example.com", "sip:a@example.com>", "<sip:a@exa mple.com>",
            "\"A <sip:a@example.com>", "\"A\" sip:a@example.com", "\"A\"", "A, B <sip:a@example.com>",
            "<sip:a@example.com>;", "<sip:a@example.com>;;x", "<sip:a@example.com>;x=\"y", "<sip:a@example.com>x",
            "<sip:a@example.com>, <sip:b@example.com>", "A \"B\" <sip:a@example.com>", "<<sip:a@example.com>>",
            "sip:a@example.com?x=y", "a@example.com", "<sip>", "<sip:a@example.com>;tag=1;tag=2", "sip:", "1sip:a",
            "Alice sip:a@example.com",
        ])
    func malformed(text: String) {
        #expect(parts(text) == nil)
    }

    @Test("a tag without a value is malformed: found by the fuzzer, as a response added another one behind it")
    func emptyTag() {
        #expect(parts("<sip:a@example.com>;tag=") == nil)
        #expect(parts("<sip:a@example.com>;tag;x=y") == nil)
        #expect(Parsed(Sample.request("To", ["To: <sip:bob@example.com>;tag="])).error == .to)
    }

    @Test("list elements: commas in quotes and brackets belong to them, empty ones are passed over")
    func elements() {
        let parsed = Parsed(
            Sample.request(adding: [
                #"Contact: "A, B" <sip:1@example.com;x=a,b>;q=0.1 , <sip:2@example.com>"#, "Contact: ", "Contact: ,,",
                "m: ,sip:3@example.com,", #"m: "open, <sip:4@example.com>"#,
            ]))
        #expect(parsed.isComplete)
        let elements = parsed.elements(.contact)
        #expect(
            elements.map { parsed.text($0.value) } == [
                #""A, B" <sip:1@example.com;x=a,b>;q=0.1"#, "<sip:2@example.com>", "sip:3@example.com",
                #""open, <sip:4@example.com>"#,
            ])
        #expect(elements.map(\.isFirst) == [true, false, true, true])
        #expect(elements.map(\.isLast) == [false, true, true, true])
    }
}
