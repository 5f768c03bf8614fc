import StatePolicy

/// Feedback under way on one link, from downstream to upstream.
struct FeedbackChannel: Sendable {
    let delaySlices: Int
    /// Slice in which calls last went this way: their replies carry feedback.
    var lastTraffic = -1
    /// By slice of arrival, modulo.
    private var underWay: [Feedback?]

    init(delaySlices: Int) {
        self.delaySlices = delaySlices
        underWay = [Feedback?](repeating: nil, count: delaySlices + 1)
    }

    mutating func send(_ feedback: Feedback, slice: Int) {
        underWay[(slice + delaySlices) % underWay.count] = feedback
    }

    mutating func receive(slice: Int) -> Feedback? {
        let index = slice % underWay.count
        defer { underWay[index] = nil }
        return underWay[index]
    }
}

extension Simulation {
    /// Once a slice the replies on each link carry what the proxy downstream decided last; some are lost.
    mutating func sendFeedback() {
        for index in channels.indices {
            let link = topology.links[index]
            if channels[index].lastTraffic == slice, proxies[link.to].isUp, proxies[link.to].sequence > 0,
                proxies[link.to].policy.fixedMode == nil
            {
                let isLost = link.model.loss > 0 && random.unit() < link.model.loss
                if !isLost {
                    let grant = proxies[link.to].decision.grants[link.slotAtTo - topology.slotStart[link.to]]
                    channels[index].send(
                        Feedback(
                            allowance: grant.allowance, price: grant.price, epoch: proxies[link.to].epoch,
                            sequence: proxies[link.to].sequence), slice: slice)
                }
            }
            if let feedback = channels[index].receive(slice: slice), proxies[link.from].isUp {
                heard[link.slotAtFrom] = feedback
            }
        }
    }
}
