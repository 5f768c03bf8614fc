extension DistributingPolicy {
    /// Differences of κ below this are mostly noise: κ follows them this much more slowly.
    static let keepNear = 0.005
    static let keepNearGain = 0.2
    /// κ falls by no more than this a period: a neighbour that has just come back is loaded gradually.
    static let keepFallMax = 0.2
    /// What is neither taken by a neighbour nor fits below the target: this part goes above the target here, the rest
    /// beyond the neighbour's allowance.
    static let shortageShare = 0.8

    mutating func moveKeeps(seconds: Double) {
        let gain = Arithmetic.gain(seconds: seconds, smoothing: settings.keepSmoothingSeconds)
        let room = roomForUntaken
        let fit = demand.untakenTotal > 0 ? min(1, room / demand.untakenTotal) : 1
        switch rule {
        case .fillFirst: fill(room: room, fit: fit, gain: gain)
        // Where calls are refused all are full, and there is nothing to balance.
        case .balanced where refusal > 0: fill(room: room, fit: fit, gain: gain)
        case .balanced: balance(room: room, fit: fit)
        }
    }

    /// What can be held here beside E; above the target a little when nobody takes the rest.
    private var roomForUntaken: Double {
        let room = max(0, demand.load.relief * demand.holdable - demand.mustHold)
        let shortage = demand.untakenTotal - room
        guard shortage > 0, demand.load.relief == 1 else { return room }
        let most = demand.load.holdable(arrivals: demand.arrivals, utilisation: demand.load.greatest)
        return room + Self.shortageShare * max(0, min(shortage, most - demand.mustHold - room))
    }

    /// First what the next hops don't take, then of all alike, until the node is full.
    private mutating func fill(room: Double, fit: Double, gain: Double) {
        var takeable = 0.0
        for index in neighbours.indices { takeable += demand.toNeighbour[index] - demand.untaken[index] }
        let left = max(0, room - fit * demand.untakenTotal)
        let share = takeable > 0 ? min(1, left / takeable) : 1
        for index in neighbours.indices {
            let whole = demand.toNeighbour[index]
            guard neighbours[index].takes, whole > 0 else {
                neighbours[index].keep = 1
                continue
            }
            let held = fit * demand.untaken[index] + share * (whole - demand.untaken[index])
            move(index, to: held / whole, gain: gain)
        }
    }

    private mutating func move(_ index: Int, to target: Double, gain: Double) {
        let old = neighbours[index].keep
        let difference = target - old
        let isNear = abs(difference) < Self.keepNear
        let isEnd = target <= 0 || target >= 1
        let step = isNear ? difference * (isEnd ? 1 : gain * Self.keepNearGain) : gain * difference
        neighbours[index].keep = min(1, max(0, old + max(-Self.keepFallMax, step)))
    }
}
