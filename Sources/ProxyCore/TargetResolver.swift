internal import Reactor
internal import SIPMessage

/// Finds the address for a URI: literal IP addresses and the host names of the configuration. Other names are for DNS.
final class TargetResolver {
    /// Where a URI leads, as far as the URI and the configuration tell.
    enum Place {
        case address(SocketAddress)
        /// Host as in the URI; port 0: none given.
        case name(UnsafeRawBufferPointer, port: UInt16, isTransportGiven: Bool)
        /// No SIP URI, a transport that is not spoken here, or an unknown name by TCP.
        case nowhere
    }

    private let names: [(StoredText, SocketAddress)]

    init(_ settings: ProxySettings) {
        names = settings.hosts.map { (StoredText($0.key.lowercased()), $0.value) }
    }

    /// `.none` when the URI is no SIP URI, names a transport other than UDP and TCP, or its host is unknown here.
    func resolve(_ uri: UnsafeRawBufferPointer) -> SocketAddress {
        guard case .address(let address) = place(of: uri) else { return .none }
        return address
    }

    func place(of uri: UnsafeRawBufferPointer) -> Place {
        guard let parsed = SIPURI.parse(ByteRange(0, uri.count), in: uri), parsed.scheme == .sip else {
            return .nowhere
        }
        let wanted = parsed.parameter("transport", in: uri)
        var transport = Transport.udp
        if let wanted {
            guard let known = Self.transport(Self.bytes(wanted, of: uri)) else { return .nowhere }
            transport = known
        }
        // RFC 3261 §19.1.1: maddr overrides the host.
        let host = Self.bytes(parsed.parameter("maddr", in: uri) ?? parsed.host, of: uri)
        let address = resolve(host: host, port: parsed.port)
        if !address.isNone { return .address(address.withTransport(transport)) }
        // What is looked up is SIP over UDP.
        guard transport == .udp else { return .nowhere }
        return .name(host, port: parsed.port, isTransportGiven: wanted != nil)
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
