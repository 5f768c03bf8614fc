internal import Reactor
internal import StatePolicy

extension StateNodeState {
    func report() -> StateReport {
        var report = StateReport()
        report.policy = workers.first?.policy.name ?? ""
        report.time = time ?? 0
        report.ticks = ticks
        report.epoch = epoch
        report.sequence = sequence
        report.processors = processors
        report.workers = workers.map { worker in
            var row = StateReport.Worker()
            row.estimate = worker.policy.estimate
            row.processors = worker.processors
            row.reason = worker.decision.reason
            row.refuse = worker.decision.refuse
            return row
        }
        report.reason =
            workers.map(\.decision.reason).max { $0.weight < $1.weight } ?? .starting
        report.refuse = weighted(by: { $0.rates.total }, { $0.decision.refuse })
        report.exitsPerSecond = workers.reduce(0) { $0 + $1.rates.exits }
        report.estimate = estimate()
        for number in neighbours.indices {
            if neighbours[number].heard != nil { report.nextHops.append(nextHop(number)) }
            if let upstream = upstream(number) { report.upstreams.append(upstream) }
        }
        report.explanation = StateReport.explanation(of: report)
        return report
    }

    private func estimate() -> NodeEstimate {
        var sum = NodeEstimate()
        sum.statelessCost = weighted(by: { $0.rates.total }, { $0.policy.estimate.statelessCost })
        sum.stateCost = weighted(by: { $0.rates.total }, { $0.policy.estimate.stateCost })
        sum.utilisation = weighted(by: { $0.processors }, { $0.policy.estimate.utilisation })
        for worker in workers {
            sum.capacity += worker.policy.estimate.capacity
            sum.arrivals += worker.policy.estimate.arrivals
            sum.held += worker.policy.estimate.held
            sum.holdable += worker.policy.estimate.holdable
            sum.mustHold += worker.policy.estimate.mustHold
        }
        return sum
    }

    private func nextHop(_ number: Int) -> StateReport.NextHop {
        var hop = StateReport.NextHop()
        hop.address = neighbours[number].address
        if let heard = neighbours[number].heard {
            hop.allowance = heard.allowance
            hop.price = heard.price
            hop.epoch = heard.epoch
        }
        hop.allowanceAge = (time ?? 0) - neighbours[number].heardAt
        hop.keepFraction = weighted(
            by: { number < $0.rates.outgoing.count ? $0.rates.outgoing[number].open : 0 },
            { number < $0.decision.keep.count ? $0.decision.keep[number] : 1 })
        for worker in workers where number < worker.rates.outgoing.count {
            hop.keptPerSecond += worker.rates.outgoing[number].kept
            hop.delegatedPerSecond += worker.rates.outgoing[number].delegated
            hop.othersPerSecond += worker.rates.outgoing[number].others
        }
        return hop
    }

    /// Nil: no request of it was ever seen.
    private func upstream(_ number: Int) -> StateReport.Upstream? {
        var upstream = StateReport.Upstream()
        upstream.address = neighbours[number].address
        for worker in workers where number < worker.rates.incoming.count {
            upstream.openPerSecond += worker.rates.incoming[number].open
            upstream.heldPerSecond += worker.rates.incoming[number].held
        }
        guard upstream.openPerSecond + upstream.heldPerSecond > 0 else { return nil }
        upstream.grant = neighbours[number].grant?.allowance
        upstream.price = neighbours[number].grant?.price ?? 0
        upstream.grantAge = (time ?? 0) - neighbours[number].grantedAt
        return upstream
    }

    /// The mean of the workers; a plain one when none has any weight.
    private func weighted(by weight: (NodeWorker) -> Double, _ value: (NodeWorker) -> Double) -> Double {
        let total = workers.reduce(0) { $0 + weight($1) }
        guard total > 0 else { return workers.reduce(0) { $0 + value($1) } / Double(max(workers.count, 1)) }
        return workers.reduce(0) { $0 + weight($1) * value($1) } / total
    }
}
