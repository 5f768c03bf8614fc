internal import Reactor
internal import SIPTransaction
internal import StatePolicy

/// What became of a request, for the counts of its path.
enum PathCount {
    case heldUpstream, mustHold, kept, delegated

    var word: StateMemory.FromWorker.Path {
        switch self {
        case .heldUpstream: .heldUpstream
        case .mustHold: .mustHold
        case .kept: .kept
        case .delegated: .delegated
        }
    }
}

// The worker's side: every method on its thread, none allocates.
extension StateDesk {
    /// At most every so often a neighbour is told something by one worker.
    static let feedbackIntervalMilliseconds: UInt64 = 50
    /// After so long a silence a neighbour is believed whatever life it says it is in: its clock may have been set back.
    static let silenceMilliseconds: UInt64 = 3_000

    // MARK: Neighbours

    func find(_ address: SocketAddress) -> NeighbourTable.Place {
        neighbours.pointee.find(address)
    }

    /// The number of a trusted address that takes part; `outside` when there is no room for another one.
    func enter(_ address: SocketAddress) -> Int32 {
        let known = neighbours.pointee.count
        let number = neighbours.pointee.enter(address)
        if neighbours.pointee.count > known {
            typealias Memory = StateMemory.FromWorker
            let index = Int(number)
            fromWorker.set(Memory.neighbour(index, .high), address.high)
            fromWorker.set(Memory.neighbour(index, .low), address.low)
            fromWorker.set(Memory.neighbour(index, .place), Self.place(address))
            // Whoever sees the number sees the address.
            fromWorker.publish(Memory.neighbourCount, UInt64(known + 1))
        }
        return number
    }

    // MARK: What a next hop says

    /// Takes what a trusted neighbour said of itself. False: an older word than what it said before.
    func note(_ feedback: StateFeedback, of number: Int32, now: UInt64) -> Bool {
        typealias Memory = StateMemory.FromWorker
        let index = Int(number)
        let heardCount = fromWorker.value(Memory.neighbour(index, .heardCount))
        if heardCount > 0, now &- fromWorker.value(Memory.neighbour(index, .heardAt)) < Self.silenceMilliseconds {
            // The low halves of two words are the ordinal's halves.
            let epoch = fromWorker.value(Memory.neighbour(index, .priceAndEpoch)) << 32
            let sequence = fromWorker.value(Memory.neighbour(index, .allowanceAndSequence)) & UInt64(UInt32.max)
            guard feedback.ordinal >= epoch | sequence else { return false }
        }
        let price = Float(feedback.priceNanoseconds)
        fromWorker.set(
            Memory.neighbour(index, .allowanceAndSequence),
            UInt64(feedback.allowance) << 32 | UInt64(feedback.sequence))
        // A new epoch is never seen together with an old sequence, which could be greater.
        fromWorker.publish(
            Memory.neighbour(index, .priceAndEpoch), UInt64(price.bitPattern) << 32 | UInt64(feedback.epoch))
        fromWorker.set(Memory.neighbour(index, .heardAt), now)
        fromWorker.publish(Memory.neighbour(index, .heardCount), heardCount &+ 1)
        return true
    }

    // MARK: What upstream is told

    /// What a neighbour upstream is to be told now; nil when it was told lately or there is nothing to tell.
    func dueFeedback(for number: Int32, now: UInt64) -> StateFeedback? {
        typealias Memory = StateMemory.FromControl
        guard number >= 0, now &- toldAt[Int(number)] >= Self.feedbackIntervalMilliseconds else { return nil }
        let grant = fromControl.value(Memory.neighbour(Int(number), .grant))
        guard grant != 0 else { return nil }
        toldAt[Int(number)] = now
        let sequence = fromControl.value(Memory.sequence)
        return StateFeedback(
            allowance: grant == .max ? StateFeedback.any : UInt32(truncatingIfNeeded: grant - 1),
            priceNanoseconds: fromControl.value(Memory.neighbour(Int(number), .grantPriceNanoseconds)),
            epoch: UInt32(truncatingIfNeeded: sequence >> 32), sequence: UInt32(truncatingIfNeeded: sequence))
    }

    // MARK: Decisions

    /// Which of the requests that go to a neighbour next are held here.
    func keepFraction(_ nextHop: Int32) -> KeepFraction {
        guard nextHop >= 0 else { return .all }
        let delegated = fromControl.value(StateMemory.FromControl.neighbour(Int(nextHop), .delegated))
        return KeepFraction(threshold: ~delegated)
    }

    /// What a neighbour last allowed the whole node.
    func allowance(_ nextHop: Int32) -> Double {
        guard nextHop >= 0 else { return 0 }
        return Double(bitPattern: fromControl.value(StateMemory.FromControl.neighbour(Int(nextHop), .allowance)))
    }

    var estimate: NodeEstimate {
        typealias Memory = StateMemory.FromControl
        var estimate = NodeEstimate()
        guard sharesState else { return estimate }
        estimate.statelessCost = Double(bitPattern: fromControl.value(Memory.statelessCost))
        estimate.stateCost = Double(bitPattern: fromControl.value(Memory.stateCost))
        estimate.capacity = Double(bitPattern: fromControl.value(Memory.capacity))
        estimate.utilisation = Double(bitPattern: fromControl.value(Memory.utilisation))
        estimate.arrivals = Double(bitPattern: fromControl.value(Memory.arrivals))
        estimate.held = Double(bitPattern: fromControl.value(Memory.held))
        estimate.holdable = Double(bitPattern: fromControl.value(Memory.holdable))
        estimate.mustHold = Double(bitPattern: fromControl.value(Memory.mustHold))
        return estimate
    }

    /// New calls with a hash below it are refused.
    var refuseThreshold: UInt64 { fromControl.value(StateMemory.FromControl.refuse) }

    // MARK: Counts

    func count(_ what: PathCount, upstream: Int32, nextHop: Int32) {
        let key = StateMemory.FromWorker.key(upstream: upstream, nextHop: nextHop)
        var row = paths.pointee.row(of: key)
        if row < 0 { row = enterPath(key) }
        fromWorker.add(StateMemory.FromWorker.path(row, what.word))
    }

    /// The row that takes what goes from outside to outside, and what has no row of its own.
    func enterFirstPath() {
        _ = enterPath(StateMemory.FromWorker.key(upstream: PathSample.outside, nextHop: PathSample.outside))
    }

    private func enterPath(_ key: UInt64) -> Int {
        typealias Memory = StateMemory.FromWorker
        let row = paths.pointee.enter(key)
        guard row >= 0 else { return 0 }
        fromWorker.set(Memory.path(row, .key), key)
        // Whoever sees the row sees its key.
        fromWorker.publish(Memory.pathCount, UInt64(row + 1))
        return row
    }

    private static func place(_ address: SocketAddress) -> UInt64 {
        UInt64(address.port) | UInt64(address.family.rawValue) << 16 | UInt64(address.scope) << 32
    }
}
