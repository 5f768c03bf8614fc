extension Simulation {
    /// A refused call costs this part of a forwarded one: it is parsed and answered, and not sent on.
    static let refusalCostPart = 0.4

    /// Draws the calls of a slice and takes them along their ways.
    mutating func crossCalls() {
        let burst = burst
        for flow in arrivals.indices {
            var calls = random.poisson(arrivals[flow]) * burst
            guard calls > 0 else { continue }
            totals.offered += calls
            let range = topology.flowStart[flow]..<topology.flowStart[flow + 1]
            calls = admit(calls, at: Int(topology.hops[range.lowerBound].proxy))
            cross(calls, range)
        }
    }

    /// What a flow at this rate, in calls a second, starts in a slice.
    func arrivals(atRate rate: Double) -> PoissonRate {
        PoissonRate(mean: rate * options.sliceSeconds / Double(burst))
    }

    private var burst: Int { max(1, options.burst) }

    /// The first proxy may refuse some.
    private mutating func admit(_ calls: Int, at proxy: Int) -> Int {
        guard bodies[proxy].isUp, bodies[proxy].refuse > 0 else { return calls }
        let refused = random.binomial(calls, bodies[proxy].refuse)
        totals.refused += refused
        bodies[proxy].work += Double(refused) * bodies[proxy].statelessCost * Self.refusalCostPart
        return calls - refused
    }

    private mutating func cross(_ calls: Int, _ range: Range<Int>) {
        var open = calls
        var held = 0
        for index in range {
            let hop = topology.hops[index]
            let proxy = Int(hop.proxy)
            let way = Int(hop.way)
            let slot = Int(hop.slot)
            guard bodies[proxy].isUp else {
                totals.lost += open + held
                return
            }
            let loss = bodies[proxy].lossNow
            if loss > 0 {
                // Offered work counts with what is lost, so that the loss follows what comes.
                let lostOpen = random.binomial(open, loss)
                let lostHeld = random.binomial(held, loss)
                bodies[proxy].work += Double(lostOpen + lostHeld) * bodies[proxy].statelessCost
                totals.lost += lostOpen + lostHeld
                open -= lostOpen
                held -= lostHeld
            }
            if open + held == 0 { return }
            if hop.link >= 0 { lastTraffic[Int(hop.link)] = slice }
            let kept =
                slot == Topology.none
                ? (bodies[proxy].isStateless ? 0 : open) : random.binomial(open, keep[slot])
            counts[way].heldUpstream += held
            counts[way].kept += kept
            counts[way].delegated += open - kept
            bodies[proxy].heldInRecord += kept
            bodies[proxy].work +=
                Double(open + held) * bodies[proxy].statelessCost + Double(kept) * bodies[proxy].stateCost
            open -= kept
            held += kept
        }
        totals.delivered += open + held
        totals.withoutHolder += open
    }

    /// Proxies do what they have time for.
    mutating func work() {
        for index in bodies.indices {
            let perSecond = bodies[index].processors * bodies[index].quotaFactor
            let capacity = perSecond * options.sliceSeconds
            let room = perSecond * options.backlogMaxSeconds
            let offered = bodies[index].work
            let waiting = bodies[index].backlog + offered * (1 - bodies[index].lossNow)
            let used = min(waiting, capacity)
            let left = min(room, waiting - used)
            // The next slice offers about as much: what would neither be done nor fit is lost.
            let fits = capacity + room - left
            bodies[index].lossNow = offered > fits ? 1 - fits / offered : 0
            bodies[index].backlog = left
            bodies[index].usedInPeriod += used
            bodies[index].usedInRecord += used
            bodies[index].work = 0
        }
    }
}
