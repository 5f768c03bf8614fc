internal import CCrypto

/// An algorithm of digest authentication (RFC 7616 §6.1, RFC 8760 §2).
public enum DigestAlgorithm: String, Sendable, CaseIterable {
    case md5 = "MD5"
    case sha256 = "SHA-256"

    /// Characters of its digests.
    public var hexCount: Int { self == .md5 ? 32 : 64 }

    /// The digest of some text in lower-case hexadecimal digits; nil when the library does not have the algorithm.
    public func hex(_ text: [UInt8]) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: Int(CCRYPTO_DIGEST_BYTES_MAX))
        let count = ccrypto_digest(
            Int32(self == .md5 ? CCRYPTO_MD5 : CCRYPTO_SHA256), text, text.count, &digest)
        return count * 2 == hexCount ? Hexadecimal.text(digest[..<count]) : nil
    }

    /// H(A1) of RFC 7616 §3.4.2: what a subscriber's password is kept as.
    public func userHash(name: [UInt8], realm: [UInt8], password: [UInt8]) -> [UInt8]? {
        hex(name + colon + realm + colon + password)
    }
}

private let colon = [UInt8(ascii: ":")]

/// What a client was given and says to prove that it knows a password.
struct DigestInput {
    var userHash: [UInt8]
    var method: [UInt8]
    var uri: [UInt8]
    var nonce: [UInt8]
    var nonceCount: [UInt8]
    var clientNonce: [UInt8]

    /// The `response` of RFC 7616 §3.4.1 with qop=auth.
    func response(_ algorithm: DigestAlgorithm) -> [UInt8]? {
        guard let target = algorithm.hex(method + colon + uri) else { return nil }
        return algorithm.hex(
            userHash + colon + nonce + colon + nonceCount + colon + clientNonce + colon + Array("auth".utf8) + colon
                + target)
    }
}

enum Hexadecimal {
    static func text(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    static func text(_ value: UInt64) -> [UInt8] {
        text((0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }[...])
    }

    /// Nil when there is anything but 1…16 digits.
    static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard (1...16).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}

/// Whether two texts are equal, in a time that does not tell how much of them is.
func isSameSecret(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && ccrypto_equal(left, right, left.count) != 0
}
