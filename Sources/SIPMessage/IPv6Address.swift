/// The value of an IPv6 address in text (RFC 4291 §2.2), for comparing two spellings.
struct IPv6Address: Equatable {
    private var groups = SIMD8<UInt16>()

    /// Nil when the range holds no address.
    init?(_ range: ByteRange, in view: ByteView) {
        var position = range.start
        let end = range.end
        var count = 0
        // How many groups stand before the double colon, or -1 without one.
        var gap = -1
        if position &+ 2 <= end, view[position] == UInt8(ascii: ":") {
            guard view[position &+ 1] == UInt8(ascii: ":") else { return nil }
            gap = 0
            position &+= 2
        }
        while position < end {
            guard count < 8 else { return nil }
            let start = position
            guard let group = Self.readGroup(at: &position, to: end, in: view) else { return nil }
            if position < end, view[position] == UInt8(ascii: ".") {
                guard count <= 6, let value = Self.readIPv4(at: start, to: end, in: view) else { return nil }
                groups[count] = UInt16(truncatingIfNeeded: value &>> 16)
                groups[count &+ 1] = UInt16(truncatingIfNeeded: value)
                count &+= 2
                break
            }
            groups[count] = group
            count &+= 1
            if position == end { break }
            guard view[position] == UInt8(ascii: ":"), position &+ 1 < end else { return nil }
            position &+= 1
            if view[position] == UInt8(ascii: ":") {
                guard gap < 0 else { return nil }
                gap = count
                position &+= 1
            }
        }
        guard gap >= 0 ? count < 8 : count == 8 else { return nil }
        if gap >= 0 { moveTail(from: gap, count: count) }
    }

    /// Puts the groups behind the double colon where they belong.
    private mutating func moveTail(from gap: Int, count: Int) {
        var index = count
        while index > gap {
            index &-= 1
            let target = 8 &- count &+ index
            groups[target] = groups[index]
            groups[index] = 0
        }
    }

    /// One to four hexadecimal digits.
    private static func readGroup(at position: inout Int, to end: Int, in view: ByteView) -> UInt16? {
        var value: UInt16 = 0
        let limit = min(position &+ 4, end)
        let start = position
        while position < limit, let digit = hexadecimalValue(view[position]) {
            value = value &<< 4 | UInt16(digit)
            position &+= 1
        }
        return position > start ? value : nil
    }

    /// Four decimal numbers, to the end of the address.
    private static func readIPv4(at start: Int, to end: Int, in view: ByteView) -> UInt32? {
        var value: UInt32 = 0
        var position = start
        for part in 0..<4 {
            let numberStart = position
            while position < end, position &- numberStart < 3, isDigit(view[position]) { position &+= 1 }
            let number = view.decimal(from: numberStart, to: position, limit: 255)
            guard number >= 0 else { return nil }
            value = value &<< 8 | UInt32(truncatingIfNeeded: number)
            if part < 3 {
                guard position < end, view[position] == UInt8(ascii: ".") else { return nil }
                position &+= 1
            }
        }
        return position == end ? value : nil
    }
}
