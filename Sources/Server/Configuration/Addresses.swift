#if canImport(Glibc)
    import Glibc
#endif

/// A literal IPv4 or IPv6 address as an operator writes it; the packet path has a type of its own.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes in network order.
    public let bytes: [UInt8]

    public var isVersion6: Bool { bytes.count == 16 }
    public var bitCount: Int { bytes.count * 8 }
    /// 0.0.0.0 or ::, which no other host can send to.
    public var isWildcard: Bool { bytes.allSatisfy { $0 == 0 } }

    public init(version4 octets: (UInt8, UInt8, UInt8, UInt8)) {
        bytes = [octets.0, octets.1, octets.2, octets.3]
    }

    /// Accepts a literal with or without the brackets of an IPv6 reference; nil for anything else, host names included.
    public init?(_ text: String) {
        var literal = Substring(text)
        let bracketed = literal.hasPrefix("[") && literal.hasSuffix("]")
        if bracketed { literal = literal.dropFirst().dropLast() }
        guard !literal.isEmpty, literal.utf8.allSatisfy({ $0 != 0 }) else { return nil }
        var version4 = in_addr()
        if !bracketed, inet_pton(AF_INET, String(literal), &version4) == 1 {
            bytes = withUnsafeBytes(of: &version4) { Array($0) }
            return
        }
        var version6 = in6_addr()
        guard inet_pton(AF_INET6, String(literal), &version6) == 1 else { return nil }
        bytes = withUnsafeBytes(of: &version6) { Array($0) }
    }

    /// The canonical text (RFC 5952 for IPv6), without brackets.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = isVersion6 ? AF_INET6 : AF_INET
        let written = bytes.withUnsafeBytes { source in
            inet_ntop(family, source.baseAddress!, &text, socklen_t(text.count)) != nil
        }
        precondition(written, "an address of 4 or 16 bytes always fits INET6_ADDRSTRLEN")
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A literal address and a port, written `192.0.2.1:5060` or `[2001:db8::1]:5060`.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// RFC 3261 §19.1.2.
    public static let standardPort: UInt16 = 5060

    public var address: IPAddress
    public var port: UInt16

    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Parses `ADDRESS` or `ADDRESS:PORT`, nil for anything else. An IPv6 address needs its brackets even without a
    /// port: `2001:db8::1:5060` would be another address, where an address and a port were meant.
    public init?(_ text: String, defaultPort: UInt16 = Endpoint.standardPort) {
        let isBracketed = text.hasPrefix("[")
        if let address = IPAddress(text) {
            guard !address.isVersion6 || isBracketed else { return nil }
            self.init(address: address, port: defaultPort)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let address = IPAddress(String(text[..<colon])),
            !address.isVersion6 || isBracketed,
            let port = Endpoint.port(text[text.index(after: colon)...])
        else { return nil }
        self.init(address: address, port: port)
    }

    /// Digits only: `UInt16("+5060")` would be accepted by the standard initialiser.
    static func port(_ text: some StringProtocol) -> UInt16? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt16(text)
    }

    public var description: String { address.isVersion6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

/// An address with a prefix length, written `192.0.2.0/24`; a lone address is a network of one.
public struct Network: Sendable, Hashable, CustomStringConvertible {
    public let address: IPAddress
    public let prefixBits: Int

    public init(_ address: IPAddress) {
        self.address = address
        prefixBits = address.bitCount
    }

    /// nil unless `text` is ADDRESS/BITS with BITS in the family's range.
    public init?(_ text: String) {
        guard let slash = text.firstIndex(of: "/"), let address = IPAddress(String(text[..<slash])),
            let bits = Endpoint.port(text[text.index(after: slash)...]), Int(bits) <= address.bitCount
        else { return nil }
        self.address = address
        prefixBits = Int(bits)
    }

    /// Whether no bit is set after the prefix; 192.0.2.1/24 has one, which is usually a slip.
    public var hasHostBits: Bool {
        for (index, byte) in address.bytes.enumerated() {
            let kept = min(max(prefixBits - index * 8, 0), 8)
            let mask: UInt8 = kept == 8 ? 0 : 0xFF >> UInt8(kept)
            if byte & mask != 0 { return true }
        }
        return false
    }

    public var description: String { prefixBits == address.bitCount ? "\(address)" : "\(address)/\(prefixBits)" }
}
