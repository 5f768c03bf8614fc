/// Fixed-capacity pool of plain values, addressed by number. Slot 0 is "none".
///
/// The memory is reserved at once and touched as it is used, lowest numbers first, so that resident memory
/// follows the greatest number in use and stays flat after that. Nothing is allocated afterwards.
struct SlotPool<Element: BitwiseCopyable>: ~Copyable {
    private let base: UnsafeMutablePointer<Element>
    private let freeLinks: UnsafeMutablePointer<UInt32>
    let capacity: Int
    private var firstFree: UInt32 = 0
    private var highWater: UInt32 = 0
    private(set) var count = 0

    init(capacity: Int) {
        precondition(capacity > 0 && capacity < Int(UInt32.max), "pool capacity out of range")
        self.capacity = capacity
        base = .allocate(capacity: capacity + 1)
        freeLinks = .allocate(capacity: capacity + 1)
    }

    deinit {
        base.deallocate()
        freeLinks.deallocate()
    }

    @inline(__always)
    subscript(_ slot: UInt32) -> UnsafeMutablePointer<Element> {
        base + Int(slot)
    }

    /// A slot holding `value`, or 0 when the pool is full.
    mutating func take(_ value: Element) -> UInt32 {
        var slot = firstFree
        if slot != 0 {
            firstFree = freeLinks[Int(slot)]
        } else {
            guard Int(highWater) < capacity else { return 0 }
            highWater += 1
            slot = highWater
        }
        count += 1
        (base + Int(slot)).initialize(to: value)
        return slot
    }

    mutating func give(back slot: UInt32) {
        precondition(slot != 0 && slot <= highWater, "slot was never taken")
        freeLinks[Int(slot)] = firstFree
        firstFree = slot
        count -= 1
    }
}
