internal import func Glibc.memchr

/// The message's bytes as the parsers see them: a pointer and a count, bounds asserted in debug builds.
///
/// Release builds do not check each byte; every loop here carries its own limit, and the fuzzer runs
/// them under AddressSanitizer.
struct ByteView {
    let base: UnsafeRawPointer
    let count: Int

    @inline(__always)
    init(base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    /// Nil for a buffer without memory.
    @inline(__always)
    init?(_ buffer: UnsafeRawBufferPointer) {
        guard let base = buffer.baseAddress else { return nil }
        self.init(base: base, count: buffer.count)
    }

    @inline(__always)
    subscript(_ index: Int) -> UInt8 {
        assert(index >= 0 && index < count)
        return base.load(fromByteOffset: index, as: UInt8.self)
    }

    /// Whether a range lies within these bytes and within what offsets reach.
    @inline(__always)
    func holds(_ range: ByteRange) -> Bool {
        range.end <= count && range.end <= Int(UInt16.max)
    }

    /// Eight bytes in wire order as one number, whose lowest byte is the first.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        assert(index >= 0 && index + 8 <= count)
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// The index of `byte` in `start..<end`, or -1.
    @inline(__always)
    func index(of byte: UInt8, from start: Int, to end: Int) -> Int {
        assert(start >= 0 && start <= end && end <= count)
        guard let found = memchr(base + start, Int32(byte), end &- start) else { return -1 }
        return UnsafeRawPointer(found) - base
    }

    /// The index of the first byte in `start..<end` that is below `limit`, itself at most 128, or `end`.
    @inline(__always)
    func indexOfByte(below limit: UInt8, from start: Int, to end: Int) -> Int {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        while index &+ 8 <= end {
            let word = word(at: index)
            // A byte below the limit borrows into its top bit; false hits can only follow a true one.
            let hits = (word &- (ones &* UInt64(limit))) & ~word & (ones &* 0x80)
            if hits != 0 { return index &+ hits.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < end, self[index] >= limit { index &+= 1 }
        return index
    }

    /// The first byte from `start` on that is no LWS, or `end`.
    @inline(__always)
    func skipWhitespace(from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, isLinearWhitespace(self[index]) { index &+= 1 }
        return index
    }

    /// One past the last byte before `end` that is no LWS, or `start`.
    @inline(__always)
    func trimWhitespace(from start: Int, to end: Int) -> Int {
        var index = end
        while index > start, isLinearWhitespace(self[index &- 1]) { index &-= 1 }
        return index
    }

    @inline(__always)
    func skip(_ set: ByteSet, from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, set.contains(self[index]) { index &+= 1 }
        return index
    }

    /// The first byte from `start` on that no URI holds, or `end`: eight bytes at a time, then one by one.
    @inline(__always)
    func endOfURI(from start: Int, to end: Int) -> Int {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        while index &+ 8 <= end {
            let word = word(at: index)
            let controls = (word &- ones &* 0x21) & ~word
            // `<` and `>` differ in one bit.
            let brackets = (word | ones &* 0x02) ^ ones &* 0x3E
            let quotes = word ^ ones &* 0x22
            let deletes = word ^ ones &* 0x7F
            let others =
                ((brackets &- ones) & ~brackets) | ((quotes &- ones) & ~quotes) | ((deletes &- ones) & ~deletes)
            let hits = (controls | others) & (ones &* 0x80)
            if hits != 0 { return index &+ hits.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        return skip(.uri, from: index, to: end)
    }

    /// One past the closing quote of the quoted string that opens at `start`, or -1 when it never closes.
    ///
    /// RFC 3261 §25.1: a backslash takes the next byte with it, whatever that is.
    func endOfQuotedString(from start: Int, to end: Int) -> Int {
        var index = start &+ 1
        while index < end {
            switch self[index] {
            case UInt8(ascii: "\""): return index &+ 1
            case UInt8(ascii: "\\"): index &+= 2
            default: index &+= 1
            }
        }
        return -1
    }

    /// The decimal number that fills `start..<end`, or -1: empty, not digits only, or above `limit`.
    @inline(__always)
    func decimal(from start: Int, to end: Int, limit: Int) -> Int {
        guard start < end else { return -1 }
        var value = 0
        var index = start
        while index < end {
            let byte = self[index]
            guard isDigit(byte) else { return -1 }
            value = value &* 10 &+ Int(byte &- 0x30)
            // `limit` is below 2^32, so the product above cannot wrap before this sees it.
            if value > limit { return -1 }
            index &+= 1
        }
        return value
    }

    /// Whether `start..<end` is `text`, which is lower case, in any case.
    @inline(__always)
    func matches(_ text: StaticString, from start: Int, to end: Int) -> Bool {
        guard end &- start == text.utf8CodeUnitCount else { return false }
        let expected = text.utf8Start
        var index = 0
        while index < end &- start {
            if lowercased(self[start &+ index]) != expected[index] { return false }
            index &+= 1
        }
        return true
    }

    /// The comma that ends the list element at `start`, or `end`. Commas within quotes and within angle
    /// brackets do not count; a quote or bracket that never closes takes the rest with it.
    func endOfElement(from start: Int, to end: Int) -> Int {
        // Most values hold no comma at all.
        guard index(of: UInt8(ascii: ","), from: start, to: end) >= 0 else { return end }
        var index = start
        while index < end {
            switch self[index] {
            case UInt8(ascii: ","): return index
            case UInt8(ascii: "\""):
                let close = endOfQuotedString(from: index, to: end)
                if close < 0 { return end }
                index = close
            case UInt8(ascii: "<"):
                let close = self.index(of: UInt8(ascii: ">"), from: index, to: end)
                if close < 0 { return end }
                index = close &+ 1
            default: index &+= 1
            }
        }
        return end
    }
}

/// Up to eight ASCII characters as `ByteView.word(at:)` would read them; folds to a constant.
@inline(__always)
func word(_ text: StaticString) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    for index in 0..<text.utf8CodeUnitCount {
        value |= UInt64(text.utf8Start[index]) &<< shift
        shift &+= 8
    }
    return value
}

/// Whether two runs of bytes are equal but for the case of ASCII letters.
@inlinable
public func equalIgnoringCase(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    var index = 0
    while index < left.count {
        let a = left[index]
        let b = right[index]
        if a != b {
            guard a ^ b == 0x20, (a | 0x20) &- 0x61 < 26 else { return false }
        }
        index &+= 1
    }
    return true
}

extension UnsafeRawBufferPointer {
    /// A literal's bytes; they live as long as the program.
    @inlinable
    public init(_ text: StaticString) {
        self.init(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Part of this buffer, for ranges that are known to lie within.
    @inline(__always)
    func part(_ range: ByteRange) -> UnsafeRawBufferPointer {
        precondition(range.end <= count, "a range of another message")
        guard let baseAddress else { return self }
        return UnsafeRawBufferPointer(start: baseAddress + range.start, count: range.count)
    }
}
