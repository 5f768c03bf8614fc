internal import Glibc

/// What `select` goes by.
public struct DispatcherPick: Sendable {
    /// nil: the set's own.
    public var algorithm: DispatcherAlgorithm?
    /// `hash`: of the key. `weighted`: the random number.
    public var hash: UInt64
    /// Targets wanted at most.
    public var limit: Int

    public init(algorithm: DispatcherAlgorithm? = nil, hash: UInt64 = 0, limit: Int = .max) {
        self.algorithm = algorithm
        self.hash = hash
        self.limit = limit
    }
}

extension Dispatcher {
    /// Chooses targets that take requests: the first is the one to go to, the others are for the case that it fails.
    ///
    /// - Returns: how many; 0 when none takes requests. Which they are says `selected`.
    public func select(_ set: Int, _ pick: DispatcherPick, now: UInt64) -> Int {
        chosen.removeAll(keepingCapacity: true)
        candidates.removeAll(keepingCapacity: true)
        for index in groups[set].members.indices where takesRequests(set, index, now: now) { candidates.append(index) }
        guard !candidates.isEmpty else { return 0 }
        let algorithm = pick.algorithm ?? groups[set].settings.algorithm
        var start = 0
        while start < candidates.count, chosen.count < pick.limit {
            let priority = groups[set].members[candidates[start]].priority
            var end = start + 1
            while end < candidates.count, groups[set].members[candidates[end]].priority == priority { end += 1 }
            choose(set, start..<end, algorithm, pick)
            start = end
        }
        guard let first = chosen.first else { return 0 }
        groups[set].members[first].cell._withUnsafeGuaranteedRef { $0.count(.selected, worker: worker) }
        return chosen.count
    }

    /// The member chosen for that place by the last `select`.
    public func selected(_ place: Int) -> Int { chosen[place] }

    private func takesRequests(_ set: Int, _ index: Int, now: UInt64) -> Bool {
        guard groups[set].members[index].weight > 0 else { return false }
        return groups[set].members[index].cell._withUnsafeGuaranteedRef { $0.takesRequests(at: now) }
    }

    /// Orders candidates of one priority.
    private func choose(_ set: Int, _ range: Range<Int>, _ algorithm: DispatcherAlgorithm, _ pick: DispatcherPick) {
        let wanted = min(range.count, pick.limit - chosen.count)
        switch algorithm {
        case .priority:
            chosen.append(contentsOf: candidates[range.prefix(wanted)])
        case .hash, .weighted:
            scoreByHash(set, range, pick.hash)
            takeBest(range, wanted)
        case .roundRobin where chosen.isEmpty:
            takeTurn(set, range)
            takeBest(range, wanted)
        case .roundRobin:
            // Others were first: nobody's turn passes.
            scoreByHash(set, range, pick.hash)
            takeBest(range, wanted)
        }
    }

    /// Weighted rendezvous hashing: each target draws ln(u)/w by a number of its own that follows from the key, and the greatest
    /// comes first. A target gets a part of the keys as great as its weight, and the draws of the others don't depend on it. With a random
    /// key it is sampling by weight without replacement (Efraimidis and Spirakis).
    private func scoreByHash(_ set: Int, _ range: Range<Int>, _ hash: UInt64) {
        scores.removeAll(keepingCapacity: true)
        for index in candidates[range] {
            let member = groups[set].members[index]
            let bits = Self.mix(hash ^ Self.mix(member.hash)) >> 11
            // In the open interval from 0 to 1.
            scores.append(log((Double(bits) + 0.5) * 0x1p-53) / Double(member.weight))
        }
    }

    /// Smooth weighted round robin: each is due by its weight, the most due has its turn and pays for all.
    private func takeTurn(_ set: Int, _ range: Range<Int>) {
        scores.removeAll(keepingCapacity: true)
        var total = 0
        var best = candidates[range.lowerBound]
        for index in candidates[range] {
            groups[set].members[index].due += groups[set].members[index].weight
            total += groups[set].members[index].weight
            if groups[set].members[index].due > groups[set].members[best].due { best = index }
        }
        for index in candidates[range] {
            scores.append(index == best ? .infinity : Double(groups[set].members[index].due))
        }
        groups[set].members[best].due -= total
    }

    /// Appends so many of the candidates by falling score. Sets are small, and few are wanted.
    private func takeBest(_ range: Range<Int>, _ wanted: Int) {
        for _ in 0..<wanted {
            var best = 0
            for place in scores.indices where scores[place] > scores[best] { best = place }
            chosen.append(candidates[range.lowerBound + best])
            scores[best] = -.infinity
        }
    }

    /// Takes the turns of the workers before this one, so that they don't all begin with the same target.
    func stagger(_ set: Int) {
        guard !groups[set].members.isEmpty else { return }
        let first = groups[set].members[0].priority
        candidates.removeAll(keepingCapacity: true)
        for index in groups[set].members.indices
        where groups[set].members[index].priority == first && groups[set].members[index].weight > 0 {
            candidates.append(index)
        }
        guard !candidates.isEmpty else { return }
        for _ in 0..<worker { takeTurn(set, 0..<candidates.count) }
    }

    /// Every bit of the result depends on every bit of the number.
    private static func mix(_ number: UInt64) -> UInt64 {
        var random = RequestRandom(state: number)
        return random.next()
    }
}
