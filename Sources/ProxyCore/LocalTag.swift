internal import SIPTransaction

/// To tag of responses made here: a function of the transaction, so that the answers to a request and its
/// retransmissions agree without state (RFC 3261 §8.2.7), and the ACK shows whose answer it acknowledges.
struct LocalTag {
    static let count = 18

    private let value: UInt64

    /// The tag shows nothing of the transaction's key.
    init(key: TransactionKey, hashKey: HashKey) {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(key.low)
        hash.absorb(key.high)
        value = hash.finish()
    }

    /// Writes the tag's 18 bytes.
    func write(into buffer: UnsafeMutableRawBufferPointer) {
        buffer[0] = UInt8(ascii: "s")
        buffer[1] = UInt8(ascii: "v")
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15
            buffer[2 + index] = digit < 10 ? 48 + digit : 87 + digit
        }
    }

    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Self.count, alignment: 8) { buffer in
            write(into: buffer)
            return text.count == Self.count && text.elementsEqual(UnsafeRawBufferPointer(buffer))
        }
    }
}
