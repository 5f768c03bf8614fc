/// Secret key of this proxy's hashes. Members of a cluster that share it build equal branches.
@frozen
public struct HashKey: Sendable, Equatable {
    public var low: UInt64
    public var high: UInt64

    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// A fresh random key.
    public static func random() -> HashKey {
        HashKey(low: .random(in: .min ... .max), high: .random(in: .min ... .max))
    }

    /// A key from any bytes: equal bytes, equal key, on every machine.
    public init(bytes: [UInt8]) {
        self.init(low: 0x7365_7276_6172_7475, high: 0x6272_616e_6368_6b65)
        let digest = bytes.withUnsafeBytes { bytes in
            var hash = KeyedHash(key: self)
            hash.absorb(bytes)
            return hash.finish128()
        }
        self.init(low: digest.low, high: digest.high)
    }
}

/// SipHash-1-3 (Aumasson and Bernstein) over a sequence of fields, 64 or 128 bits.
///
/// Keyed, because peers choose the input: without the key nobody can make two transactions collide.
/// Each field is absorbed as its length, then its bytes zero-padded to words: a prefix-free code, so that no
/// two different sequences of fields are the same input.
@frozen
public struct KeyedHash {
    @usableFromInline var v0: UInt64
    @usableFromInline var v1: UInt64
    @usableFromInline var v2: UInt64
    @usableFromInline var v3: UInt64

    public init(key: HashKey) {
        v0 = key.low ^ 0x736f_6d65_7073_6575
        v1 = key.high ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = key.low ^ 0x6c79_6765_6e65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func round() {
        v0 = v0 &+ v1
        v2 = v2 &+ v3
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 = v0 << 32 | v0 >> 32
        v2 = v2 &+ v1
        v0 = v0 &+ v3
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 = v2 << 32 | v2 >> 32
    }

    @inline(__always)
    mutating func absorb(word: UInt64) {
        v3 ^= word
        round()
        v0 ^= word
    }

    /// One number as a field.
    public mutating func absorb(_ number: UInt64) {
        absorb(word: number)
    }

    /// One run of bytes as a field.
    public mutating func absorb(_ bytes: UnsafeRawBufferPointer) {
        absorb(word: UInt64(bytes.count))
        let whole = bytes.count & ~7
        var index = 0
        while index < whole {
            absorb(word: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian)
            index += 8
        }
        if index < bytes.count { absorb(word: lastWord(of: bytes, from: index, lowercased: false)) }
    }

    /// One run of bytes as a field, ASCII letters folded to lower case: host names compare so.
    public mutating func absorbLowercased(_ bytes: UnsafeRawBufferPointer) {
        absorb(word: UInt64(bytes.count))
        let whole = bytes.count & ~7
        var index = 0
        while index < whole {
            var word: UInt64 = 0
            for offset in 0..<8 {
                word |= UInt64(Self.lowercased(bytes[index + offset])) << UInt64(8 * offset)
            }
            absorb(word: word)
            index += 8
        }
        if index < bytes.count { absorb(word: lastWord(of: bytes, from: index, lowercased: true)) }
    }

    /// The bytes that do not fill a word, padded with zeros.
    @inline(__always)
    private func lastWord(of bytes: UnsafeRawBufferPointer, from start: Int, lowercased: Bool) -> UInt64 {
        var word: UInt64 = 0
        var shift: UInt64 = 0
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            word |= UInt64(lowercased ? Self.lowercased(byte) : byte) << shift
            shift += 8
            index += 1
        }
        return word
    }

    @inline(__always)
    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    public consuming func finish() -> UInt64 {
        finish128().low
    }

    public consuming func finish128() -> (low: UInt64, high: UInt64) {
        var state = self
        state.v2 ^= 0xee
        state.round()
        state.round()
        state.round()
        let low = state.v0 ^ state.v1 ^ state.v2 ^ state.v3
        state.v1 ^= 0xdd
        state.round()
        state.round()
        state.round()
        return (low, state.v0 ^ state.v1 ^ state.v2 ^ state.v3)
    }
}
