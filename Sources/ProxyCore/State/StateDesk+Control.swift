internal import Reactor
internal import SIPTransaction
internal import StatePolicy

/// What a worker heard of a next hop.
struct HeardFeedback: Equatable {
    var count: UInt64
    var feedback: StateFeedback
}

// The control side: reads what the worker counted, leaves decisions.
extension StateDesk {
    var neighbourCount: Int {
        sharesState ? Int(fromWorker.acquired(StateMemory.FromWorker.neighbourCount)) : 0
    }

    func neighbourAddress(_ number: Int) -> SocketAddress {
        typealias Memory = StateMemory.FromWorker
        let place = fromWorker.value(Memory.neighbour(number, .place))
        return SocketAddress(
            high: fromWorker.value(Memory.neighbour(number, .high)),
            low: fromWorker.value(Memory.neighbour(number, .low)), scope: UInt32(truncatingIfNeeded: place >> 32),
            port: UInt16(truncatingIfNeeded: place),
            family: SocketAddress.Family(rawValue: UInt8(truncatingIfNeeded: place >> 16)) ?? .none)
    }

    /// The newest that the worker heard of a neighbour; nil: never anything.
    func heard(_ number: Int) -> HeardFeedback? {
        typealias Memory = StateMemory.FromWorker
        let count = fromWorker.acquired(Memory.neighbour(number, .heardCount))
        guard count > 0 else { return nil }
        let priceAndEpoch = fromWorker.acquired(Memory.neighbour(number, .priceAndEpoch))
        let allowanceAndSequence = fromWorker.value(Memory.neighbour(number, .allowanceAndSequence))
        let price = Float(bitPattern: UInt32(truncatingIfNeeded: priceAndEpoch >> 32))
        return HeardFeedback(
            count: count,
            feedback: StateFeedback(
                allowance: UInt32(truncatingIfNeeded: allowanceAndSequence >> 32), priceNanoseconds: UInt64(price),
                epoch: UInt32(truncatingIfNeeded: priceAndEpoch),
                sequence: UInt32(truncatingIfNeeded: allowanceAndSequence)))
    }

    var pathCount: Int { Int(fromWorker.acquired(StateMemory.FromWorker.pathCount)) }

    /// Counts of a path since the worker began.
    func path(_ row: Int) -> PathSample {
        typealias Memory = StateMemory.FromWorker
        let pair = Memory.pair(fromWorker.value(Memory.path(row, .key)))
        return PathSample(
            upstream: pair.upstream, nextHop: pair.nextHop,
            heldUpstream: fromWorker.value(Memory.path(row, .heldUpstream)),
            mustHold: fromWorker.value(Memory.path(row, .mustHold)), kept: fromWorker.value(Memory.path(row, .kept)),
            delegated: fromWorker.value(Memory.path(row, .delegated)))
    }

    // MARK: Publishing

    func publish(keep: Double, nextHop number: Int, allowance: Double) {
        typealias Memory = StateMemory.FromControl
        fromControl.set(Memory.neighbour(number, .delegated), ~KeepFraction(keep).threshold)
        fromControl.set(Memory.neighbour(number, .allowance), allowance.bitPattern)
    }

    /// - Parameter grant: nil: nothing to tell.
    func publish(grant: NodeDecision.Grant?, upstream number: Int) {
        typealias Memory = StateMemory.FromControl
        var word: UInt64 = 0
        var price: UInt64 = 0
        if let grant {
            // What isn't a number allows nothing; what is too great is no limit.
            if grant.allowance >= Double(StateFeedback.allowanceMax) {
                word = .max
            } else {
                word = grant.allowance >= 0 ? UInt64(grant.allowance) + 1 : 1
            }
            let nanoseconds = grant.price * 1e9
            if nanoseconds >= Double(StateFeedback.priceNanosecondsMax) {
                price = StateFeedback.priceNanosecondsMax
            } else if nanoseconds > 0 {
                price = UInt64(nanoseconds)
            }
        }
        fromControl.set(Memory.neighbour(number, .grantPriceNanoseconds), price)
        fromControl.set(Memory.neighbour(number, .grant), word)
    }

    func publish(epoch: UInt32, sequence: UInt32, refuse: Double, estimate: NodeEstimate) {
        typealias Memory = StateMemory.FromControl
        fromControl.set(Memory.utilisation, estimate.utilisation.bitPattern)
        fromControl.set(Memory.arrivals, estimate.arrivals.bitPattern)
        fromControl.set(Memory.held, estimate.held.bitPattern)
        fromControl.set(Memory.holdable, estimate.holdable.bitPattern)
        fromControl.set(Memory.mustHold, estimate.mustHold.bitPattern)
        fromControl.set(Memory.statelessCost, estimate.statelessCost.bitPattern)
        fromControl.set(Memory.capacity, estimate.capacity.bitPattern)
        fromControl.set(Memory.stateCost, estimate.stateCost.bitPattern)
        // Not a number, or less than nothing: nobody is refused.
        fromControl.set(Memory.refuse, refuse > 0 ? KeepFraction(refuse).threshold : 0)
        fromControl.set(Memory.sequence, UInt64(epoch) << 32 | UInt64(sequence))
    }
}
