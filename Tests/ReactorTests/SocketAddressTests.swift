import Reactor
import Testing

@Suite("Socket addresses") struct SocketAddressTests {
    func parse(_ text: String, port: UInt16 = 0) -> SocketAddress? {
        var text = text
        return text.withUTF8 { SocketAddress(ip: UnsafeRawBufferPointer($0), port: port) }
    }

    @Test(
        "an address is written as RFC 5952 recommends",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("0001:0002:0003:0004:0005:0006:0007:0008", "1:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::FFFF:c000:0201", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("[::1]", "::1"),
            ("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("fe80::1:0:0", "fe80::1:0:0"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ])
    func writing(_ text: String, _ written: String) throws {
        let address = try #require(parse(text))
        #expect(address.ipText == written)
        #expect(parse(written) == address)
    }

    @Test(
        "what is not a literal address is refused",
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..2.3", ".1.2.3.4",
            "1.2.3.4.",
            "1.2.3.0004", "a.b.c.d", "example.com", ":", ":::", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "[::1",
            "::1]",
            "[]", "[1.2.3.4]", "[[::1]]", "::1%", "::1%x", "::1%4294967296", "::1%99999999999999999999", "1.2.3.4%1",
            "::%1%2",
            "1:2:3:4:5:6:7:1.2.3.4", "-1.2.3.4", "+1.2.3.4", "0x7f.0.0.1", "::ffff:999.0.2.1", "１.2.3.4",
        ])
    func garbage(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test("random bytes never trap and random addresses survive a round trip")
    func roundTrips() {
        var generator = SeededGenerator.printed("addresses")
        let alphabet = Array("0123456789abcdefABCDEF:.[]% xg\0".utf8)
        for _ in 0..<50_000 {
            let bytes = (0..<Int.random(in: 0...48, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            }
            if let address = bytes.withUnsafeBytes({ SocketAddress(ip: $0, port: 7) }) {
                #expect(parse(address.ipText, port: 7)?.low == address.low)
            }
        }
        for _ in 0..<20_000 {
            // Many zero groups, so that every position of "::" occurs.
            func half() -> UInt64 {
                (0..<4).reduce(0) { value, _ in
                    value << 16
                        | (Bool.random(using: &generator) ? 0 : UInt64.random(in: 0...0xFFFF, using: &generator))
                }
            }
            let address = SocketAddress(high: half(), low: half(), port: 5060, family: .ipv6)
            #expect(parse(address.ipText, port: 5060) == address)
            #expect(SocketAddress(address.description) == address)
            let ipv4 = SocketAddress(ipv4: .random(in: .min ... .max, using: &generator), port: 1)
            #expect(parse(ipv4.ipText, port: 1) == ipv4)
        }
    }

    @Test("address and port come from one text, where IPv6 needs its brackets")
    func withPorts() {
        #expect(SocketAddress("192.0.2.1:5060") == SocketAddress(ipv4: 0xC000_0201, port: 5060))
        #expect(SocketAddress("192.0.2.1") == SocketAddress(ipv4: 0xC000_0201, port: 0))
        #expect(SocketAddress("[2001:db8::1]:65535")?.description == "[2001:db8::1]:65535")
        #expect(SocketAddress("[::1]")?.port == 0)
        for text in [
            "", ":", ":5060", "::1:5060", "::1", "[::1]:", "[::1]5060", "[::1]:65536", "192.0.2.1:", "192.0.2.1:-1",
            "192.0.2.1:+5",
            "192.0.2.1:5060:1", "[192.0.2.1]:5060", "example.com:5060", "[::1", "[::1%]:1", "[::1%no-such-interface]:1",
            "[%]",
        ] {
            #expect(SocketAddress(text) == nil, "\(text)")
        }
    }

    @Test("a zone is kept as a number, by number or by interface name")
    func zones() throws {
        let numbered = try #require(SocketAddress("[fe80::1%2]:5060"))
        #expect(numbered.scope == 2)
        #expect(numbered.description == "[fe80::1%2]:5060")
        #expect(numbered.ipText == "fe80::1")
        #expect(try #require(SocketAddress("[fe80::1%lo]:5060")).scope == 1)
        #expect(!numbered.sameIP(as: try #require(SocketAddress("[fe80::1]:5060"))))
    }

    @Test("a mapped address stays IPv6 until it is unmapped")
    func mapped() throws {
        let address = try #require(SocketAddress("[::ffff:192.0.2.1]:5060"))
        #expect(address.isIPv6 && address.isIPv4Mapped)
        #expect(address.unmapped.description == "192.0.2.1:5060")
        #expect(!address.sameIP(as: address.unmapped))
    }

    @Test("a text that does not fit is not written")
    func tooSmall() {
        withUnsafeTemporaryAllocation(byteCount: 8, alignment: 1) { buffer in
            #expect(SocketAddress(ipv4: 0xC000_0201, port: 0).writeIP(into: buffer) == 0)
            #expect(SocketAddress(ipv4: 0x0102_0304, port: 0).writeIP(into: buffer) == 7)
            #expect(SocketAddress.none.writeIP(into: buffer) == 0)
        }
        #expect(MemoryLayout<SocketAddress>.stride == 24)
    }
}
