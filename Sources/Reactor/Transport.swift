/// How SIP messages travel (RFC 3261 §18, RFC 7118). The raw values are ours and stay on this machine.
@frozen public enum Transport: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    case udp
    case tcp
    case tls
    case ws
    case wss

    /// Delivery and order are the transport's own: nothing is sent again by timers (RFC 3261 §17).
    @inlinable public var isReliable: Bool { self != .udp }

    /// Encrypted, as a `sips` URI demands (RFC 3261 §26.2.1).
    @inlinable public var isSecure: Bool { self == .tls || self == .wss }

    /// Each message is one of the WebSocket protocol (RFC 7118), and only clients open connections.
    @inlinable public var isWebSocket: Bool { self == .ws || self == .wss }

    /// Where a URI without a port leads (RFC 3261 §19.1.2, RFC 7118 §5).
    @inlinable public var defaultPort: UInt16 {
        switch self {
        case .udp, .tcp: 5_060
        case .tls: 5_061
        case .ws: 80
        case .wss: 443
        }
    }

    /// As in a configuration and in the `transport` parameter of URIs, lower case.
    public var name: StaticString {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        case .ws: "ws"
        case .wss: "wss"
        }
    }

    /// As in a Via's sent-protocol (RFC 3261 §20.42, RFC 7118 §5.1).
    public var viaName: StaticString {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        case .ws: "WS"
        case .wss: "WSS"
        }
    }
}
