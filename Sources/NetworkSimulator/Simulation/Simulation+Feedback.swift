import StatePolicy

/// Feedback under way on one link, from downstream to upstream.
struct FeedbackChannel: Sendable {
    let delaySlices: Int
    /// What was sent last.
    private(set) var sequence: UInt32 = 0
    private var underWayCount = 0
    var isBusy: Bool { underWayCount > 0 }
    /// By slice of arrival, modulo.
    private var underWay: [Feedback?]

    init(delaySlices: Int) {
        self.delaySlices = delaySlices
        underWay = [Feedback?](repeating: nil, count: delaySlices + 1)
    }

    mutating func send(_ feedback: Feedback, slice: Int) {
        underWay[(slice + delaySlices) % underWay.count] = feedback
        underWayCount += 1
        sequence = feedback.sequence
    }

    mutating func receive(slice: Int) -> Feedback? {
        let index = slice % underWay.count
        guard let feedback = underWay[index] else { return nil }
        underWay[index] = nil
        underWayCount -= 1
        return feedback
    }
}

extension Simulation {
    /// Once a slice the replies on each link carry what the proxy downstream decided last; some are lost.
    mutating func sendFeedback() {
        for index in channels.indices {
            if lastTraffic[index] == slice { send(index) }
            if channels[index].isBusy, let feedback = channels[index].receive(slice: slice) {
                let link = topology.links[index]
                if bodies[link.from].isUp { heard[link.slotAtFrom] = feedback }
            }
        }
    }

    private mutating func send(_ index: Int) {
        let to = topology.links[index].to
        let sequence = bodies[to].sequence
        // What has got through needs no repeating.
        guard sequence != channels[index].sequence, bodies[to].isUp, bodies[to].hasGrants else { return }
        let link = topology.links[index]
        if link.model.loss > 0 && random.unit() < link.model.loss { return }
        let grant = grants[link.slotAtTo]
        channels[index].send(
            Feedback(allowance: grant.allowance, price: grant.price, epoch: bodies[to].epoch, sequence: sequence),
            slice: slice)
    }
}
