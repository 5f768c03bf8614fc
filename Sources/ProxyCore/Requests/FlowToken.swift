internal import Reactor
internal import SIPMessage
internal import SIPTransaction

/// Names a connection in the user part of our Record-Route (RFC 5626 §5.2): requests of the dialog go by it, wherever the
/// peer's Contact leads. Signed, for who writes one chooses whom we send to.
///
/// Hexadecimal: transport and family, port, address, hash; 32 digits for IPv4, 64 for IPv6.
enum FlowToken {
    private static let ipv4Digits = 32
    private static let ipv6Digits = 64

    /// Appends it to the edit under way.
    static func append(_ flow: SocketAddress, to edits: inout MessageEdits, hashKey: HashKey) {
        edits.appendHex(kind(flow), digits: 4)
        edits.appendHex(UInt64(flow.port), digits: 4)
        if flow.isIPv6 {
            edits.appendHex(flow.high, digits: 16)
            edits.appendHex(flow.low, digits: 16)
        }
        edits.appendHex(flow.isIPv6 ? UInt64(flow.scope) : flow.low, digits: 8)
        edits.appendHex(hash(flow, hashKey), digits: 16)
    }

    /// The connection that a user part names; nil: it is no token of ours.
    static func read(_ text: UnsafeRawBufferPointer, hashKey: HashKey) -> SocketAddress? {
        guard text.count == ipv4Digits || text.count == ipv6Digits,
            let kind = number(text, 0, digits: 4), let port = number(text, 4, digits: 4),
            let transport = Transport(rawValue: UInt8(truncatingIfNeeded: kind >> 4)),
            let last = number(text, text.count - 24, digits: 8),
            let signature = number(text, text.count - 16, digits: 16)
        else { return nil }
        var flow = SocketAddress(
            ipv4: UInt32(truncatingIfNeeded: last), port: UInt16(truncatingIfNeeded: port), transport: transport)
        if text.count == ipv6Digits {
            guard let high = number(text, 8, digits: 16), let low = number(text, 24, digits: 16) else { return nil }
            flow = SocketAddress(
                high: high, low: low, scope: UInt32(truncatingIfNeeded: last), port: flow.port, family: .ipv6,
                transport: transport)
        }
        return kind == Self.kind(flow) && hash(flow, hashKey) == signature ? flow : nil
    }

    private static func kind(_ flow: SocketAddress) -> UInt64 {
        UInt64(flow.transport.rawValue) << 4 | UInt64(flow.family.rawValue)
    }

    private static func hash(_ flow: SocketAddress, _ key: HashKey) -> UInt64 {
        var hash = KeyedHash(key: key)
        hash.absorb(flow.high)
        hash.absorb(flow.low)
        hash.absorb(UInt64(flow.scope) << 32 | UInt64(flow.port) << 16)
        // Other than what is signed of addresses elsewhere.
        hash.absorb(0x666C_6F77 << 16 | UInt64(flow.family.rawValue) << 8 | UInt64(flow.transport.rawValue))
        return hash.finish()
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, digits: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<start + digits {
            let byte = text[index]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(byte - 0x57)
            default: return nil
            }
        }
        return value
    }
}
