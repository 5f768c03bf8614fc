internal import Reactor
internal import SIPMessage

/// Finds the address for a URI: literal IP addresses and the host names of the configuration. Other names are for DNS.
final class TargetResolver {
    /// Where a URI leads, as far as the URI and the configuration tell.
    enum Place {
        case address(SocketAddress)
        /// Host as in the URI; port 0: none given.
        case name(UnsafeRawBufferPointer, port: UInt16, isTransportGiven: Bool)
        /// No SIP URI, an unknown transport, or an unknown name by another one than UDP.
        case nowhere
    }

    private let names: [(StoredText, SocketAddress)]

    init(_ settings: ProxySettings) {
        names = settings.hosts.map { (StoredText($0.key.lowercased()), $0.value) }
    }

    /// `.none` when the URI is no SIP URI, names an unknown transport, or its host is unknown here.
    func resolve(_ uri: UnsafeRawBufferPointer) -> SocketAddress {
        guard case .address(let address) = place(of: uri) else { return .none }
        return address
    }

    func place(of uri: UnsafeRawBufferPointer) -> Place {
        guard let parsed = SIPURI.parse(ByteRange(0, uri.count), in: uri),
            parsed.scheme == .sip || parsed.scheme == .sips
        else { return .nowhere }
        let wanted = parsed.parameter("transport", in: uri)
        guard
            let transport = Self.transport(
                wanted.map { Self.bytes($0, of: uri) }, isSecure: parsed.scheme == .sips)
        else { return .nowhere }
        // RFC 3261 §19.1.1: maddr overrides the host.
        let host = Self.bytes(parsed.parameter("maddr", in: uri) ?? parsed.host, of: uri)
        let address = resolve(host: host, port: parsed.port, transport: transport)
        if !address.isNone { return .address(address) }
        // What is looked up is SIP over UDP.
        guard transport == .udp else { return .nowhere }
        return .name(host, port: parsed.port, isTransportGiven: wanted != nil)
    }

    /// - Parameter port: 0: the peer's own, or the transport's.
    func resolve(host: UnsafeRawBufferPointer, port: UInt16, transport: Transport) -> SocketAddress {
        if let address = SocketAddress(ip: host, port: port == 0 ? transport.defaultPort : port) {
            return address.withTransport(transport)
        }
        for (name, address) in names where name.equalsLowercased(host) {
            let known = address.port == 0 ? transport.defaultPort : address.port
            return address.withPort(port == 0 ? known : port).withTransport(transport)
        }
        return .none
    }

    private static func bytes(_ range: ByteRange, of uri: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: uri[range.start..<range.end])
    }

    /// - Parameters:
    ///   - text: the value of the `transport` parameter, without regard to case (RFC 3261 §19.1.1); nil: none is given.
    ///   - isSecure: of a sips URI, which is reached by TLS whatever stream it names (§26.2.2, RFC 7118 §5.2), and never by UDP.
    private static func transport(_ text: UnsafeRawBufferPointer?, isSecure: Bool) -> Transport? {
        guard let text else { return isSecure ? .tls : .udp }
        if isName("udp", text) { return isSecure ? nil : .udp }
        if isName("tcp", text) { return isSecure ? .tls : .tcp }
        if isName("tls", text) { return .tls }
        if isName("ws", text) { return isSecure ? .wss : .ws }
        if isName("wss", text) { return .wss }
        return nil
    }

    private static func isName(_ name: StaticString, _ text: UnsafeRawBufferPointer) -> Bool {
        guard name.utf8CodeUnitCount == text.count else { return false }
        for index in 0..<text.count where name.utf8Start[index] != text[index] | 0x20 { return false }
        return true
    }
}
