/// What a proxy tells the one before it, in that one's Via of a response:
///
///     ;svk-allow=250;svk-price=31000;svk-seq=1753000000.17
@frozen
public struct StateFeedback: Equatable, Sendable {
    /// Requests a second that may come with their state still open; `any`: no limit.
    public var allowance: UInt32
    /// What one more such request will meet.
    public var priceNanoseconds: UInt64
    /// Start of the sender's life; a later life has a greater one.
    public var epoch: UInt32
    /// Counts within a life.
    public var sequence: UInt32

    /// Of two, the later one has the greater.
    public var ordinal: UInt64 { UInt64(epoch) << 32 | UInt64(sequence) }

    public static let any = UInt32.max
    /// Greater numbers than these are read as these.
    public static let allowanceMax: UInt32 = 1_000_000_000
    public static let priceNanosecondsMax: UInt64 = 100_000_000_000_000_000
    /// Bytes that `write` may need.
    public static let textBytesMax = 11 + 10 + 11 + 18 + 9 + 21
    /// Digits that a number may have on the wire.
    static let digitsMax = 18

    public init(allowance: UInt32, priceNanoseconds: UInt64, epoch: UInt32, sequence: UInt32) {
        self.allowance = allowance == Self.any ? Self.any : min(allowance, Self.allowanceMax)
        self.priceNanoseconds = min(priceNanoseconds, Self.priceNanosecondsMax)
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Writes the three parameters with their semicolons: the bytes written.
    public func write(into text: UnsafeMutableRawBufferPointer) -> Int {
        precondition(text.count >= Self.textBytesMax, "no room for feedback")
        var count = 0
        Self.append(";svk-allow=", to: text, &count)
        if allowance == Self.any {
            Self.append("any", to: text, &count)
        } else {
            Self.append(UInt64(allowance), to: text, &count)
        }
        Self.append(";svk-price=", to: text, &count)
        Self.append(priceNanoseconds, to: text, &count)
        Self.append(";svk-seq=", to: text, &count)
        Self.append(UInt64(epoch), to: text, &count)
        Self.append(".", to: text, &count)
        Self.append(UInt64(sequence), to: text, &count)
        return count
    }

    // MARK: Values

    static func allowance(_ text: UnsafeRawBufferPointer) -> UInt32? {
        if StateSignals.equals(text, "any") { return any }
        guard let number = number(text) else { return nil }
        return UInt32(truncatingIfNeeded: min(number, UInt64(allowanceMax)))
    }

    static func price(_ text: UnsafeRawBufferPointer) -> UInt64? {
        guard let number = number(text) else { return nil }
        return min(number, priceNanosecondsMax)
    }

    static func sequence(_ text: UnsafeRawBufferPointer) -> (epoch: UInt32, count: UInt32)? {
        guard let dot = text.firstIndex(of: UInt8(ascii: ".")),
            let epoch = number(UnsafeRawBufferPointer(rebasing: text[..<dot])), epoch <= UInt64(UInt32.max),
            let count = number(UnsafeRawBufferPointer(rebasing: text[(dot + 1)...])), count <= UInt64(UInt32.max)
        else { return nil }
        return (UInt32(epoch), UInt32(count))
    }

    /// 1*DIGIT, at most `digitsMax` of them.
    private static func number(_ text: UnsafeRawBufferPointer) -> UInt64? {
        guard text.count > 0, text.count <= digitsMax else { return nil }
        var value: UInt64 = 0
        for byte in text {
            let digit = byte &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + UInt64(digit)
        }
        return value
    }

    private static func append(_ name: StaticString, to text: UnsafeMutableRawBufferPointer, _ count: inout Int) {
        for index in 0..<name.utf8CodeUnitCount { text[count + index] = name.utf8Start[index] }
        count += name.utf8CodeUnitCount
    }

    private static func append(_ number: UInt64, to text: UnsafeMutableRawBufferPointer, _ count: inout Int) {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        rest = number
        for index in (0..<digits).reversed() {
            text[count + index] = 0x30 + UInt8(rest % 10)
            rest /= 10
        }
        count += digits
    }
}
