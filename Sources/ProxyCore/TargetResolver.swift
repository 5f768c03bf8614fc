internal import Reactor
internal import SIPMessage

/// Finds the address for a URI: literal IP addresses and the host names of the configuration.
///
/// RFC 3263's NAPTR and SRV look-ups come with the DNS resolver; until then other names are unresolvable.
final class TargetResolver {
    private let names: [(StoredText, SocketAddress)]

    init(_ settings: ProxySettings) {
        names = settings.hosts.map { (StoredText($0.key.lowercased()), $0.value) }
    }

    /// `.none` when the URI is no SIP URI, names a transport other than UDP and TCP, or its host is unknown.
    func resolve(_ uri: UnsafeRawBufferPointer) -> SocketAddress {
        guard let parsed = SIPURI.parse(ByteRange(0, uri.count), in: uri), parsed.scheme == .sip else { return .none }
        var transport = Transport.udp
        if let wanted = parsed.parameter("transport", in: uri) {
            guard let known = Self.transport(Self.bytes(wanted, of: uri)) else { return .none }
            transport = known
        }
        // RFC 3261 §19.1.1: maddr overrides the host.
        let host = parsed.parameter("maddr", in: uri) ?? parsed.host
        return resolve(host: Self.bytes(host, of: uri), port: parsed.port).withTransport(transport)
    }

    func resolve(host: UnsafeRawBufferPointer, port: UInt16) -> SocketAddress {
        let wanted = port == 0 ? 5_060 : port
        if let address = SocketAddress(ip: host, port: wanted) { return address }
        for (name, address) in names where name.equalsLowercased(host) {
            return port == 0 ? address : address.withPort(port)
        }
        return .none
    }

    private static func bytes(_ range: ByteRange, of uri: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: uri[range.start..<range.end])
    }

    /// Without regard to case (RFC 3261 §19.1.1).
    private static func transport(_ text: UnsafeRawBufferPointer) -> Transport? {
        guard text.count == 3, text[2] | 0x20 == UInt8(ascii: "p") else { return nil }
        switch (text[0] | 0x20, text[1] | 0x20) {
        case (UInt8(ascii: "u"), UInt8(ascii: "d")): return .udp
        case (UInt8(ascii: "t"), UInt8(ascii: "c")): return .tcp
        default: return nil
        }
    }
}
