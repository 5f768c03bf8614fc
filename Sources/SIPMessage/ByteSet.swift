/// A set of ASCII characters as two 64-bit words, so that membership is a shift and a mask.
///
/// The words are written out because a computed table would be initialised lazily, with a check at
/// every use. Bit n of `low` stands for character n, bit n of `high` for character 64 + n.
struct ByteSet: Sendable {
    let low: UInt64
    let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word = byte & 0x40 == 0 ? low : high
        return byte < 0x80 && (word &>> UInt64(byte & 0x3F)) & 1 == 1
    }

    // The sets of RFC 3261 §25.1.

    /// token: letters, digits and `-.!%*_+` with the two quotes and the tilde.
    static let token = ByteSet(low: 0x03FF_6CA2_0000_0000, high: 0x47FF_FFFF_87FF_FFFE)
    /// hostname and IPv4address; also the underscore, which names in service have.
    static let host = ByteSet(low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)
    /// The inside of an IPv6reference: hexadecimal digits, colons, and dots for a trailing IPv4 part.
    static let ipv6 = ByteSet(low: 0x07FF_4000_0000_0000, high: 0x0000_007E_0000_007E)
    /// scheme after its first letter.
    static let scheme = ByteSet(low: 0x03FF_6800_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    /// What `;/?:@&=+$,` mean in a URI differs from what their escapes mean (RFC 2396 §2.2).
    static let uriReserved = ByteSet(low: 0xAC00_9850_0000_0000, high: 0x0000_0000_0000_0001)
    /// The digits and visual separators of a telephone number (RFC 3966 §3).
    static let telephone = ByteSet(low: 0x03FF_6F08_0000_0000, high: 0x0000_007E_0000_007E)
}

/// A byte that may stand in an unquoted parameter value: looser than token, as hosts, IPv6 addresses and
/// values from services outside the grammar occur there; never a delimiter of the surrounding list.
@inline(__always)
func isParameterValueByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F, UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "<"),
        UInt8(ascii: ">"):
        return false
    default: return true
    }
}

/// A byte that may stand in a URI on the wire. Bytes that the grammar wants escaped are let through when
/// they cannot be taken for a delimiter around the URI: a proxy has no business in the user part.
@inline(__always)
func isURIByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"): return false
    default: return true
    }
}

/// LWS within a header value: line ends in there are folds, the parser has seen to it.
@inline(__always)
func isLinearWhitespace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

/// The value of a hexadecimal digit, or nil.
@inline(__always)
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: return byte &- 0x30
    case 0x41...0x46: return byte &- 0x37
    case 0x61...0x66: return byte &- 0x57
    default: return nil
    }
}

/// ASCII letters in lower case, everything else as it is.
@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}
