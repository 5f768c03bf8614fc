/// Eight hexadecimal digits at a time, as the bytes of a word: every request writes some thirty, every response
/// reads them. A loop over digits takes ten times as many instructions.
enum HexadecimalWord {
    /// Writes eight lower-case digits at `offset`.
    static func write(_ value: UInt32, to text: UnsafeMutableRawBufferPointer, _ offset: Int) {
        text.storeBytes(of: digits(of: value).littleEndian, toByteOffset: offset, as: UInt64.self)
    }

    /// The number that eight lower-case digits at `offset` stand for; nil when they are none.
    static func read(_ text: UnsafeRawBufferPointer, _ offset: Int) -> UInt32? {
        let digits = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        let isLetter = digits >> 6 & 0x0101_0101_0101_0101
        var word = digits & 0x0F0F_0F0F_0F0F_0F0F
        word = (word &+ isLetter &* 9) & 0x0F0F_0F0F_0F0F_0F0F
        word = (word & 0x000F_000F_000F_000F) << 4 | word >> 8 & 0x000F_000F_000F_000F
        word = (word | word >> 8) & 0x0000_FFFF_0000_FFFF
        let value = UInt32(truncatingIfNeeded: word | word >> 16).byteSwapped
        // Anything but our own digits reads as something that would be written otherwise.
        return self.digits(of: value) == digits ? value : nil
    }

    /// The first digit in the lowest byte.
    private static func digits(of value: UInt32) -> UInt64 {
        var word = UInt64(value.byteSwapped)
        word = (word | word << 16) & 0x0000_FFFF_0000_FFFF
        word = (word | word << 8) & 0x00FF_00FF_00FF_00FF
        // One digit a byte, the high one of each pair first.
        word = word >> 4 & 0x000F_000F_000F_000F | (word & 0x000F_000F_000F_000F) << 8
        let isLetter = (word + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return word + 0x3030_3030_3030_3030 + isLetter * 0x27
    }
}
