public import Reactor

/// A network whose proxies are believed what they say of state (docs/state-signalling.md).
public struct TrustedPeer: Sendable, Equatable {
    /// The network's first address; its port isn't looked at.
    public var network: SocketAddress
    public var prefixBits: Int
    /// 0: any port.
    public var port: UInt16

    public init(network: SocketAddress, prefixBits: Int, port: UInt16 = 0) {
        precondition(prefixBits >= 0 && prefixBits <= (network.isIPv4 ? 32 : 128), "no such prefix")
        self.network = network
        self.prefixBits = prefixBits
        self.port = port
    }

    /// One address, at one port or at any.
    public init(_ address: SocketAddress) {
        self.init(network: address, prefixBits: address.isIPv4 ? 32 : 128, port: address.port)
    }

    func contains(_ address: SocketAddress) -> Bool {
        guard address.family == network.family, port == 0 || port == address.port else { return false }
        switch address.family {
        case .none: return false
        case .ipv4: return Self.agree(address.low << 32, network.low << 32, bits: prefixBits)
        case .ipv6:
            return Self.agree(address.high, network.high, bits: min(prefixBits, 64))
                && Self.agree(address.low, network.low, bits: max(prefixBits - 64, 0))
        }
    }

    private static func agree(_ one: UInt64, _ other: UInt64, bits: Int) -> Bool {
        bits == 0 || (one ^ other) >> UInt64(64 - bits) == 0
    }
}
