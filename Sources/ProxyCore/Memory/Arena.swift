/// Scratch bytes that live as long as one request's handling: new Request-URIs, target URIs, reasons.
struct Arena: ~Copyable {
    static let bytesMax = 65_536
    private let base: UnsafeMutableRawPointer
    private var used = 0

    init() {
        base = .allocate(byteCount: Self.bytesMax, alignment: 16)
    }

    deinit {
        base.deallocate()
    }

    mutating func removeAll() {
        used = 0
    }

    /// A copy of `bytes` that stays until `removeAll`, or nil when the arena is full.
    mutating func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard used + bytes.count <= Self.bytesMax else { return nil }
        let start = base + used
        if let source = bytes.baseAddress { start.copyMemory(from: source, byteCount: bytes.count) }
        used += bytes.count
        return UnsafeRawBufferPointer(start: start, count: bytes.count)
    }
}
