import StatePolicy

extension Simulation {
    /// A refused call costs this part of a forwarded one: it is parsed and answered, and not sent on.
    static let refusalCostPart = 0.4

    /// Draws the calls of a slice and takes them along their ways.
    mutating func crossCalls() {
        let seconds = options.sliceSeconds
        for flow in rates.indices {
            var calls = arrivals(mean: rates[flow] * seconds)
            guard calls > 0 else { continue }
            totals.offered += calls
            let range = topology.flowStart[flow]..<topology.flowStart[flow + 1]
            calls = admit(calls, at: topology.hops[range.lowerBound].proxy)
            cross(calls, range)
        }
    }

    private mutating func arrivals(mean: Double) -> Int {
        options.burst > 1 ? random.poisson(mean / Double(options.burst)) * options.burst : random.poisson(mean)
    }

    /// The first proxy may refuse some.
    private mutating func admit(_ calls: Int, at proxy: Int) -> Int {
        guard proxies[proxy].isUp, proxies[proxy].decision.refuse > 0 else { return calls }
        let refused = random.binomial(calls, proxies[proxy].decision.refuse)
        totals.refused += refused
        proxies[proxy].work += Double(refused) * network.proxies[proxy].statelessCostSeconds * Self.refusalCostPart
        return calls - refused
    }

    private mutating func cross(_ calls: Int, _ range: Range<Int>) {
        var open = calls
        var held = 0
        for index in range {
            let hop = topology.hops[index]
            let proxy = hop.proxy
            guard proxies[proxy].isUp else {
                totals.lost += open + held
                return
            }
            let model = network.proxies[proxy]
            let loss = proxies[proxy].lossNow
            if loss > 0 {
                // Offered work counts with what is lost, so that the loss follows what comes.
                let lostOpen = random.binomial(open, loss)
                let lostHeld = random.binomial(held, loss)
                proxies[proxy].work += Double(lostOpen + lostHeld) * model.statelessCostSeconds
                totals.lost += lostOpen + lostHeld
                open -= lostOpen
                held -= lostHeld
            }
            if open + held == 0 { return }
            if hop.link != Topology.none { channels[hop.link].lastTraffic = slice }
            let kept =
                hop.slot == Topology.none
                ? (proxies[proxy].isStateless ? 0 : open) : random.binomial(open, keep[hop.slot])
            counts[hop.way].heldUpstream += held
            counts[hop.way].kept += kept
            counts[hop.way].delegated += open - kept
            proxies[proxy].heldInRecord += kept
            proxies[proxy].work +=
                Double(open + held) * model.statelessCostSeconds + Double(kept) * model.stateCostSeconds
            open -= kept
            held += kept
        }
        totals.delivered += open + held
        totals.withoutHolder += open
    }

    /// Proxies do what they have time for.
    mutating func work() {
        for index in proxies.indices {
            let perSecond = network.proxies[index].processors * proxies[index].quotaFactor
            let capacity = perSecond * options.sliceSeconds
            let room = perSecond * options.backlogMaxSeconds
            let offered = proxies[index].work
            let waiting = proxies[index].backlog + offered * (1 - proxies[index].lossNow)
            let used = min(waiting, capacity)
            let left = min(room, waiting - used)
            // The next slice offers about as much: what would neither be done nor fit is lost.
            let fits = capacity + room - left
            proxies[index].lossNow = offered > fits ? 1 - fits / offered : 0
            proxies[index].backlog = left
            proxies[index].usedInPeriod += used
            proxies[index].usedInRecord += used
            proxies[index].work = 0
        }
    }
}
