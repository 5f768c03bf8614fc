import Reactor
import Testing

@testable import SIPTransport

@Suite("Names in certificates")
struct CertificateNamesTests {
    @Test(
        "a certificate with sip URIs is for their domains only, one without for its DNS names; wildcards are names of nobody"
    )
    func domains() {
        let names = CertificateNames(
            uris: ["SIP:Example.com", "sip:alice@example.net", "https://example.org"], domains: ["pbx.example.com"])
        #expect(names.isServer(of: "example.COM") && names.isServer(of: "example.com."))
        for other in ["pbx.example.com", "example.net", "example.org", "com", ""] {
            #expect(!names.isServer(of: other))
        }
        let plain = CertificateNames(uris: ["https://example.org"], domains: ["pbx.example.com", "*.example.net"])
        #expect(plain.isServer(of: "PBX.example.com"))
        for other in ["example.com", "a.example.net", "example.org"] { #expect(!plain.isServer(of: other)) }
        #expect(!CertificateNames().isServer(of: ""))
    }

    @Test("an address must be there as an address")
    func addresses() {
        let names = CertificateNames(
            domains: ["192.0.2.9"],
            addresses: [[192, 0, 2, 1], [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1], []])
        for (text, isThere) in [
            ("192.0.2.1:5061", true), ("192.0.2.2:5061", false), ("192.0.2.9:5061", false),
            ("[2001:db8::1]:5061", true),
            ("[2001:db8::2]:5061", false), ("[::c000:201]:5061", false),
        ] {
            #expect(SocketAddress(text).map { names.isHost(of: $0) } == isThere, "\(text)")
        }
    }
}
