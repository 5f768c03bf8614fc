import StatePolicy

extension Simulation {
    // Datagrams of a call, received and sent, that a proxy learns costs from: INVITE 180 200 BYE 200, and the 100 that answers a
    // held INVITE. The ACK counts for neither kind; its time is in all of them.
    static let datagramsOfPassed = 10
    static let datagramsOfHeld = 11
    /// Of the time to forward a datagram, the part that is charged to its message; the rest is the kernel's.
    static let handlingPart = 0.6

    /// One proxy's period ends: its policy sees what was counted and decides anew.
    mutating func decide(_ index: Int) {
        guard bodies[index].isUp else { return }
        let slots = topology.slotStart[index]..<topology.slotStart[index + 1]
        var sample = NodeSample(
            time: timeSeconds, processors: bodies[index].processors * bodies[index].announcedFactor)
        var stateless = 0
        var held = 0
        for way in topology.wayStart[index]..<topology.wayStart[index + 1] {
            let count = counts[way]
            sample.paths.append(
                PathSample(
                    upstream: topology.ways[way].upstream, nextHop: topology.ways[way].nextHop,
                    heldUpstream: UInt64(count.heldUpstream), kept: UInt64(count.kept),
                    delegated: UInt64(count.delegated)))
            stateless += count.heldUpstream + count.delegated
            held += count.kept
            let next = Int(topology.ways[way].nextHop)
            if next >= 0 { openInRecord[slots.lowerBound + next] += count.kept + count.delegated }
            counts[way] = WayCount()
        }
        bodies[index].arrivalsInRecord += stateless + held
        sample.cost = cost(index, stateless: stateless, held: held)
        sample.feedback.append(contentsOf: heard[slots])
        for slot in slots { heard[slot] = nil }
        bodies[index].usedInPeriod = 0
        minds[index].decide(sample)
        bodies[index].sequence += 1
        spread(index)
    }

    /// κ as the packet path gets it.
    mutating func spread(_ index: Int) {
        bodies[index].hasGrants = !minds[index].decision.grants.isEmpty
        bodies[index].refuse = minds[index].decision.refuse
        bodies[index].isStateless = minds[index].policy.fixedMode == .stateless
        let first = topology.slotStart[index]
        let mode = minds[index].policy.fixedMode
        let isDecided = !minds[index].decision.keep.isEmpty
        for slot in first..<topology.slotStart[index + 1] {
            if bodies[index].hasGrants { grants[slot] = minds[index].decision.grants[slot - first] }
            switch mode {
            case .stateful: keep[slot] = 1
            case .stateless: keep[slot] = 0
            case nil: keep[slot] = isDecided ? KeepFraction(minds[index].decision.keep[slot - first]).fraction : 1
            }
        }
    }

    /// What the proxy measures of its processor time: by message, with noise.
    private mutating func cost(_ index: Int, stateless: Int, held: Int) -> CostSample {
        let body = bodies[index]
        let perDatagram = body.statelessCost / Double(Self.datagramsOfPassed)
        let kernelOfHeld = Double(Self.datagramsOfHeld) * perDatagram * (1 - Self.handlingPart)
        let statelessDatagrams = stateless * Self.datagramsOfPassed
        let work =
            Double(stateless + held) * body.statelessCost + Double(held) * body.stateCost
        // Work that waited is charged when it is done.
        let done = work > 0 ? bodies[index].usedInPeriod / work : 1
        var sample = CostSample()
        sample.statelessSeconds =
            done * noisy(Double(statelessDatagrams) * perDatagram * Self.handlingPart)
        sample.statefulSeconds =
            done
            * noisy(Double(held) * (body.statelessCost + body.stateCost - kernelOfHeld))
        sample.totalSeconds = noisy(bodies[index].usedInPeriod)
        sample.statelessDatagrams = UInt64(statelessDatagrams)
        sample.statefulDatagrams = UInt64(held * Self.datagramsOfHeld)
        sample.queueingSeconds = bodies[index].backlog / (body.processors * body.quotaFactor)
        return sample
    }

    private mutating func noisy(_ value: Double) -> Double {
        max(0, value * (1 + options.costNoise * random.normal()))
    }

    mutating func kill(_ index: Int) {
        bodies[index].isUp = false
        for way in topology.wayStart[index]..<topology.wayStart[index + 1] { counts[way] = WayCount() }
        for slot in topology.slotStart[index]..<topology.slotStart[index + 1] {
            heard[slot] = nil
        }
        bodies[index].backlog = 0
        bodies[index].lossNow = 0
        bodies[index].usedInPeriod = 0
    }

    mutating func start(_ index: Int) {
        guard !bodies[index].isUp else { return }
        bodies[index].isUp = true
        bodies[index].epoch += 1
        minds[index].decision = NodeDecision()
        minds[index].policy = Self.policy(of: index, network, options)
        spread(index)
    }
}
