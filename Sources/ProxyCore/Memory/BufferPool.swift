/// A block of a `BufferPool`. Plain value: who holds it gives it back exactly once.
struct PooledBuffer: BitwiseCopyable {
    var start: UnsafeMutableRawPointer?
    /// Bytes in use.
    var count: UInt32
    var sizeClass: UInt8

    static var none: PooledBuffer { PooledBuffer(start: nil, count: 0, sizeClass: 0) }

    var isNone: Bool { start == nil }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: Int(count)) }
}

/// Blocks for the messages that transactions keep, in a few size classes with a free list each.
///
/// Blocks are carved from slabs and return to their list, never to the system: after warm-up no message
/// allocates and resident memory is flat.
struct BufferPool: ~Copyable {
    /// Block sizes in bytes. SIP messages crowd between 300 and 1,500 bytes, so classes are close there.
    private static let sizes: [Int] = [
        256, 384, 512, 640, 768, 896, 1_024, 1_280, 1_536, 2_048, 3_072, 4_096, 8_192, 16_384, 65_536,
    ]
    private static let slabBytes = 256 * 1_024

    private let sizes: UnsafeMutablePointer<Int>
    private let freeLists: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private let classCount: Int
    /// Slabs, chained through their first word so that deinit finds them.
    private var slabs: UnsafeMutableRawPointer?
    let bytesMax: Int
    private(set) var slabBytesInUse = 0
    /// Blocks handed out and not yet given back.
    private(set) var blocksInUse = 0

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        classCount = Self.sizes.count
        sizes = .allocate(capacity: classCount)
        freeLists = .allocate(capacity: classCount)
        for (index, size) in Self.sizes.enumerated() {
            sizes[index] = size
            freeLists[index] = nil
        }
    }

    deinit {
        var slab = slabs
        while let current = slab {
            slab = current.load(as: UnsafeMutableRawPointer?.self)
            current.deallocate()
        }
        sizes.deallocate()
        freeLists.deallocate()
    }

    /// A block of at least `capacity` bytes, or `.none` when the pool's limit is reached.
    mutating func take(_ capacity: Int) -> PooledBuffer {
        var sizeClass = 0
        while sizeClass < classCount && sizes[sizeClass] < capacity { sizeClass += 1 }
        guard sizeClass < classCount else { return .none }
        if freeLists[sizeClass] == nil {
            guard refill(sizeClass) else { return .none }
        }
        guard let block = freeLists[sizeClass] else { return .none }
        freeLists[sizeClass] = block.load(as: UnsafeMutableRawPointer?.self)
        blocksInUse += 1
        return PooledBuffer(start: block, count: 0, sizeClass: UInt8(sizeClass))
    }

    /// Room of a block.
    func room(of buffer: PooledBuffer) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: buffer.start, count: sizes[Int(buffer.sizeClass)])
    }

    /// Gives a block back and forgets it; nothing happens for `.none`.
    mutating func give(back buffer: inout PooledBuffer) {
        guard let block = buffer.start else { return }
        block.storeBytes(of: freeLists[Int(buffer.sizeClass)], as: UnsafeMutableRawPointer?.self)
        freeLists[Int(buffer.sizeClass)] = block
        blocksInUse -= 1
        buffer = .none
    }

    private mutating func refill(_ sizeClass: Int) -> Bool {
        let size = sizes[sizeClass]
        let header = 64
        let bytes = max(Self.slabBytes, size + header)
        guard slabBytesInUse + bytes <= bytesMax else { return false }
        let slab = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        slab.storeBytes(of: slabs, as: UnsafeMutableRawPointer?.self)
        slabs = slab
        slabBytesInUse += bytes
        // Last block first, so that the lowest address is handed out first.
        var offset = header + ((bytes - header) / size - 1) * size
        while offset >= header {
            let block = slab + offset
            block.storeBytes(of: freeLists[sizeClass], as: UnsafeMutableRawPointer?.self)
            freeLists[sizeClass] = block
            offset -= size
        }
        return true
    }
}
