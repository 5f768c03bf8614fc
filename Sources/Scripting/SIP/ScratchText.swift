internal import Glibc

/// Text put together in memory that someone else owns; what does not fit is left out and remembered.
struct ScratchText {
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var overflowed = false

    init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

    mutating func append(_ text: UnsafeRawBufferPointer) {
        let fitting = min(text.count, buffer.count - count)
        if fitting < text.count { overflowed = true }
        guard fitting > 0, let source = text.baseAddress, let start = buffer.baseAddress else { return }
        (start + count).copyMemory(from: source, byteCount: fitting)
        count += fitting
    }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(byte: UInt8) {
        guard count < buffer.count else {
            overflowed = true
            return
        }
        buffer[count] = byte
        count += 1
    }

    mutating func append(decimal value: Int64) {
        // A sign and nineteen digits.
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { room in
            var start = room.count
            var rest = value.magnitude
            repeat {
                start -= 1
                room[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                start -= 1
                room[start] = UInt8(ascii: "-")
            }
            append(UnsafeRawBufferPointer(rebasing: room[start...]))
        }
    }
}

extension UnsafeRawBufferPointer {
    static var none: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// For error messages: as text, shortened.
    var quoted: String {
        let shown = String(decoding: prefix(60), as: UTF8.self)
        return count > 60 ? "\"\(shown)…\"" : "\"\(shown)\""
    }

    /// No byte that would end a header line.
    var isSingleLine: Bool { !contains { $0 == 13 || $0 == 10 || $0 == 0 } }

    func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count, let left = baseAddress, let right = other.baseAddress else {
            return count == other.count
        }
        return memcmp(left, right, count) == 0
    }
}
