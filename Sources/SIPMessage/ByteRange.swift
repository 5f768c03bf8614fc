/// A run of bytes inside one message: offset and length, meaningful only beside that message's bytes.
///
/// Two bytes each, so header sections end at 65,535 bytes. Offset 0 lies in the start line, where no
/// header value can be: an all-zero range therefore means "absent".
@frozen
public struct ByteRange: Equatable, Sendable {
    public var offset: UInt16
    public var length: UInt16

    @inlinable
    public init(offset: UInt16, length: UInt16) {
        self.offset = offset
        self.length = length
    }

    /// Traps when the run does not fit 16 bits: a bug of ours, the parser has checked by then.
    @inlinable
    public init(_ start: Int, _ end: Int) {
        self.offset = UInt16(start)
        self.length = UInt16(end - start)
    }

    /// The same for the parser's loops, which stay within what offsets reach: checked in debug builds only.
    @inline(__always)
    init(from start: Int, to end: Int) {
        assert(start >= 0 && start <= end && end <= Int(UInt16.max))
        self.offset = UInt16(truncatingIfNeeded: start)
        self.length = UInt16(truncatingIfNeeded: end &- start)
    }

    public static let absent = ByteRange(offset: 0, length: 0)

    /// First byte's index.
    @inlinable public var start: Int { Int(offset) }
    /// One past the last byte's index.
    @inlinable public var end: Int { Int(offset) + Int(length) }
    @inlinable public var count: Int { Int(length) }
    @inlinable public var isEmpty: Bool { length == 0 }
    /// Not there at all (as opposed to there and empty).
    @inlinable public var isAbsent: Bool { offset == 0 && length == 0 }
}
