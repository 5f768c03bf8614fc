internal import NIOSSL
internal import Reactor

/// What a certificate says its holder is called: its subject alternative names.
struct CertificateNames: Equatable, Sendable {
    var uris: [String] = []
    var domains: [String] = []
    /// In network order, 4 or 16 bytes.
    var addresses: [[UInt8]] = []

    /// As a script is told: URIs first.
    var identities: [String] { uris + domains }

    /// The domains that it may speak SIP for (RFC 5922 §7.1): those of its sip URIs, and only without such a URI its DNS names. A
    /// URI with a user is a person's.
    private var sipDomains: [String] {
        let sip = uris.filter { $0.lowercased().hasPrefix("sip:") }
        return sip.isEmpty ? domains : sip.map { String($0.dropFirst(4)) }
    }

    /// Whether the holder is the SIP server of a domain: without regard to case, and without wildcards (RFC 5922 §7.2).
    func isServer(of domain: String) -> Bool {
        sipDomains.contains { Self.normal($0) == Self.normal(domain) }
    }

    /// Whether the holder is the host of an address.
    func isHost(of address: SocketAddress) -> Bool {
        addresses.contains { bytes in
            bytes.count == (address.isIPv4 ? 4 : 16)
                && Self.number(bytes) == (address.isIPv4 ? 0 : address.high, address.low)
        }
    }

    private static func number(_ bytes: [UInt8]) -> (high: UInt64, low: UInt64) {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for byte in bytes {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        return (high, low)
    }

    /// A dot at the end says that the name is whole, which it is.
    private static func normal(_ domain: String) -> String {
        let lowered = domain.lowercased()
        return lowered.hasSuffix(".") ? String(lowered.dropLast()) : lowered
    }
}

extension CertificateNames {
    /// Longest list and longest name that are taken from a certificate; what is beyond names nobody here.
    private static let namesMax = 64
    private static let nameBytesMax = 512

    init(_ certificate: NIOSSLCertificate) {
        for name in certificate._subjectAlternativeNames().prefix(Self.namesMax) {
            let bytes = name.contents.withUnsafeBufferPointer { Array($0.prefix(Self.nameBytesMax + 1)) }
            guard bytes.count <= Self.nameBytesMax else { continue }
            // A control character, a zero byte above all, would make it another name to somebody else.
            let isText = bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            switch name.nameType {
            case .ipAddress: addresses.append(bytes)
            case .uri where isText: uris.append(String(decoding: bytes, as: UTF8.self))
            case .dnsName where isText: domains.append(String(decoding: bytes, as: UTF8.self))
            default: break
            }
        }
    }
}
