/// An IPv4 or IPv6 address with its port and transport: 24 bytes, no libc structure, no allocation.
///
/// The bits are kept as numbers (host order), so that comparing and hashing are a few instructions. An IPv4-mapped IPv6 address
/// stays what it is; `unmapped` turns it into the IPv4 one.
@frozen public struct SocketAddress: Hashable, Sendable, BitwiseCopyable {
    /// The protocol family; the raw values are what the C shims use.
    @frozen public enum Family: UInt8, Sendable {
        case none = 0
        case ipv4 = 4
        case ipv6 = 6
    }

    /// The first eight bytes of an IPv6 address; 0 for IPv4.
    public var high: UInt64
    /// The last eight bytes of an IPv6 address, or the IPv4 address.
    public var low: UInt64
    /// The interface index of a link-local IPv6 address; 0 everywhere else.
    public var scope: UInt32
    /// 0: none given.
    public var port: UInt16
    public var family: Family
    /// How messages travel there. Part of the identity: the same host and port by UDP and by TCP are two places.
    public var transport: Transport

    @inlinable public init(
        high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16, family: Family, transport: Transport = .udp
    ) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
        self.family = family
        self.transport = transport
    }

    @inlinable public init(ipv4 address: UInt32, port: UInt16, transport: Transport = .udp) {
        self.init(high: 0, low: UInt64(address), port: port, family: .ipv4, transport: transport)
    }

    /// No address at all.
    @inlinable public static var none: SocketAddress {
        SocketAddress(high: 0, low: 0, port: 0, family: .none)
    }

    @inlinable public var isNone: Bool { family == .none }
    @inlinable public var isIPv4: Bool { family == .ipv4 }
    @inlinable public var isIPv6: Bool { family == .ipv6 }

    /// 0.0.0.0 or [::]: a socket bound to it takes datagrams for every local address.
    @inlinable public var isWildcard: Bool { family != .none && high == 0 && low == 0 }

    /// 127.0.0.0/8 or ::1.
    @inlinable public var isLoopback: Bool {
        switch family {
        case .none: false
        case .ipv4: low >> 24 == 127
        case .ipv6: high == 0 && low == 1
        }
    }

    /// 224.0.0.0/4 or ff00::/8.
    @inlinable public var isMulticast: Bool {
        switch family {
        case .none: false
        case .ipv4: low >> 28 == 0xE
        case .ipv6: high >> 56 == 0xFF
        }
    }

    /// ::ffff:0:0/96, RFC 4291 §2.5.5.2.
    @inlinable public var isIPv4Mapped: Bool { family == .ipv6 && high == 0 && low >> 32 == 0xFFFF }

    /// The IPv4 address inside an IPv4-mapped one; any other address as it is.
    @inlinable public var unmapped: SocketAddress {
        isIPv4Mapped ? SocketAddress(ipv4: UInt32(truncatingIfNeeded: low), port: port, transport: transport) : self
    }

    /// Whether both name the same host; ports and transports are not compared.
    @inlinable public func sameIP(as other: SocketAddress) -> Bool {
        low == other.low && high == other.high && family == other.family && scope == other.scope
    }

    /// The same host at another port.
    @inlinable public func withPort(_ port: UInt16) -> SocketAddress {
        SocketAddress(high: high, low: low, scope: scope, port: port, family: family, transport: transport)
    }

    /// The same host and port by another transport.
    @inlinable public func withTransport(_ transport: Transport) -> SocketAddress {
        SocketAddress(high: high, low: low, scope: scope, port: port, family: family, transport: transport)
    }
}
