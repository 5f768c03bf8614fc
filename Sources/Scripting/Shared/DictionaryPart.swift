internal import Glibc

/// Some of the entries of a shared dictionary: a hash table, and a list of its entries by their latest use. Any thread
/// may call it; each call holds the lock for the time of one look-up, and of those whose room it takes.
final class DictionaryPart: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    // Slot 0 stands for none; it is the ring's anchor: its `newer` is the least recently used entry, its `older` the latest.
    private var slots: UnsafeMutablePointer<DictionaryEntry>
    private var slotCapacity = 16
    private var slotsUsed = 1
    private var firstFree: UInt32 = 0
    /// Slots by hash, open addressing, at most half full; 0: empty.
    private var index: UnsafeMutablePointer<UInt32>
    private var indexMask = 31
    private var count = 0
    private var bytes = 0
    private var bytesMax: Int
    private var evictions: UInt64 = 0
    private var refusals: UInt64 = 0
    /// The slot that is looked at next for entries past their time.
    private var sweepSlot = 1

    /// Slots looked at for expired entries with each write: what expires goes at least as fast as anything comes.
    private static let sweepSlots = 2

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        slots = .allocate(capacity: slotCapacity)
        slots.initialize(repeating: DictionaryEntry(), count: slotCapacity)
        index = .allocate(capacity: indexMask + 1)
        index.initialize(repeating: 0, count: indexMask + 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        for slot in 1..<slotsUsed { free(slots[slot].block) }
        slots.deallocate()
        index.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inline(__always)
    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    // MARK: What the dictionary asks

    /// Runs `body` with the value, which lives until it returns, and with when it expires.
    func read<Result>(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, now: UInt64, _ body: (SharedValue, UInt64) -> Result
    ) -> Result? {
        locked {
            let slot = find(key, hash, now: now)
            guard slot != 0 else { return nil }
            use(slot)
            return body(slots[Int(slot)].value, slots[Int(slot)].expires)
        }
    }

    func write(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, _ value: SharedValue, expires: UInt64,
        if condition: SharedCondition, now: UInt64
    ) -> SharedOutcome {
        locked {
            let slot = find(key, hash, now: now)
            switch condition {
            case .always: break
            case .ifAbsent: guard slot == 0 else { return .declined }
            case .ifPresent: guard slot != 0 else { return .declined }
            }
            return store(key, hash, value, at: slot, expires: expires, now: now) ? .stored : .tooLarge
        }
    }

    /// Adds to the number there, or to `initial` where there is none, which then expires at `expires`.
    func add(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, _ addend: SharedValue, to initial: SharedValue,
        expires: UInt64, now: UInt64
    ) -> SharedSum {
        locked {
            let slot = find(key, hash, now: now)
            guard slot != 0 else {
                guard let sum = Self.sum(initial, addend) else { return .noNumber }
                return store(key, hash, sum, at: 0, expires: expires, now: now) ? .sum(sum) : .tooLarge
            }
            guard let sum = Self.sum(slots[Int(slot)].value, addend) else { return .noNumber }
            slots[Int(slot)].assign(sum)
            use(slot)
            return .sum(sum)
        }
    }

    func remove(_ key: UnsafeRawBufferPointer, _ hash: UInt64, now: UInt64) -> Bool {
        locked {
            let slot = find(key, hash, now: now)
            if slot != 0 { remove(slot) }
            return slot != 0
        }
    }

    func removeAll() {
        locked {
            while slots[0].newer != 0 { remove(slots[0].newer) }
        }
    }

    /// Hands out the keys that have not expired, the latest used first, until `body` says false.
    func forEachKey(now: UInt64, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        locked {
            var slot = slots[0].older
            while slot != 0 {
                let entry = slots[Int(slot)]
                if entry.expires > now, !body(entry.key) { return false }
                slot = entry.older
            }
            return true
        }
    }

    var figures: SharedFigures {
        locked {
            var figures = SharedFigures()
            (figures.entries, figures.bytes) = (count, bytes)
            (figures.evictions, figures.refusals) = (evictions, refusals)
            return figures
        }
    }

    /// A smaller limit drops the least recently used entries at once.
    func limit(bytes: Int) {
        locked {
            bytesMax = bytes
            makeRoom(keeping: 0)
        }
    }

    // MARK: Numbers, as Lua adds them

    private static func sum(_ a: SharedValue, _ b: SharedValue) -> SharedValue? {
        switch (a, b) {
        case (.integer(let a), .integer(let b)): .integer(a &+ b)
        case (.integer(let a), .number(let b)): .number(Double(a) + b)
        case (.number(let a), .integer(let b)): .number(a + Double(b))
        case (.number(let a), .number(let b)): .number(a + b)
        case (.boolean, _), (.bytes, _), (_, .boolean), (_, .bytes): nil
        }
    }

    // MARK: Storing

    private func store(
        _ key: UnsafeRawBufferPointer, _ hash: UInt64, _ value: SharedValue, at known: UInt32, expires: UInt64,
        now: UInt64
    ) -> Bool {
        let valueBytes = DictionaryEntry.blockBytes(of: value)
        let size = DictionaryEntry.bytes(key: key.count, value: valueBytes)
        guard size <= bytesMax else {
            refusals += 1
            return false
        }
        // After what is looked for was found: sweeping moves no entry, but it may free the one that expired.
        sweep(now: now, keeping: known)
        let slot = known != 0 ? known : insert(key, hash)
        bytes -= known != 0 ? slots[Int(slot)].bytes : 0
        slots[Int(slot)].reserve(valueBytes: valueBytes)
        slots[Int(slot)].assign(value)
        slots[Int(slot)].expires = expires
        bytes += size
        use(slot)
        makeRoom(keeping: slot)
        return true
    }

    /// Evicts the least recently used until the rest fits.
    private func makeRoom(keeping kept: UInt32) {
        while bytes > bytesMax, slots[0].newer != 0, slots[0].newer != kept {
            remove(slots[0].newer)
            evictions += 1
        }
    }

    private func sweep(now: UInt64, keeping kept: UInt32) {
        for _ in 0..<Self.sweepSlots {
            if sweepSlot >= slotsUsed { sweepSlot = 1 }
            guard sweepSlot < slotsUsed else { return }
            let entry = slots[sweepSlot]
            if entry.kind != .free, entry.expires <= now, sweepSlot != Int(kept) { remove(UInt32(sweepSlot)) }
            sweepSlot += 1
        }
    }

    // MARK: The hash table

    /// The slot of a key; one that has expired is removed and not found.
    private func find(_ key: UnsafeRawBufferPointer, _ hash: UInt64, now: UInt64) -> UInt32 {
        var place = Int(truncatingIfNeeded: hash) & indexMask
        while true {
            let slot = index[place]
            if slot == 0 { return 0 }
            let entry = slots + Int(slot)
            if entry.pointee.hash == hash, Int(entry.pointee.keyCount) == key.count,
                entry.pointee.key.equals(key)
            {
                if entry.pointee.expires > now { return slot }
                remove(slot)
                return 0
            }
            place = (place + 1) & indexMask
        }
    }

    /// A slot with the key, in the index and in the list; its value is still to be assigned.
    private func insert(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> UInt32 {
        if (count + 1) * 2 > indexMask + 1 { growIndex() }
        let slot = takeSlot()
        var entry = DictionaryEntry()
        entry.kind = .boolean
        entry.hash = hash
        entry.keyCount = UInt32(key.count)
        guard let block = malloc(max(key.count, 1)) else { fatalError("out of memory") }
        if let source = key.baseAddress { block.copyMemory(from: source, byteCount: key.count) }
        entry.block = block
        slots[Int(slot)] = entry
        enter(slot, hash)
        link(slot)
        count += 1
        return slot
    }

    private func remove(_ slot: UInt32) {
        leave(slot)
        unlink(slot)
        bytes -= slots[Int(slot)].bytes
        free(slots[Int(slot)].block)
        slots[Int(slot)] = DictionaryEntry()
        slots[Int(slot)].older = firstFree
        firstFree = slot
        count -= 1
    }

    private func takeSlot() -> UInt32 {
        if firstFree != 0 {
            let slot = firstFree
            firstFree = slots[Int(slot)].older
            return slot
        }
        if slotsUsed == slotCapacity {
            let grown = UnsafeMutablePointer<DictionaryEntry>.allocate(capacity: slotCapacity * 2)
            grown.moveInitialize(from: slots, count: slotCapacity)
            (grown + slotCapacity).initialize(repeating: DictionaryEntry(), count: slotCapacity)
            slots.deallocate()
            slots = grown
            slotCapacity *= 2
        }
        slotsUsed += 1
        return UInt32(slotsUsed - 1)
    }

    private func enter(_ slot: UInt32, _ hash: UInt64) {
        var place = Int(truncatingIfNeeded: hash) & indexMask
        while index[place] != 0 { place = (place + 1) & indexMask }
        index[place] = slot
    }

    /// Takes a slot out of the index and closes the gap, so that no probe ends too early.
    private func leave(_ slot: UInt32) {
        var gap = Int(truncatingIfNeeded: slots[Int(slot)].hash) & indexMask
        while index[gap] != slot { gap = (gap + 1) & indexMask }
        var place = (gap + 1) & indexMask
        while index[place] != 0 {
            let home = Int(truncatingIfNeeded: slots[Int(index[place])].hash) & indexMask
            // An entry may move into the gap unless its home lies behind the gap.
            if (place &- home) & indexMask >= (place &- gap) & indexMask {
                index[gap] = index[place]
                gap = place
            }
            place = (place + 1) & indexMask
        }
        index[gap] = 0
    }

    private func growIndex() {
        index.deallocate()
        let size = (indexMask + 1) * 2
        index = .allocate(capacity: size)
        index.initialize(repeating: 0, count: size)
        indexMask = size - 1
        var slot = slots[0].newer
        while slot != 0 {
            enter(slot, slots[Int(slot)].hash)
            slot = slots[Int(slot)].newer
        }
    }

    // MARK: The list by latest use

    private func use(_ slot: UInt32) {
        guard slots[0].older != slot else { return }
        unlink(slot)
        link(slot)
    }

    private func link(_ slot: UInt32) {
        let latest = slots[0].older
        slots[Int(slot)].older = latest
        slots[Int(slot)].newer = 0
        slots[Int(latest)].newer = slot
        slots[0].older = slot
    }

    private func unlink(_ slot: UInt32) {
        let (older, newer) = (slots[Int(slot)].older, slots[Int(slot)].newer)
        slots[Int(older)].newer = newer
        slots[Int(newer)].older = older
    }
}
