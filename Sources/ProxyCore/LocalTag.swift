internal import SIPTransaction

/// To tag of responses made here: a function of the transaction, so that the answers to a request and its
/// retransmissions agree without state (RFC 3261 §8.2.7), and the ACK shows whose answer it acknowledges.
struct LocalTag {
    static let count = 18

    private let value: UInt64

    init(key: TransactionKey) {
        // The branch shows `key.high` downstream; tags show the other half, mixed.
        value = (key.low ^ 0x7461_6773_7461_6773) &* 0x9e37_79b9_7f4a_7c15
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
