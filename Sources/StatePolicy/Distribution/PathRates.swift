/// Rates by way through the node, from the counts of each period.
struct PathRates: Sendable, Equatable {
    struct Path: Sendable, Equatable {
        let upstream: Int
        let nextHop: Int
        var total = SmoothedRate()
        var mustHold = SmoothedRate()
        /// The policy's to decide: held here or left to the next hop.
        var open = SmoothedRate()
    }

    private(set) var paths: [Path] = []
    /// Requests a second held here.
    private(set) var held = SmoothedRate()
    /// All paths together.
    private var total = SmoothedRate()
    private var open = SmoothedRate()
    private var counts: [Counts] = []
    private var indexes: [Key: Int] = [:]

    private struct Counts: Sendable, Equatable {
        var total = 0.0
        var mustHold = 0.0
        var open = 0.0
    }

    private struct Key: Hashable, Sendable {
        let upstream: Int32
        let nextHop: Int32
    }

    mutating func add(_ samples: [PathSample], seconds: Double, slowGain: Double, fastGain: Double) {
        for index in counts.indices { counts[index] = Counts() }
        var heldCount = 0.0
        var whole = Counts()
        for position in samples.indices {
            let sample = samples[position]
            let index = index(of: sample, expected: position)
            counts[index].total += Double(sample.total)
            counts[index].mustHold += Double(sample.mustHold)
            counts[index].open += Double(sample.kept) + Double(sample.delegated)
            heldCount += Double(sample.mustHold) + Double(sample.kept)
            whole.total += Double(sample.total)
            whole.open += Double(sample.kept) + Double(sample.delegated)
        }
        for index in paths.indices {
            let count = counts[index]
            paths[index].total.add(count: count.total, seconds: seconds, slowGain: slowGain, fastGain: fastGain)
            paths[index].mustHold.add(
                count: count.mustHold, seconds: seconds, slowGain: slowGain, fastGain: fastGain)
            paths[index].open.add(count: count.open, seconds: seconds, slowGain: slowGain, fastGain: fastGain)
        }
        held.add(count: heldCount, seconds: seconds, slowGain: slowGain, fastGain: fastGain)
        // A small change of many paths shows in their sum alone.
        let totalChanged = total.add(count: whole.total, seconds: seconds, slowGain: slowGain, fastGain: fastGain)
        let openChanged = open.add(count: whole.open, seconds: seconds, slowGain: slowGain, fastGain: fastGain)
        guard totalChanged || openChanged else { return }
        for index in paths.indices {
            paths[index].total.follow()
            paths[index].mustHold.follow()
            paths[index].open.follow()
        }
    }

    /// Owners report the same paths in the same order mostly: then no hashing.
    private mutating func index(of sample: PathSample, expected: Int) -> Int {
        let upstream = Int(sample.upstream)
        let nextHop = Int(sample.nextHop)
        if expected < paths.count, paths[expected].upstream == upstream, paths[expected].nextHop == nextHop {
            return expected
        }
        let key = Key(upstream: sample.upstream, nextHop: sample.nextHop)
        if let index = indexes[key] { return index }
        indexes[key] = paths.count
        paths.append(Path(upstream: upstream, nextHop: nextHop))
        counts.append(Counts())
        return paths.count - 1
    }
}
