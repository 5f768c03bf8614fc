internal import Reactor
internal import Synchronization

/// What workers count of a target.
public enum TargetCounter: Int, Sendable, CaseIterable {
    case selected
    /// Requests that it failed.
    case failures
    case probes
    case probesFailed
}

/// What is known of one target of a set, shared by all workers: numbers that any thread reads and exchanges without waiting,
/// and counters that each worker has of its own.
public final class TargetCell: Sendable {
    private let state = Atomic<UInt64>(0)
    private let rest = Atomic<UInt64>(0)
    private let probedAt = Atomic<UInt64>(0)
    private let aliveAt = Atomic<UInt64>(0)
    private let counters: [CounterBlock]
    private let suspects: SuspectCount

    init(workers: Int, suspects: SuspectCount) {
        counters = (0..<workers).map { _ in CounterBlock(count: TargetCounter.allCases.count) }
        self.suspects = suspects
    }

    deinit {
        for block in counters { block.deallocate() }
    }

    public var health: TargetHealth { TargetHealth(rawValue: state.load(ordering: .relaxed)) }

    /// Takes nothing before this time.
    public var restsUntil: UInt64 { rest.load(ordering: .relaxed) }

    /// Whether new requests may go there.
    func takesRequests(at now: UInt64) -> Bool {
        // Of the bits two say no.
        state.load(ordering: .relaxed) & 3 == 0 && rest.load(ordering: .relaxed) <= now
    }

    public func condition(at now: UInt64) -> TargetCondition {
        let health = health
        if health.isDrained { return .drained }
        if health.isDown { return .down }
        if restsUntil > now { return .resting }
        return health.isSuspected ? .suspected : .up
    }

    /// What has happened to a request or probe.
    ///
    /// - Parameter sentAt: when it was sent; a failure of what went out before the target was last heard of says nothing.
    func handle(
        _ event: TargetHealth.Event, _ rules: HealthRules, sentAt: UInt64, now: UInt64
    ) -> Change {
        if event == .failed, sentAt < aliveAt.load(ordering: .relaxed) { return Change() }
        if event == .answered || event == .probeAnswered { aliveAt.store(now, ordering: .relaxed) }
        return handle(event, rules, now: now)
    }

    @discardableResult
    func handle(_ event: TargetHealth.Event, _ rules: HealthRules, now: UInt64) -> Change {
        var known = state.load(ordering: .relaxed)
        while true {
            let old = TargetHealth(rawValue: known)
            var new = old
            let rests = new.handle(event, rules)
            if new != old {
                let exchange = state.weakCompareExchange(
                    expected: known, desired: new.rawValue, ordering: .relaxed)
                guard exchange.exchanged else {
                    known = exchange.original
                    continue
                }
                suspects.change(from: old, to: new)
            }
            if rests { restUntil(now &+ rules.restMilliseconds) }
            if event == .marked(.up) { rest.store(0, ordering: .relaxed) }
            return Change(isDown: old.isDown == new.isDown ? nil : new.isDown, rests: rests)
        }
    }

    /// What became of it that others should know.
    struct Change {
        /// nil: as before.
        var isDown: Bool?
        var rests = false
    }

    /// The target has asked to be left alone until then (RFC 3261 §20.33), or is given time.
    func restUntil(_ time: UInt64) {
        rest.max(time, ordering: .relaxed)
    }

    /// Whether the caller is to probe it now: nobody else has for so long.
    func claimProbe(now: UInt64, afterMilliseconds interval: UInt64) -> Bool {
        let last = probedAt.load(ordering: .relaxed)
        guard last == 0 || now >= last &+ interval else { return false }
        return probedAt.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    }

    /// When the next regular probe is due; 0: at once.
    func nextProbe(everyMilliseconds interval: UInt64) -> UInt64 {
        let last = probedAt.load(ordering: .relaxed)
        return last == 0 ? 0 : last &+ interval
    }

    /// On that worker's thread only.
    func count(_ counter: TargetCounter, worker: Int) {
        counters[worker].add(counter.rawValue)
    }

    /// Over all workers.
    public func value(_ counter: TargetCounter) -> UInt64 {
        counters.reduce(0) { $0 &+ $1.value(counter.rawValue) }
    }

    /// It is no target any more; should it become one again, nothing is held against it.
    func forget() {
        handle(.marked(.up), HealthRules(), now: 0)
    }
}

/// How many targets have failed lately: while there are none nobody looks whose answer a response is.
final class SuspectCount: Sendable {
    private let count = Atomic<Int>(0)

    var isZero: Bool { count.load(ordering: .relaxed) == 0 }

    func change(from old: TargetHealth, to new: TargetHealth) {
        guard old.isSuspected != new.isSuspected else { return }
        count.add(new.isSuspected ? 1 : -1, ordering: .relaxed)
    }
}

/// The targets of all sets by set and URI; outlives scripts and configurations, so that a target that stays keeps its state.
///
/// Looked into where sets are made; the packet path has the cells themselves. A cell is never freed while the table is there.
public final class TargetTable: Sendable {
    private struct Key: Hashable {
        var set: String
        var uri: String
    }

    private let cells = Mutex<[Key: TargetCell]>([:])
    let suspects = SuspectCount()
    private let workers: Int

    public init(workers: Int) {
        self.workers = workers
    }

    /// nil: no set has had such a target.
    public func find(_ uri: String, of set: String) -> TargetCell? {
        cells.withLock { $0[Key(set: set, uri: uri)] }
    }

    func cell(_ uri: String, of set: String) -> TargetCell {
        cells.withLock { cells in
            let key = Key(set: set, uri: uri)
            if let cell = cells[key] { return cell }
            let cell = TargetCell(workers: workers, suspects: suspects)
            cells[key] = cell
            return cell
        }
    }

    /// Forgets how targets were that are in none of the sets.
    public func forget(allBut sets: [DispatcherSet]) {
        let kept = Set(sets.flatMap { set in set.targets.map { Key(set: set.name, uri: $0.uri) } })
        let gone = cells.withLock { cells in cells.filter { !kept.contains($0.key) }.map(\.value) }
        for cell in gone { cell.forget() }
    }
}
