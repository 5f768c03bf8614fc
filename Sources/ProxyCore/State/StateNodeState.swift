internal import Reactor
internal import SIPTransaction
internal import StatePolicy

/// What a `StateNode` keeps from tick to tick.
struct StateNodeState {
    /// Shorter periods are not measured: a second tick within it waits for the next.
    static let periodSecondsMin = 0.001

    var workers: [NodeWorker]
    var neighbours: [NodeNeighbour] = []
    private var numbers: [SocketAddress: Int32] = [:]
    let epoch: UInt32
    private(set) var sequence: UInt32 = 0
    private(set) var ticks: UInt64 = 0
    private(set) var time: Double?
    private(set) var processors = 0.0

    init(policies: [any StatePolicy], epoch: UInt32) {
        workers = policies.map { NodeWorker(policy: $0) }
        self.epoch = epoch
    }

    mutating func tick(desks: [StateDesk], time: Double, processors: Double, costs: [CostSample]) {
        let seconds = time - (self.time ?? time)
        let isFirst = self.time == nil
        guard isFirst || seconds >= Self.periodSecondsMin else { return }
        self.time = time
        self.processors = processors
        ticks += 1
        for index in neighbours.indices { neighbours[index].isFresh = false }
        for index in workers.indices where desks[index].sharesState {
            meetNeighbours(of: index, desks[index], time: time)
            readPaths(of: index, desks[index])
            if !isFirst {
                workers[index].rates.update(
                    workers[index].paths, neighbourCount: neighbours.count, seconds: seconds)
            }
        }
        shareProcessors()
        for index in workers.indices {
            var sample = NodeSample(
                time: time, processors: workers[index].processors, paths: workers[index].paths,
                feedback: feedback(for: index))
            if index < costs.count { sample.cost = costs[index] }
            var decision = workers[index].decision
            workers[index].policy.update(sample, &decision)
            workers[index].decision = decision
        }
        decideGrants(time: time)
        publish(desks)
    }

    // MARK: Reading

    /// Numbers the worker's neighbours and takes the newest of what they said.
    private mutating func meetNeighbours(of worker: Int, _ desk: StateDesk, time: Double) {
        for local in 0..<desk.neighbourCount {
            if local == workers[worker].numbers.count {
                workers[worker].numbers.append(number(of: desk.neighbourAddress(local)))
                workers[worker].heardCounts.append(0)
            }
            let number = Int(workers[worker].numbers[local])
            guard number >= 0, let heard = desk.heard(local), heard.count != workers[worker].heardCounts[local]
            else { continue }
            workers[worker].heardCounts[local] = heard.count
            take(heard.feedback, of: number, time: time)
        }
    }

    private mutating func number(of address: SocketAddress) -> Int32 {
        if let number = numbers[address] { return number }
        guard neighbours.count < StateMemory.neighboursMax else { return PathSample.outside }
        let number = Int32(neighbours.count)
        neighbours.append(NodeNeighbour(address: address))
        numbers[address] = number
        return number
    }

    private mutating func take(_ said: StateFeedback, of number: Int, time: Double) {
        let silence = Double(StateDesk.silenceMilliseconds) / 1_000
        if let last = neighbours[number].heard, time - neighbours[number].heardAt < silence {
            guard said.ordinal >= last.ordinal else { return }
        }
        neighbours[number].heard = Feedback(
            allowance: said.allowance == StateFeedback.any ? .infinity : Double(said.allowance),
            price: Double(said.priceNanoseconds) / 1e9, epoch: said.epoch, sequence: said.sequence)
        neighbours[number].heardAt = time
        neighbours[number].isFresh = true
    }

    /// What each path counted since the last tick, in the node's numbers.
    private mutating func readPaths(of worker: Int, _ desk: StateDesk) {
        workers[worker].paths.removeAll(keepingCapacity: true)
        for row in 0..<desk.pathCount {
            let path = desk.path(row)
            if row == workers[worker].counted.count {
                workers[worker].counted.append(PathSample(upstream: path.upstream, nextHop: path.nextHop))
            }
            let last = workers[worker].counted[row]
            guard path != last else { continue }
            workers[worker].counted[row] = path
            workers[worker].paths.append(
                PathSample(
                    upstream: nodeNumber(path.upstream, worker), nextHop: nodeNumber(path.nextHop, worker),
                    heldUpstream: path.heldUpstream &- last.heldUpstream,
                    mustHold: path.mustHold &- last.mustHold, kept: path.kept &- last.kept,
                    delegated: path.delegated &- last.delegated))
        }
    }

    /// A neighbour that was entered after this tick looked counts as outside once.
    private func nodeNumber(_ local: Int32, _ worker: Int) -> Int32 {
        guard local >= 0, Int(local) < workers[worker].numbers.count else { return PathSample.outside }
        return workers[worker].numbers[Int(local)]
    }

    // MARK: Sharing out

    /// Each worker may use one processor and no more than its part of the quota by its part of the requests.
    private mutating func shareProcessors() {
        let total = workers.reduce(0) { $0 + $1.rates.total }
        let count = Double(workers.count)
        for index in workers.indices {
            // Even an idle worker gets something, or its first request would find no room.
            let share = total > 0 ? max(workers[index].rates.total / total, 0.05 / count) : 1 / count
            workers[index].processors = min(1, processors * share)
        }
    }

    /// What neighbours allow, split over the workers by the open requests that each sends there.
    private func feedback(for worker: Int) -> [Feedback?] {
        neighbours.indices.map { number in
            guard neighbours[number].isFresh, var said = neighbours[number].heard else { return nil }
            said.allowance *= openShare(of: worker, nextHop: number)
            return said
        }
    }

    private func openShare(of worker: Int, nextHop: Int) -> Double {
        func open(_ worker: NodeWorker) -> Double {
            nextHop < worker.rates.outgoing.count ? worker.rates.outgoing[nextHop].open : 0
        }
        let total = workers.reduce(0) { $0 + open($1) }
        // Infinity times nothing is no number: an idle worker keeps a little.
        return total > 0 ? max(open(workers[worker]) / total, 1e-6) : 1 / Double(workers.count)
    }

    // MARK: Granting

    /// A worker that sees less than this part of a neighbour's requests has no say in what it is granted.
    private static let shareConsidered = 0.01

    /// The greatest rate of which each worker's part stays within what that worker allows: the kernel decides which
    /// worker a neighbour's requests reach, so room on one is none for another's.
    private mutating func decideGrants(time: Double) {
        for number in neighbours.indices {
            let rates = workers.map { worker in
                number < worker.rates.incoming.count ? worker.rates.incoming[number].total : 0
            }
            let total = rates.reduce(0, +)
            var grant: NodeDecision.Grant?
            var price = 0.0
            for (worker, rate) in zip(workers, rates) where number < worker.decision.grants.count {
                let share = total > 0 ? rate / total : 1 / Double(workers.count)
                guard share >= Self.shareConsidered else { continue }
                let own = worker.decision.grants[number]
                grant = NodeDecision.Grant(allowance: min(grant?.allowance ?? .infinity, own.allowance / share))
                price += own.price * share
            }
            grant?.price = price
            if grant?.allowance != neighbours[number].grant?.allowance { neighbours[number].grantedAt = time }
            neighbours[number].grant = grant
        }
    }

    // MARK: Publishing

    private mutating func publish(_ desks: [StateDesk]) {
        sequence &+= 1
        for (worker, desk) in zip(workers, desks) where desk.sharesState {
            for (local, number) in worker.numbers.enumerated() where number >= 0 {
                let number = Int(number)
                let keep = number < worker.decision.keep.count ? worker.decision.keep[number] : 1
                desk.publish(keep: keep, nextHop: local, allowance: neighbours[number].heard?.allowance ?? 0)
                desk.publish(grant: neighbours[number].grant, upstream: local)
            }
            desk.publish(
                epoch: epoch, sequence: sequence, refuse: worker.decision.refuse, estimate: worker.policy.estimate)
        }
    }
}
