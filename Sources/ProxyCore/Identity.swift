internal import Reactor
internal import SIPMessage

/// What this proxy is called: its listen addresses, advertised names and domains; and the texts made of
/// them that go into every message.
///
/// Built once a worker; all bytes live as long as it does.
final class Identity {
    /// `Via: SIP/2.0/UDP host:port;branch=` with the listener's transport, a listener each.
    private let viaStarts: [StoredText]
    /// `<sip:host:port;lr`, a listener each; `;transport=tcp` before the last parameter where it is not UDP.
    private let routeStarts: [StoredText]
    /// The same for requests to sips URIs: `<sips:host:port;lr` for the listeners that are secure.
    private let sipsRouteStarts: [StoredText]
    /// `host:port` as in the Via, a listener each.
    private let sentBys: [StoredText]
    private let families: [SocketAddress.Family]
    private let names: [StoredText]
    private let ports: [UInt16]
    private let addresses: [SocketAddress]
    private let hasWildcard: Bool
    private let localAddresses: [SocketAddress]

    init(_ settings: ProxySettings) {
        var viaStarts: [StoredText] = []
        var routeStarts: [StoredText] = []
        var sipsRouteStarts: [StoredText] = []
        var sentBys: [StoredText] = []
        for listener in settings.listeners {
            let host = listener.advertisedHost.contains(":") ? "[\(listener.advertisedHost)]" : listener.advertisedHost
            let sentBy = "\(host):\(listener.advertisedPort)"
            let transport = listener.address.transport
            // RFC 7118 §5.2.3: `ws` stands for either.
            let parameterName = transport.isWebSocket ? Transport.ws.name : transport.name
            let parameter = transport == .udp ? "" : ";transport=\(parameterName)"
            viaStarts.append(StoredText("Via: SIP/2.0/\(transport.viaName) \(sentBy);branch="))
            routeStarts.append(StoredText("<sip:\(sentBy)\(parameter);lr"))
            sipsRouteStarts.append(
                StoredText(
                    transport.isSecure
                        ? "<sips:\(sentBy)\(transport == .tls ? "" : parameter);lr" : "<sip:\(sentBy)\(parameter);lr"))
            sentBys.append(StoredText(sentBy))
        }
        self.viaStarts = viaStarts
        self.routeStarts = routeStarts
        self.sipsRouteStarts = sipsRouteStarts
        self.sentBys = sentBys
        families = settings.listeners.map(\.address.family)
        names = (settings.domains + settings.listeners.map(\.advertisedHost)).map { StoredText($0.lowercased()) }
        ports = settings.listeners.flatMap { [$0.advertisedPort, $0.address.port] }
        addresses = settings.listeners.map(\.address)
        hasWildcard = settings.listeners.contains { $0.address.isWildcard }
        localAddresses = settings.localAddresses
    }

    func address(_ listener: Int) -> SocketAddress { addresses[listener] }

    func viaStart(_ listener: Int) -> UnsafeRawBufferPointer { viaStarts[listener].bytes }

    /// `host:port` as in the Via.
    func sentBy(_ listener: Int) -> UnsafeRawBufferPointer { sentBys[listener].bytes }

    func routeStart(_ listener: Int, isSips: Bool) -> UnsafeRawBufferPointer {
        isSips ? sipsRouteStarts[listener].bytes : routeStarts[listener].bytes
    }

    /// The listener to send from: the one the message came in by when it can reach the destination, else the
    /// first that can; -1: none. From a loopback address nothing leaves the machine.
    func listener(for destination: SocketAddress, incoming: Int) -> Int {
        if reaches(incoming, destination) { return incoming }
        for listener in families.indices where reaches(listener, destination) { return listener }
        for listener in families.indices where speaks(listener, destination) { return listener }
        return -1
    }

    private func reaches(_ listener: Int, _ destination: SocketAddress) -> Bool {
        speaks(listener, destination) && (destination.isLoopback || !addresses[listener].isLoopback)
    }

    private func speaks(_ listener: Int, _ destination: SocketAddress) -> Bool {
        families[listener] == destination.family && addresses[listener].transport == destination.transport
    }

    /// Whether a Via was written by this proxy.
    func isOwn(_ via: Via, in message: borrowing SIPMessage) -> Bool {
        guard !via.host.isAbsent else { return false }
        let host = message.bytes(via.host)
        return isOwnHost(host, port: via.port == 0 ? 5_060 : via.port)
    }

    private func isPort(_ port: UInt16, of own: SocketAddress) -> Bool {
        own.port == (port == 0 ? own.transport.defaultPort : port)
    }

    /// Whether a host and port (0: not given) name this proxy: a listen address, an advertised name or a domain.
    func isOwnHost(_ host: UnsafeRawBufferPointer, port: UInt16) -> Bool {
        guard port == 0 || ports.contains(port) else { return false }
        for name in names where name.equalsLowercased(host) { return true }
        guard let address = SocketAddress(ip: host, port: port) else { return false }
        for own in addresses where isPort(port, of: own) && own.sameIP(as: address) { return true }
        guard hasWildcard else { return false }
        return localAddresses.contains { $0.sameIP(as: address) }
            && addresses.contains { $0.isWildcard && $0.family == address.family && isPort(port, of: $0) }
    }
}

/// Immutable bytes outside any message.
final class StoredText {
    let bytes: UnsafeRawBufferPointer

    init(_ text: String) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        copy.copyBytes(from: text.utf8)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit {
        bytes.deallocate()
    }

    /// Compares ASCII without regard to the other's case; our own text is lower case.
    func equalsLowercased(_ other: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == other.count else { return false }
        for index in 0..<bytes.count {
            let byte = other[index]
            guard bytes[index] == (byte &- 0x41 < 26 ? byte | 0x20 : byte) else { return false }
        }
        return true
    }
}
