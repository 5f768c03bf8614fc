internal import SIPMessage

/// Under which name bindings are kept: `user@host` in the canonical form of RFC 3261 §10.3 step 5.
///
/// URI parameters and the port are left out, escapes of the user are resolved and the host is in lower case, so that
/// `sip:%61lice@Example.COM;user=phone` and `sip:alice@example.com` are one. The user's own case stays.
public struct AddressOfRecord: Hashable, Sendable, CustomStringConvertible {
    /// Longest form kept, in bytes: what no user has.
    public static let bytesMax = 256

    let bytes: [UInt8]

    /// In the canonical form already.
    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Nil when the URI is neither sip nor sips, or longer than what is kept.
    init?(_ uri: SIPURI, in text: UnsafeRawBufferPointer) {
        guard uri.scheme == .sip || uri.scheme == .sips, !uri.host.isAbsent else { return nil }
        guard uri.user.count <= 3 * Self.bytesMax, uri.host.count <= Self.bytesMax else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(uri.user.count + uri.host.count + 1)
        if !uri.user.isAbsent {
            Self.append(unescaped: text[uri.user.start..<uri.user.end], to: &bytes)
            bytes.append(UInt8(ascii: "@"))
        }
        for byte in text[uri.host.start..<uri.host.end] {
            bytes.append(byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte)
        }
        guard bytes.count <= Self.bytesMax else { return nil }
        self.bytes = bytes
    }

    /// An address by its parts as databases keep them: the user without escapes, and the host.
    ///
    /// Nil without a host, or when it is longer than what is kept.
    public init?(user: some Collection<UInt8>, host: some Collection<UInt8>) {
        guard !host.isEmpty, user.count + host.count < Self.bytesMax else { return nil }
        var bytes = Array(user)
        if !bytes.isEmpty { bytes.append(UInt8(ascii: "@")) }
        bytes += host.lazy.map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
        self.bytes = bytes
    }

    /// Without escapes; empty when there is none.
    public var user: ArraySlice<UInt8> { bytes[..<(at ?? 0)] }

    public var host: ArraySlice<UInt8> { at.map { bytes[($0 + 1)...] } ?? bytes[...] }

    /// A user may hold an unescaped `@`, a host does not.
    private var at: Int? { bytes.lastIndex(of: UInt8(ascii: "@")) }

    /// Nil when the text is no such URI.
    public init?(uri text: UnsafeRawBufferPointer) {
        guard text.count <= Int(UInt16.max), let uri = SIPURI.parse(ByteRange(0, text.count), in: text) else {
            return nil
        }
        self.init(uri, in: text)
    }

    private static func append(unescaped text: Slice<UnsafeRawBufferPointer>, to bytes: inout [UInt8]) {
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), let high = digit(rest.first), let low = digit(rest.dropFirst().first)
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(high << 4 | low)
            rest = rest.dropFirst(2)
        }
    }

    private static func digit(_ byte: UInt8?) -> UInt8? {
        switch byte ?? 0 {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte! - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte! - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte! - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    public var description: String { String(decoding: bytes, as: UTF8.self) }
}
