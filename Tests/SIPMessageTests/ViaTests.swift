import SIPMessage
import Testing

@Suite("Via")
struct ViaTests {
    private func parts(_ text: String) -> [String: String]? {
        withText(text) { range, bytes in
            guard let via = Via.parse(range, in: bytes) else { return nil }
            var parts = [
                "transport": "\(via.transport)", "port": "\(via.port)", "rport": "\(via.rport)", "ttl": "\(via.ttl)",
            ]
            parts["host"] = string(via.host, in: bytes)
            parts["branch"] = string(via.branch, in: bytes)
            parts["received"] = string(via.received, in: bytes)
            parts["maddr"] = string(via.maddr, in: bytes)
            parts["value"] = string(via.value, in: bytes)
            parts["cookie"] = "\(via.hasMagicCookie(in: bytes))"
            parts["v6"] = "\(via.isIPv6Reference)"
            return parts
        }
    }

    @Test("all its parts")
    func all() {
        let text =
            "SIP/2.0/UDP example.com:5070;rport=5071;received=192.0.2.7;maddr=192.0.2.8;ttl=16;branch=z9hG4bKx;a;b=\"c,;\\\"d\""
        #expect(
            parts(text) == [
                "transport": "udp", "host": "example.com", "port": "5070", "rport": "5071", "received": "192.0.2.7",
                "maddr": "192.0.2.8", "ttl": "16", "branch": "z9hG4bKx", "value": text, "cookie": "true", "v6": "false",
            ])
    }

    @Test("white space and folds wherever the grammar has them")
    func whitespace() {
        let found = parts("SIP \t/ 2.0\r\n / tcp   example.com \t:\r\n 5060 ; branch\t= z9hG4bKy ; rport")
        #expect(found?["transport"] == "tcp")
        #expect(found?["host"] == "example.com")
        #expect(found?["port"] == "5060")
        #expect(found?["branch"] == "z9hG4bKy")
        #expect(found?["rport"] == "0")
    }

    @Test("an IPv6 reference, also with a port, and as received")
    func ipv6() {
        let found = parts("SIP/2.0/TLS [2001:db8::1]:5061;received=2001:db8::2;branch=z9hG4bKz")
        #expect(found?["host"] == "2001:db8::1")
        #expect(found?["v6"] == "true")
        #expect(found?["port"] == "5061")
        #expect(found?["received"] == "2001:db8::2")
        #expect(parts("SIP/2.0/UDP [::ffff:192.0.2.1]")?["host"] == "::ffff:192.0.2.1")
    }

    @Test("transports in any case, unknown ones too", arguments: ViaTransport.allCases)
    func transports(transport: ViaTransport) {
        let name = transport == .other ? "EXAMPLE" : transport.name.description
        #expect(parts("SIP/2.0/\(name) host")?["transport"] == "\(transport)")
        #expect(parts("SIP/2.0/\(name.lowercased()) host")?["transport"] == "\(transport)")
    }

    @Test("a branch that promises nothing has no magic cookie")
    func cookie() {
        #expect(parts("SIP/2.0/UDP host;branch=z9hG4bK1")?["cookie"] == "true")
        #expect(parts("SIP/2.0/UDP host;branch=Z9HG4BK1")?["cookie"] == "true")
        #expect(parts("SIP/2.0/UDP host;branch=z9hG4bK")?["cookie"] == "false")
        #expect(parts("SIP/2.0/UDP host;branch=1")?["cookie"] == "false")
        #expect(parts("SIP/2.0/UDP host")?["cookie"] == "false")
    }

    @Test(
        "is malformed",
        arguments: [
            "", "SIP", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPhost", "/2.0/UDP host", "SIP//UDP host",
            "SIP/2.0/UDP host:", "SIP/2.0/UDP host:0", "SIP/2.0/UDP host:65536", "SIP/2.0/UDP host:x",
            "SIP/2.0/UDP :5060",
            "SIP/2.0/UDP []", "SIP/2.0/UDP [::1", "SIP/2.0/UDP [host]", "SIP/2.0/UDP host;", "SIP/2.0/UDP host;;a",
            "SIP/2.0/UDP host;=b", "SIP/2.0/UDP host;a=\"b", "SIP/2.0/UDP host;rport=70000", "SIP/2.0/UDP host x",
            "SIP/2.0/UDP host;branch=a;branch=b", "SIP/2.0/UDP host;received=a;Received=b",
            "SIP/2.0/UDP host;rport;rport=1", "SIP/2.0/UDP host;maddr=a;maddr=b",
            "SIP/2.0/UDP host, SIP/2.0/UDP other", "SIP/2.0/UDP <host>",
        ])
    func malformed(text: String) {
        #expect(parts(text) == nil)
    }

    @Test("a ttl that is none is not looked at")
    func ttl() {
        #expect(parts("SIP/2.0/UDP host;ttl=256")?["ttl"] == "-1")
        #expect(parts("SIP/2.0/UDP host;ttl")?["ttl"] == "-1")
    }

    @Test("the top one is the first of all headers, with its place in the list")
    func top() {
        let parsed = Parsed(
            Sample.request("Via", ["v: SIP/2.0/UDP a;branch=1 ,\r\n SIP/2.0/TCP b", "Via: SIP/2.0/TLS c"]))
        #expect(parsed.isComplete)
        #expect(parsed.text { $0.topVia.host } == "a")
        #expect(parsed.text { $0.topVia.value } == "SIP/2.0/UDP a;branch=1")
        let elements = parsed.elements(.via)
        #expect(elements.map { parsed.text($0.value) } == ["SIP/2.0/UDP a;branch=1", "SIP/2.0/TCP b", "SIP/2.0/TLS c"])
        #expect(parsed.read { $0.topViaElement } == elements.first)

        let alone = Parsed(Sample.request(adding: []))
        #expect(alone.read { $0.topViaElement } == alone.elements(.via).first)
    }

    @Test("a malformed one still tells where the answer goes, as far as its sent-by could be read")
    func malformedTop() throws {
        let broken = Parsed(Sample.request("Via", ["Via: SIP/2.0/UDP 192.0.2.15:5062;rport;;,;,,"]))
        #expect(broken.error == .via)
        #expect(broken.text { $0.topVia.host } == "192.0.2.15")
        #expect(broken.read { $0.topVia.port } == 5_062)
        #expect(broken.read { $0.topVia.rport } == 0)
        // Echoed as it stands: nothing can be filled in.
        #expect(broken.read { $0.topVia.value.isAbsent })
        let address: StaticString = "192.0.2.1"
        var content = ResponseWriter.Content()
        content.received = UnsafeRawBufferPointer(start: address.utf8Start, count: address.utf8CodeUnitCount)
        content.rport = 40_000
        let answer = try #require(broken.written { ResponseWriter.write(400, content, to: $0, into: $1) })
        #expect(answer.contains("\r\nVia: SIP/2.0/UDP 192.0.2.15:5062;rport;;,;,,\r\n"))

        #expect(Parsed(Sample.request("Via", ["Via: SIP/2.0"])).read { $0.topVia.host.isAbsent })
    }
}
