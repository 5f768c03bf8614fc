import SIPMessage
import Testing

@Suite("URIs")
struct URITests {
    private func parts(_ text: String) -> [String?]? {
        withText(text) { range, bytes in
            guard let uri = SIPURI.parse(range, in: bytes) else { return nil }
            func optional(_ range: ByteRange) -> String? { range.isAbsent ? nil : string(range, in: bytes) }
            return [
                "\(uri.scheme)", optional(uri.user), optional(uri.password), optional(uri.host), "\(uri.port)",
                optional(uri.parameters), optional(uri.headers),
            ]
        }
    }

    @Test("sip and sips, with and without what may be left out")
    func sip() {
        #expect(parts("sip:example.com") == ["sip", nil, nil, "example.com", "0", nil, nil])
        #expect(parts("SIPS:a@example.com:5061") == ["sips", "a", nil, "example.com", "5061", nil, nil])
        #expect(
            parts("sip:a:pw@192.0.2.1:5060;transport=tcp;lr?Subject=x&To=y")
                == ["sip", "a", "pw", "192.0.2.1", "5060", ";transport=tcp;lr", "Subject=x&To=y"])
        #expect(parts("sip:a:@example.com") == ["sip", "a", "", "example.com", "0", nil, nil])
        #expect(parts("sip:example.com?a=b") == ["sip", nil, nil, "example.com", "0", nil, "a=b"])
    }

    @Test("the user part may hold what delimits elsewhere")
    func user() {
        #expect(parts("sip:a;b=c?d/e&f=+$,@example.com;lr")?[1] == "a;b=c?d/e&f=+$,")
        #expect(parts("sip:%40a%00@example.com")?[1] == "%40a%00")
        #expect(parts("sip:*21#@example.com")?[1] == "*21#", "outside the grammar, but dialled")
    }

    @Test("IPv6 references")
    func ipv6() {
        #expect(parts("sip:a@[2001:db8::1]:5070;lr") == ["sip", "a", nil, "2001:db8::1", "5070", ";lr", nil])
        #expect(parts("sip:[::1]") == ["sip", nil, nil, "::1", "0", nil, nil])
    }

    @Test("tel: the number is the user")
    func tel() {
        #expect(parts("tel:+1-201-555-0123;ext=7") == ["tel", "+1-201-555-0123", nil, nil, "0", ";ext=7", nil])
        #expect(parts("tel:5550123;phone-context=example.com")?[1] == "5550123")
        #expect(parts("tel:*21#")?[1] == "*21#")
    }

    @Test("other schemes are let through whole")
    func other() {
        #expect(parts("urn:service:sos") == ["other", nil, nil, nil, "0", nil, nil])
        #expect(parts("example.x+y-z://a@b@c") == ["other", nil, nil, nil, "0", nil, nil])
    }

    @Test(
        "is malformed",
        arguments: [
            "", "sip", "sip:", ":a@example.com", "1sip:a@example.com", "sip:@example.com", "sip:a@",
            "sip:a@b@example.com",
            "sip:a b@example.com", "sip:a@example.com:", "sip:a@example.com:0", "sip:a@example.com:65536",
            "sip:a@example.com:5060x", "sip:a@[::1", "sip:a@[]", "sip:a@[host]", "sip:a@example.com;",
            "sip:a@example.com;;x",
            "sip:a@example.com;=x", "sip:a@example.com?", "sip:a@exa<mple.com", "sip:a@exam\"ple",
            "sip:a@example.com/x",
            "tel:", "tel:+", "tel:--", "tel:1+2", "tel:alice", "tel:1;", "sip:a@b,c",
        ])
    func malformed(text: String) {
        #expect(parts(text) == nil)
    }

    @Test("parameters are found in any case; lr makes a loose route")
    func parameters() {
        withText("sip:example.com;Transport=TCP;LR;x=") { range, bytes in
            let uri = SIPURI.parse(range, in: bytes)
            #expect(string(uri?.parameter("transport", in: bytes), in: bytes) == "TCP")
            #expect(uri?.hasLooseRouting(in: bytes) == true)
            #expect(uri?.parameter("x", in: bytes)?.isEmpty == true)
            #expect(uri?.parameter("y", in: bytes) == nil)
        }
        withText("sip:lr@example.com;lrx;x=lr") { range, bytes in
            #expect(SIPURI.parse(range, in: bytes)?.hasLooseRouting(in: bytes) == false)
        }
    }

    // RFC 3261 §19.1.4, RFC 3966 §4, RFC 5954 §4.2.
    static let equal: [(String, String)] = [
        ("sip:%61lice@example.com;transport=TCP", "sip:alice@ExAmPlE.cOm;Transport=tcp"),
        ("SIP:a@example.com", "sip:a@example.com"),
        ("sip:a@example.com", "sip:a@example.com;newparam=5"),
        ("sip:a@example.com;newparam=5", "sip:a@example.com;security=on"),
        (
            "sip:example.com;transport=tcp;method=REGISTER?to=sip:b%40example.org",
            "sip:example.com;method=REGISTER;transport=tcp?to=sip:b%40example.org"
        ),
        (
            "sip:a@example.com?subject=project%20x&priority=urgent",
            "sip:a@example.com?priority=urgent&subject=project%20x"
        ),
        ("sip:a%2d@example.com", "sip:a-@example.com"),
        ("sip:a%3Bb@example.com", "sip:a%3bb@example.com"),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0:0:0:0:1]"),
        ("sip:[::]", "sip:[0:0::0:0]"), ("sip:[::1]", "sip:[0:0:0:0:0:0:0.0.0.1]"), ("sip:[1::]", "sip:[1:0:0::0]"),
        ("sip:[::ffff:192.0.2.1]", "sip:[::FFFF:c000:201]"),
        ("sip:[1:2:3:4:5:6:7:8]", "sip:[01:02:03:04:05:06:0007:8]"),
        ("sip:[1::8]", "sip:[1:0:0:0:0:0:0:8]"), ("sip:[1:2::7:8]", "sip:[1:2:0:0::7:8]"),
        ("tel:+1-201-555-0123", "TEL:+1.201.5550123"),
        ("tel:+1(201)5550123;ext=1-2;a=B", "tel:+12015550123;A=b;ext=12"),
        ("tel:5550123;phone-context=+1-201", "tel:555-0123;phone-context=+1201"),
        ("urn:service:sos", "URN:service:sos"),
        ("not a uri", "not a uri"),
    ]

    static let different: [(String, String)] = [
        ("sip:alice@example.com", "sip:ALICE@example.com"),
        ("sip:a@example.com", "sips:a@example.com"),
        ("sip:a@example.com", "sip:a@example.org"),
        ("sip:a@example.com", "sip:example.com"),
        ("sip:a@example.com", "sip:a:pw@example.com"),
        ("sip:a:@example.com", "sip:a@example.com"),
        ("sip:a@example.com", "sip:a@example.com:5060"),
        ("sip:a@example.com", "sip:a@example.com;transport=udp"),
        ("sip:a@example.com", "sip:a@example.com;user=ip"),
        ("sip:a@example.com", "sip:a@example.com;ttl=1"),
        ("sip:a@example.com", "sip:a@example.com;method=INVITE"),
        ("sip:a@example.com;maddr=192.0.2.1", "sip:a@example.com"),
        ("sip:a@example.com;x=1", "sip:a@example.com;x=2"),
        ("sip:a@example.com;x=1", "sip:a@example.com;x"),
        ("sip:a@example.com", "sip:a@example.com?Subject=x"),
        ("sip:a@example.com?a=1", "sip:a@example.com?a=2"),
        ("sip:a@example.com?a=1", "sip:a@example.com?a=1&b=2"),
        ("sip:a%3Bb@example.com", "sip:a;b@example.com"),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]"),
        ("sip:[1::8]", "sip:[1:8::]"), ("sip:[::1]", "sip:[::1:0]"), ("sip:[1:2:3:4:5:6:7:8]", "sip:[1:2:3:4:5:6:7::]"),
        // No addresses, which equal themselves only.
        ("sip:[1::2::3]", "sip:[1::2::03]"), ("sip:[1:2]", "sip:[01:2]"), ("sip:[12345::]", "sip:[012345::]"),
        ("sip:[::1:]", "sip:[::01:]"), ("sip:[:1::]", "sip:[:01::]"), ("sip:[::256.0.0.1]", "sip:[::256.0.0.01]"),
        ("sip:[1:2:3:4:5:6:7:8:9]", "sip:[1:2:3:4:5:6:7:8:09]"), ("sip:[::1.2.3]", "sip:[::1.2.03]"),
        ("sip:[1:2:3:4:5:6:7:1.2.3.4]", "sip:[1:2:3:4:5:6:07:1.2.3.4]"), ("sip:[:]", "sip:[::]"),
        ("tel:+12015550123", "tel:12015550123"),
        ("tel:5550123;phone-context=example.com", "tel:5550123;phone-context=example.org"),
        ("tel:+12015550123", "tel:+12015550123;ext=1"),
        ("urn:service:sos", "urn:service:SOS"),
        ("tel:+12015550123", "sip:+12015550123@example.com;user=phone"),
        ("not a uri", "not a URI"),
    ]

    private func equivalent(_ left: String, _ right: String) -> Bool {
        withText(left) { _, a in withText(right) { _, b in SIPURI.equivalent(a, b) } }
    }

    @Test("equivalent, both ways round", arguments: equal)
    func isEqual(left: String, right: String) {
        #expect(equivalent(left, right))
        #expect(equivalent(right, left))
    }

    @Test("not equivalent, either way round", arguments: different)
    func isDifferent(left: String, right: String) {
        #expect(!equivalent(left, right))
        #expect(!equivalent(right, left))
    }

    @Test("URIs of thousands of parameters are compared in bounded work")
    func hostile() {
        let many = (0..<8_000).map { ";p\($0)" }.joined()
        #expect(!equivalent("sip:a@example.com" + many, "sip:b@example.com" + many))
        #expect(!equivalent("sip:a@example.com" + many, "sip:a@example.com" + many + ";q"))
        #expect(equivalent("sip:a@example.com" + many, "sip:a@example.com" + many))
    }
}
