/// The transport that a Via names.
@frozen
public enum ViaTransport: UInt8, Sendable, CaseIterable {
    case udp, tcp, tls, sctp, ws, wss
    /// Known by its text only.
    case other

    /// The name on the wire; empty for `other`.
    public var name: StaticString {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        case .sctp: "SCTP"
        case .ws: "WS"
        case .wss: "WSS"
        case .other: ""
        }
    }
}

/// One Via value (RFC 3261 §20.42): where a hop sent from and where it wants the response.
@frozen
public struct Via: Equatable, Sendable {
    public var transport = ViaTransport.other
    /// The sent-by host, an IPv6 address without its brackets.
    public var host = ByteRange.absent
    public var isIPv6Reference = false
    /// The sent-by port, 0 when absent.
    public var port: UInt16 = 0
    public var branch = ByteRange.absent
    public var received = ByteRange.absent
    /// The word `received` with its value, if it has one.
    public var receivedParameter = ByteRange.absent
    public var maddr = ByteRange.absent
    /// RFC 3581: -1 absent, 0 present without a value, else the port.
    public var rport = -1
    /// The word `rport`, for filling in its value behind it.
    public var rportName = ByteRange.absent
    /// The word with its value, if it has one.
    public var rportParameter = ByteRange.absent
    /// -1 when absent or not 0...255.
    public var ttl = -1
    /// The whole element.
    public var value = ByteRange.absent

    @inlinable
    public init() {}

    /// Whether the branch promises a unique identifier (RFC 3261 §8.1.1.7): the cookie and something behind
    /// it. A bare cookie identifies nothing; its sender is treated like one of RFC 2543.
    public func hasMagicCookie(in bytes: UnsafeRawBufferPointer) -> Bool {
        guard branch.count > 7, let view = ByteView(bytes), branch.end <= view.count else { return false }
        return view.matches("z9hg4bk", from: branch.start, to: branch.start &+ 7)
    }
}
