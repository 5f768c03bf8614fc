import ProxyCore
import Reactor
import Testing

/// Which target of a set is chosen.
@Suite struct SelectionTests {
    private static let draws = 30_000

    private func set(_ weights: [Int], _ algorithm: DispatcherAlgorithm, priorities: [Int] = []) -> DispatcherSet {
        var set = DispatcherSet(name: "s")
        set.algorithm = algorithm
        set.targets = weights.enumerated().map { index, weight in
            DispatcherTarget(
                uri: "sip:192.0.2.\(index)", address: SocketAddress("192.0.2.\(index):5060")!, weight: weight,
                priority: index < priorities.count ? priorities[index] : 0)
        }
        return set
    }

    private func dispatcher(_ set: DispatcherSet, worker: Int = 0) -> Dispatcher {
        Dispatcher([set], table: TargetTable(workers: worker + 1), worker: worker)
    }

    private func order(_ dispatcher: Dispatcher, hash: UInt64 = 0, limit: Int = .max, now: UInt64 = 1) -> [Int] {
        let count = dispatcher.select(0, DispatcherPick(hash: hash, limit: limit), now: now)
        return (0..<count).map { dispatcher.selected($0) }
    }

    private func mark(_ dispatcher: Dispatcher, _ index: Int, _ mark: TargetMark) {
        _ = dispatcher.mark(0, uri: dispatcher.uri(0, index), address: .none, mark, now: 1)
    }

    @Test("round robin takes turns by weight, spread evenly")
    func roundRobin() {
        let dispatcher = dispatcher(set([5, 1, 1], .roundRobin))
        #expect((0..<14).map { _ in order(dispatcher)[0] } == [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
    }

    @Test("over any full cycle of round robin each target has exactly its weight, whichever are up")
    func roundRobinShares() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("SelectionTests.roundRobinShares"))
        for _ in 0..<50 {
            let weights = (0..<Int.random(in: 1...8, using: &random)).map { _ in Int.random(in: 1...9, using: &random) }
            let dispatcher = dispatcher(set(weights, .roundRobin))
            var counts = weights.map { _ in 0 }
            for _ in 0..<weights.reduce(0, +) { counts[order(dispatcher)[0]] += 1 }
            #expect(counts == weights)
        }
    }

    @Test("workers begin round robin at different targets")
    func stagger() {
        let firsts = (0..<3).map { order(dispatcher(set([1, 1, 1], .roundRobin), worker: $0))[0] }
        #expect(firsts == [0, 1, 2])
    }

    @Test(
        "at random and by hash targets get shares by their weights", arguments: [DispatcherAlgorithm.weighted, .hash])
    func shares(algorithm: DispatcherAlgorithm) {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("SelectionTests.shares"))
        let weights = [1, 2, 3, 4]
        let dispatcher = dispatcher(set(weights, algorithm))
        var counts = weights.map { _ in 0 }
        for _ in 0..<Self.draws { counts[order(dispatcher, hash: random.next(), limit: 1)[0]] += 1 }
        for (count, weight) in zip(counts, weights) {
            let share = Double(weight) / 10
            // Six standard deviations.
            let slack = 6 * (Double(Self.draws) * share * (1 - share)).squareRoot()
            #expect(abs(Double(count) - Double(Self.draws) * share) < slack, "\(counts)")
        }
    }

    @Test("by hash a target that goes moves its own keys only, and gets them back when it returns")
    func minimalMovement() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("SelectionTests.minimalMovement"))
        let dispatcher = dispatcher(set([3, 1, 2, 2, 1], .hash))
        let keys = (0..<5_000).map { _ in random.next() }
        let before = keys.map { order(dispatcher, hash: $0) }
        mark(dispatcher, 2, .down)
        for (key, was) in zip(keys, before) {
            let goes = order(dispatcher, hash: key)
            // The next in its own order takes over, for every key another one.
            #expect(goes == was.filter { $0 != 2 })
        }
        mark(dispatcher, 2, .up)
        #expect(keys.map { order(dispatcher, hash: $0) } == before)
    }

    @Test("by hash a greater weight draws keys to itself and moves none between others")
    func weightChange() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("SelectionTests.weightChange"))
        let (light, heavy) = (dispatcher(set([1, 1, 1, 1], .hash)), dispatcher(set([1, 1, 3, 1], .hash)))
        for _ in 0..<5_000 {
            let key = random.next()
            let (was, goes) = (order(light, hash: key)[0], order(heavy, hash: key)[0])
            #expect(goes == was || goes == 2)
        }
    }

    @Test("all proxies agree on hashes, whatever the order of the configuration")
    func agreement() {
        let forward = set([1, 1, 1, 1], .hash)
        var backward = forward
        backward.targets.reverse()
        let (one, other) = (dispatcher(forward), dispatcher(backward))
        for key in 0..<500 {
            #expect(order(one, hash: UInt64(key)) == order(other, hash: UInt64(key)).map { 3 - $0 })
        }
    }

    @Test("priority takes the first that is up, in the order of the list")
    func priority() {
        let dispatcher = dispatcher(set([1, 1, 1], .priority))
        #expect(order(dispatcher) == [0, 1, 2])
        mark(dispatcher, 0, .down)
        #expect(order(dispatcher) == [1, 2])
    }

    @Test(
        "lower priorities come first under every algorithm; the others are for when none of these is left",
        arguments: DispatcherAlgorithm.allCases)
    func priorities(algorithm: DispatcherAlgorithm) {
        // Members are numbered by priority: targets 1 and 3, then 0, then 2.
        let dispatcher = dispatcher(set([1, 1, 1, 1], algorithm, priorities: [5, 0, 7, 0]))
        for key in 0..<100 {
            let order = order(dispatcher, hash: UInt64(key))
            #expect(Set(order.prefix(2)) == [0, 1])
            #expect(order.suffix(2) == [2, 3])
        }
        mark(dispatcher, 0, .down)
        mark(dispatcher, 1, .drained)
        #expect(order(dispatcher) == [2, 3])
    }

    @Test(
        "nothing goes to a target of weight 0, one that is drained or one that is down",
        arguments: DispatcherAlgorithm.allCases)
    func unavailable(algorithm: DispatcherAlgorithm) {
        let dispatcher = dispatcher(set([0, 1, 1, 1], algorithm))
        mark(dispatcher, 1, .drained)
        mark(dispatcher, 2, .down)
        for key in 0..<100 { #expect(order(dispatcher, hash: UInt64(key)) == [3]) }
        mark(dispatcher, 3, .down)
        #expect(order(dispatcher) == [])
    }

    @Test("no more than the limit are chosen", arguments: DispatcherAlgorithm.allCases)
    func limit(algorithm: DispatcherAlgorithm) {
        let dispatcher = dispatcher(set([1, 1, 1, 1], algorithm, priorities: [0, 0, 0, 1]))
        for limit in 1...5 { #expect(order(dispatcher, limit: limit).count == min(limit, 4)) }
    }

    @Test("a target keeps its state when sets are made anew, and is forgotten when it is in none")
    func reload() {
        let table = TargetTable(workers: 1)
        let all = set([1, 1], .priority)
        let old = Dispatcher([all], table: table)
        mark(old, 0, .drained)
        var other = all
        other.algorithm = .hash
        #expect(Dispatcher([other], table: table).condition(0, 0, now: 1) == .drained)
        var fewer = all
        fewer.targets.removeFirst()
        table.forget(allBut: [fewer])
        #expect(Dispatcher([all], table: table).condition(0, 0, now: 1) == .up)
    }

    @Test("a set that is probed no more gives those back that probes found down, and keeps those that were marked")
    func probingEnds() {
        let table = TargetTable(workers: 1)
        var all = set([1, 1], .priority)
        all.probe = TargetProbe()
        let old = Dispatcher([all], table: table)
        mark(old, 0, .down)
        all.probe = nil
        let new = Dispatcher([all], table: table)
        #expect(new.condition(0, 0, now: 1) == .down)
        #expect(new.condition(0, 1, now: 1) == .up)
    }

    @Test("a set contains its targets' addresses, with their ports if that is asked")
    func contains() {
        let dispatcher = dispatcher(set([1, 1], .priority))
        #expect(dispatcher.contains(0, SocketAddress("192.0.2.1:9999")!, port: false))
        #expect(!dispatcher.contains(0, SocketAddress("192.0.2.1:9999")!, port: true))
        #expect(dispatcher.contains(0, SocketAddress("192.0.2.1:5060")!, port: true))
        #expect(!dispatcher.contains(0, SocketAddress("192.0.2.1:5060")!.withTransport(.tcp), port: true))
        #expect(dispatcher.contains(0, SocketAddress("[::ffff:192.0.2.1]:5060")!, port: true))
        #expect(!dispatcher.contains(0, SocketAddress("192.0.2.9:5060")!, port: false))
    }
}
