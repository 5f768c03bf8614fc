internal import Reactor

/// A branch that waits for the address of its name. Lives in a `SlotPool`.
struct WaitingBranch: BitwiseCopyable {
    /// 0: its transaction needs it no more.
    var server: UInt32
    /// The branch's number.
    var index: UInt8
    var recordsRoute: Bool
    /// The request with the edits of this branch, and the branch's own Request-URI.
    var request: PooledBuffer
    var uri: PooledBuffer
    var nextOfEntry: UInt32 = 0
    var nextOfServer: UInt32 = 0
}

/// What a worker knows of names: addresses, failures, and names that are being looked up with those who wait for them.
///
/// A table of fixed size. A name's entry stands in one of `ways` places that its hash names; a new name takes the place
/// of an expired one or of the one unused for longest, never of one that is being looked up.
struct TargetCache: ~Copyable {
    /// Addresses kept of a name.
    static let targetsMax = 8
    private static let ways = 4

    enum State: UInt8 {
        case free
        case pending
        case found
        case failed
    }

    struct Entry: BitwiseCopyable {
        var low: UInt64 = 0
        var high: UInt64 = 0
        var state = State.free
        var count: UInt8 = 0
        var timer: UInt32 = 0
        var firstWaiting: UInt32 = 0
        var expiresAt: UInt64 = 0
        var usedAt: UInt64 = 0
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let targets: UnsafeMutablePointer<ResolvedTarget>
    private let mask: Int
    var waiting: SlotPool<WaitingBranch>
    private(set) var pendingCount = 0

    init(_ limits: ProxySettings.Names) {
        var count = Self.ways
        while count < limits.entriesMax { count *= 2 }
        mask = count - 1
        entries = .allocate(capacity: count)
        entries.initialize(repeating: Entry(), count: count)
        targets = .allocate(capacity: count * Self.targetsMax)
        waiting = SlotPool(capacity: limits.pendingMax)
    }

    deinit {
        entries.deallocate()
        targets.deallocate()
    }

    subscript(_ entry: Int) -> UnsafeMutablePointer<Entry> { entries + entry }

    func addresses(_ entry: Int) -> UnsafeBufferPointer<ResolvedTarget> {
        UnsafeBufferPointer(start: targets + entry * Self.targetsMax, count: Int(entries[entry].count))
    }

    /// -1: none.
    func find(low: UInt64, high: UInt64) -> Int {
        for way in 0..<Self.ways {
            let place = (Int(truncatingIfNeeded: low) &+ way) & mask
            if entries[place].state != .free, entries[place].low == low, entries[place].high == high { return place }
        }
        return -1
    }

    /// Marks a name as being looked up. -1: all its places are taken by such names.
    mutating func begin(low: UInt64, high: UInt64, now: UInt64) -> Int {
        var best = find(low: low, high: high)
        if best < 0 {
            for way in 0..<Self.ways {
                let place = (Int(truncatingIfNeeded: low) &+ way) & mask
                if entries[place].state == .pending { continue }
                if best < 0 || age(place, now) > age(best, now) { best = place }
            }
        }
        guard best >= 0 else { return -1 }
        entries[best] = Entry(low: low, high: high, state: .pending, usedAt: now)
        pendingCount += 1
        return best
    }

    private func age(_ place: Int, _ now: UInt64) -> UInt64 {
        if entries[place].state == .free { return .max }
        return entries[place].expiresAt <= now ? .max - 1 : now &- entries[place].usedAt
    }

    /// Stores what is known now.
    mutating func store(_ entry: Int, _ answer: [ResolvedTarget], expiresAt: UInt64) {
        if entries[entry].state == .pending { pendingCount -= 1 }
        let count = min(answer.count, Self.targetsMax)
        for index in 0..<count { (targets + entry * Self.targetsMax + index).initialize(to: answer[index]) }
        entries[entry].count = UInt8(count)
        entries[entry].state = count == 0 ? .failed : .found
        entries[entry].expiresAt = expiresAt
    }

    /// Gives up a look-up that could not be started.
    mutating func abandon(_ entry: Int) {
        if entries[entry].state == .pending { pendingCount -= 1 }
        entries[entry] = Entry()
    }
}
