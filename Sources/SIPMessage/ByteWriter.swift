internal import func Glibc.memcpy

/// Appends to memory that someone else owns, and remembers when something did not fit.
struct ByteWriter: ~Copyable {
    private let base: UnsafeMutableRawPointer?
    private let capacity: Int
    private(set) var count = 0
    /// Sticky: from the first append that did not fit on, nothing is written.
    private(set) var overflowed = false

    init(_ buffer: UnsafeMutableRawBufferPointer) {
        base = buffer.baseAddress
        capacity = buffer.count
    }

    /// The bytes written, or -1 when they did not all fit.
    var result: Int { overflowed ? -1 : count }

    @inline(__always)
    mutating func append(_ source: UnsafeRawPointer, count length: Int) {
        guard let base, length <= capacity &- count, !overflowed else {
            overflowed = overflowed || length > 0
            return
        }
        memcpy(base + count, source, length)
        count &+= length
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        append(source, count: bytes.count)
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(text.utf8Start, count: text.utf8CodeUnitCount)
    }

    @inline(__always)
    mutating func append(byte: UInt8) {
        guard let base, count < capacity, !overflowed else {
            overflowed = true
            return
        }
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    mutating func appendDecimal(_ value: Int) {
        let digits = DecimalDigits(value)
        digits.withBytes { append($0) }
    }

    mutating func appendHexadecimal(_ value: UInt64, digits: Int) {
        var shift = digits &* 4
        while shift > 0 {
            shift &-= 4
            append(byte: hexadecimalDigit(shift < 64 ? value &>> UInt64(shift) : 0))
        }
    }
}

/// The lower-case digit of the lowest four bits.
@inline(__always)
func hexadecimalDigit(_ value: UInt64) -> UInt8 {
    let nibble = UInt8(truncatingIfNeeded: value & 0xF)
    return nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
}

/// The digits of a number, on the stack.
struct DecimalDigits {
    /// A sign and the 19 digits of an Int fill twenty bytes.
    private var storage: (UInt64, UInt64, UInt64) = (0, 0, 0)
    private var start = 24

    @inline(__always)
    init(_ value: Int) {
        var rest = value.magnitude
        var position = 24
        withUnsafeMutableBytes(of: &storage) { bytes in
            repeat {
                position &-= 1
                bytes[position] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                position &-= 1
                bytes[position] = UInt8(ascii: "-")
            }
        }
        start = position
    }

    @inline(__always)
    func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeBytes(of: storage) { body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }
}
