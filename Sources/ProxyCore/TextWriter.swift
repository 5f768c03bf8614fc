/// Appends bytes to caller's memory; what does not fit is left out and remembered.
struct TextWriter {
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var overflowed = false

    init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard count + bytes.count <= buffer.count, let base = buffer.baseAddress else {
            overflowed = true
            return
        }
        if let source = bytes.baseAddress { (base + count).copyMemory(from: source, byteCount: bytes.count) }
        count += bytes.count
    }

    mutating func append(_ text: StaticString) {
        append(text.rawBytes)
    }

    /// For what is rare.
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    mutating func append(decimal number: Int) {
        append(Array("\(number)".utf8))
    }
}

extension StaticString {
    var rawBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
