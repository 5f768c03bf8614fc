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

    /// `.none` when the URI is no SIP URI, names another transport than UDP, or its host is unknown.
    func resolve(_ uri: UnsafeRawBufferPointer) -> SocketAddress {
        guard let parsed = SIPURI.parse(ByteRange(0, uri.count), in: uri), parsed.scheme == .sip else { return .none }
        if let transport = parsed.parameter("transport", in: uri), !Self.isUDP(Self.bytes(transport, of: uri)) {
            return .none
        }
        // RFC 3261 §19.1.1: maddr overrides the host.
        let host = parsed.parameter("maddr", in: uri) ?? parsed.host
        return resolve(host: Self.bytes(host, of: uri), port: parsed.port)
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

    private static func isUDP(_ text: UnsafeRawBufferPointer) -> Bool {
        text.count == 3 && text[0] | 0x20 == UInt8(ascii: "u") && text[1] | 0x20 == UInt8(ascii: "d")
            && text[2] | 0x20 == UInt8(ascii: "p")
    }
}
