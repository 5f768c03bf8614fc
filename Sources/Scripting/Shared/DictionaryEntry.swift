internal import Glibc

/// One key with its value, in a slot of a part. Key and bytes of the value share one block of memory.
struct DictionaryEntry: BitwiseCopyable {
    enum Kind: UInt8 {
        case free
        case boolean
        case integer
        case number
        case bytes
    }

    var kind = Kind.free
    var hash: UInt64 = 0
    var block: UnsafeMutableRawPointer?
    var keyCount: UInt32 = 0
    var valueCount: UInt32 = 0
    /// The boolean, the integer or the bits of the number.
    var bits: UInt64 = 0
    /// Milliseconds; `.max`: never.
    var expires: UInt64 = .max
    /// Towards the least recently used entry, and away from it; of a free slot `older` is the next free one.
    var older: UInt32 = 0
    var newer: UInt32 = 0

    var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: block, count: Int(keyCount)) }

    var value: SharedValue {
        switch kind {
        case .boolean: return .boolean(bits != 0)
        case .integer: return .integer(Int64(bitPattern: bits))
        case .number: return .number(Double(bitPattern: bits))
        case .bytes, .free:
            return .bytes(UnsafeRawBufferPointer(start: block.map { $0 + Int(keyCount) }, count: Int(valueCount)))
        }
    }

    /// What an entry costs: its slot, its place in the index and its block.
    static func bytes(key: Int, value: Int) -> Int {
        MemoryLayout<DictionaryEntry>.stride + 2 * MemoryLayout<UInt32>.stride + allocated(key + value)
    }

    /// The C library keeps its own word beside each block, and rounds.
    private static func allocated(_ count: Int) -> Int { (count + 8 + 15) & ~15 }

    var bytes: Int { Self.bytes(key: Int(keyCount), value: Int(valueCount)) }

    /// Bytes that a value takes in the block.
    static func blockBytes(of value: SharedValue) -> Int {
        if case .bytes(let bytes) = value { bytes.count } else { 0 }
    }

    /// Writes the value; the block has been made large enough.
    mutating func assign(_ value: SharedValue) {
        valueCount = 0
        bits = 0
        switch value {
        case .boolean(let flag):
            kind = .boolean
            bits = flag ? 1 : 0
        case .integer(let integer):
            kind = .integer
            bits = UInt64(bitPattern: integer)
        case .number(let number):
            kind = .number
            bits = number.bitPattern
        case .bytes(let bytes):
            kind = .bytes
            valueCount = UInt32(bytes.count)
            if let source = bytes.baseAddress, let block {
                (block + Int(keyCount)).copyMemory(from: source, byteCount: bytes.count)
            }
        }
    }

    /// Sees that the block holds the key and so many bytes of a value.
    mutating func reserve(valueBytes: Int) {
        guard valueBytes != Int(valueCount) || block == nil else { return }
        guard let grown = realloc(block, max(Int(keyCount) + valueBytes, 1)) else { fatalError("out of memory") }
        block = grown
    }
}
