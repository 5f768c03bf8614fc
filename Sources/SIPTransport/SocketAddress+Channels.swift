internal import NIOCore
internal import Reactor

extension Reactor.SocketAddress {
    /// For the event loops' sockets.
    var forChannels: NIOCore.SocketAddress {
        get throws { try NIOCore.SocketAddress(ipAddress: ipText, port: Int(port)) }
    }

    /// nil for what is neither IPv4 nor IPv6.
    init?(channels address: NIOCore.SocketAddress) {
        guard let text = address.ipAddress, let port = address.port else { return nil }
        // A zone by interface name is no part of the literal.
        let literal = Array(text.utf8.prefix { $0 != UInt8(ascii: "%") })
        let parsed = literal.withUnsafeBytes { Reactor.SocketAddress(ip: $0, port: UInt16(truncatingIfNeeded: port)) }
        guard let parsed else { return nil }
        self = parsed.withTransport(.tcp)
    }
}
