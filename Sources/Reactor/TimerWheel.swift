import CLinux

/// A hierarchical timing wheel: 1 ms ticks, scheduling and cancelling in constant time, nothing allocated after `init`.
///
/// Owned by one worker. Level 0 has 256 slots of one tick, levels 1 to 4 have 64 slots each, 2^32 ticks (49 days) in all; later
/// timers wait in a list of their own. A timer lies on the level of the highest bit in which its deadline differs from the current
/// tick, so the occupied slots of a level always lie ahead of the current one and one bit scan a level finds the next: an idle time
/// or a jump of days costs as little as one tick.
public struct TimerWheel: ~Copyable {
    /// The largest `timersMax`: it leaves eight bits of a handle for the generation.
    public static let timersMaxLimit = 1 << 24

    /// One timer. `slot` is `slotFree` while it waits for use.
    struct Node {
        var deadline: UInt64
        var payload: UInt64
        var next: UInt32
        var previous: UInt32
        var slot: UInt16
        var generation: UInt16
    }

    static let slotFree: UInt16 = .max
    static let slotFar = 512
    static let slotsCount = 513
    /// Freed nodes rest in a queue of at least this many before the oldest is used again, so that a generation comes round late.
    static let freeNodesMin: UInt32 = 64

    private let nodes: UnsafeMutablePointer<Node>
    private let nodesBytes: Int
    /// The first node of each slot's list; its `previous` is the last.
    private let heads: UnsafeMutablePointer<UInt32>
    private let indexBits: UInt32
    private let generationMask: UInt16

    private var current: UInt64
    private var occupied0 = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    private var occupied = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    /// No far timer is due before; meaningless while the far list is empty.
    private var farEarliest: UInt64 = .max

    private var nodesTouched: UInt32 = 0
    private var freeHead: UInt32 = 0
    private var freeTail: UInt32 = 0
    private var freeCount: UInt32 = 0

    /// Timers waiting.
    public private(set) var count = 0
    /// At most this many wait at once.
    public let timersMax: Int

    /// - Parameters:
    ///   - now: the first tick.
    ///   - timersMax: 1 … `timersMaxLimit`; address space for all is taken at once (32 bytes each), memory as they are used.
    public init(now: UInt64, timersMax: Int) {
        precondition(timersMax > 0 && timersMax <= Self.timersMaxLimit)
        self.timersMax = timersMax
        self.current = now
        self.indexBits = UInt32(UInt32.bitWidth - UInt32(timersMax).leadingZeroBitCount)
        self.generationMask = UInt16(truncatingIfNeeded: UInt32.max >> indexBits)
        self.nodesBytes = (timersMax + 1) * MemoryLayout<Node>.stride
        guard let memory = cl_map(nodesBytes) else { fatalError("no address space for \(timersMax) timers") }
        self.nodes = memory.bindMemory(to: Node.self, capacity: timersMax + 1)
        self.heads = .allocate(capacity: Self.slotsCount)
        self.heads.initialize(repeating: 0, count: Self.slotsCount)
    }

    deinit {
        cl_unmap(nodes, nodesBytes)
        heads.deallocate()
    }

    /// Starts a timer and answers its handle; 0 when `timersMax` timers wait already. A deadline that has passed is due at once.
    /// Constant time.
    public mutating func schedule(at deadline: UInt64, payload: UInt64) -> UInt32 {
        let index = takeNode()
        guard index != 0 else { return 0 }
        nodes[Int(index)].deadline = deadline
        nodes[Int(index)].payload = payload
        link(index)
        count += 1
        return handle(of: index)
    }

    /// Stops a timer. 0, and the handle of a timer that was popped or stopped before, do nothing: reuse of its place is told
    /// apart by a generation of 8 to 16 bits. Constant time.
    public mutating func cancel(_ node: UInt32) {
        let index = index(of: node)
        guard index != 0 else { return }
        unlink(index)
        release(index)
        count -= 1
    }

    /// Moves a waiting timer to another deadline and keeps its handle; false when it no longer waits. Constant time.
    public mutating func reschedule(_ node: UInt32, at deadline: UInt64) -> Bool {
        let index = index(of: node)
        guard index != 0 else { return false }
        unlink(index)
        nodes[Int(index)].deadline = deadline
        link(index)
        return true
    }

    /// Takes out one timer that is due by `now` and answers its payload; nil when none is left. Ticks come in order, the timers of
    /// one tick in the order in which they were scheduled. Time that goes backwards pops nothing.
    public mutating func popExpired(now: UInt64) -> UInt64? {
        while count > 0 {
            let (tick, slot) = nextSlot()
            guard tick <= now else { break }
            current = tick
            if slot >= 256 {
                cascade(slot)
                continue
            }
            let index = heads[slot]
            let payload = nodes[Int(index)].payload
            unlink(index)
            release(index)
            count -= 1
            return payload
        }
        current = max(current, now)
        return nil
    }

    /// No timer is due before this time; nil when none waits. Exact within 256 ticks, otherwise perhaps early, so that popping at
    /// this time brings the answer closer. Constant time.
    public func nextDeadline() -> UInt64? {
        count > 0 ? nextSlot().tick : nil
    }
}

extension TimerWheel {
    /// The next occupied slot and the tick at which it is due (level 0) or has to be spread over lower levels.
    private func nextSlot() -> (tick: UInt64, slot: Int) {
        // Within a level every occupied slot lies at or after the current one, and a lower level before a higher one.
        if occupied0.0 | occupied0.1 | occupied0.2 | occupied0.3 != 0 {
            let slot =
                occupied0.0 != 0
                ? occupied0.0.trailingZeroBitCount
                : occupied0.1 != 0
                    ? 64 + occupied0.1.trailingZeroBitCount
                    : occupied0.2 != 0
                        ? 128 + occupied0.2.trailingZeroBitCount : 192 + occupied0.3.trailingZeroBitCount
            return (current & ~255 | UInt64(slot), slot)
        }
        if occupied.0 != 0 { return slotOnLevel(1, occupied.0) }
        if occupied.1 != 0 { return slotOnLevel(2, occupied.1) }
        if occupied.2 != 0 { return slotOnLevel(3, occupied.2) }
        if occupied.3 != 0 { return slotOnLevel(4, occupied.3) }
        // Due at the 2^32 boundary before it: past that, far timers and new ones lie on the same levels.
        return ((farEarliest >> 32) << 32, Self.slotFar)
    }

    private func slotOnLevel(_ level: Int, _ bits: UInt64) -> (tick: UInt64, slot: Int) {
        let shift = Self.shift(level)
        let position = bits.trailingZeroBitCount
        let above = (current >> (shift + 6)) << (shift + 6)
        return (above | UInt64(position) << shift, 256 + (level - 1) * 64 + position)
    }

    private static func shift(_ level: Int) -> UInt64 { UInt64(8 + 6 * (level - 1)) }

    /// Spreads a slot over the levels below, in order.
    private mutating func cascade(_ slot: Int) {
        var index = heads[slot]
        guard index != 0 else { return }
        let last = nodes[Int(index)].previous
        heads[slot] = 0
        markEmpty(slot)
        while true {
            let next = nodes[Int(index)].next
            link(index)
            if index == last { return }
            index = next
        }
    }

    private mutating func link(_ index: UInt32) {
        let deadline = max(nodes[Int(index)].deadline, current)
        let slot = slotFor(deadline)
        if slot == Self.slotFar {
            farEarliest = min(farEarliest, deadline)
        } else {
            markOccupied(slot)
        }
        nodes[Int(index)].slot = UInt16(slot)
        nodes[Int(index)].next = 0
        let head = heads[slot]
        if head == 0 {
            heads[slot] = index
            nodes[Int(index)].previous = index
        } else {
            let last = nodes[Int(head)].previous
            nodes[Int(last)].next = index
            nodes[Int(index)].previous = last
            nodes[Int(head)].previous = index
        }
    }

    private mutating func unlink(_ index: UInt32) {
        let node = nodes[Int(index)]
        let slot = Int(node.slot)
        let head = heads[slot]
        if index == head {
            heads[slot] = node.next
            if node.next == 0 {
                markEmpty(slot)
            } else {
                nodes[Int(node.next)].previous = node.previous
            }
        } else {
            nodes[Int(node.previous)].next = node.next
            nodes[Int(node.next == 0 ? head : node.next)].previous = node.previous
        }
    }

    private func slotFor(_ deadline: UInt64) -> Int {
        let difference = deadline ^ current
        if difference < 256 { return Int(deadline & 255) }
        let level = (63 - difference.leadingZeroBitCount - 8) / 6 + 1
        guard level <= 4 else { return Self.slotFar }
        return 256 + (level - 1) * 64 + Int(deadline >> Self.shift(level) & 63)
    }

    private mutating func markOccupied(_ slot: Int) {
        let bit = UInt64(1) << UInt64(slot & 63)
        switch slot >> 6 {
        case 0: occupied0.0 |= bit
        case 1: occupied0.1 |= bit
        case 2: occupied0.2 |= bit
        case 3: occupied0.3 |= bit
        case 4: occupied.0 |= bit
        case 5: occupied.1 |= bit
        case 6: occupied.2 |= bit
        default: occupied.3 |= bit
        }
    }

    private mutating func markEmpty(_ slot: Int) {
        guard slot != Self.slotFar else {
            farEarliest = .max
            return
        }
        let mask = ~(UInt64(1) << UInt64(slot & 63))
        switch slot >> 6 {
        case 0: occupied0.0 &= mask
        case 1: occupied0.1 &= mask
        case 2: occupied0.2 &= mask
        case 3: occupied0.3 &= mask
        case 4: occupied.0 &= mask
        case 5: occupied.1 &= mask
        case 6: occupied.2 &= mask
        default: occupied.3 &= mask
        }
    }
}

// Nodes: index 0 means none; a handle is generation and index.
extension TimerWheel {
    private func handle(of index: UInt32) -> UInt32 {
        UInt32(nodes[Int(index)].generation) << indexBits | index
    }

    /// The waiting node of a handle; 0 when the handle is stale or nobody's.
    private func index(of handle: UInt32) -> UInt32 {
        let index = handle & (UInt32(1) << indexBits &- 1)
        guard index != 0, index <= nodesTouched else { return 0 }
        let node = nodes[Int(index)]
        guard node.slot != Self.slotFree, UInt32(node.generation) == handle >> indexBits else { return 0 }
        return index
    }

    private mutating func takeNode() -> UInt32 {
        let mayTouch = nodesTouched < UInt32(timersMax)
        if freeCount > (mayTouch ? Self.freeNodesMin : 0) {
            let index = freeHead
            freeHead = nodes[Int(index)].next
            freeCount -= 1
            return index
        }
        guard mayTouch else { return 0 }
        nodesTouched += 1
        return nodesTouched
    }

    private mutating func release(_ index: UInt32) {
        nodes[Int(index)].slot = Self.slotFree
        nodes[Int(index)].generation = (nodes[Int(index)].generation &+ 1) & generationMask
        nodes[Int(index)].next = 0
        if freeCount == 0 {
            freeHead = index
        } else {
            nodes[Int(freeTail)].next = index
        }
        freeTail = index
        freeCount += 1
    }
}
