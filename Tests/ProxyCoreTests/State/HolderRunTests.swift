import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Calls through proxies that share state: every transaction has a holder, and every call its answer.
///
/// `PROXY_CALLS` sets the number of calls of all runs together, `PROXY_SEED` the seed.
@Suite(.serialized) struct HolderRunTests {
    struct Case: Sendable, CustomStringConvertible {
        var keeps: [Double]
        var lossPerMille = 0
        var workerCount = 1

        var description: String { "κ=\(keeps) loss=\(lossPerMille)‰ workers=\(workerCount)" }
    }

    static let cases: [Case] = [
        Case(keeps: [0, 1]), Case(keeps: [0.5, 1]), Case(keeps: [1, 1]),
        Case(keeps: [0, 1], lossPerMille: 50), Case(keeps: [0.5, 1], lossPerMille: 50),
        Case(keeps: [1, 1], lossPerMille: 50), Case(keeps: [0.5, 0.5, 1], lossPerMille: 50),
        Case(keeps: [0.3, 0.6, 1], lossPerMille: 50, workerCount: 3),
    ]

    static let callCount = environmentNumber("PROXY_CALLS", default: isOptimised ? 32_000 : 3_200)

    static func run(_ test: Case, seed: UInt64, callCount: Int) -> CallRun {
        var conditions = NetworkConditions.perfect
        conditions.lossPerMille = test.lossPerMille
        var setup = CallRun.Setup(
            modes: test.keeps.map { _ in .stateful }, workerCount: test.workerCount, conditions: conditions)
        setup.dials = test.keeps.map { keep in
            let dial = PolicyDial(keep: keep)
            // A change of κ may give a request that is sent again a second holder: not in these runs.
            dial.set { $0.silenceSeconds = .infinity }
            return dial
        }
        return CallRun(setup, seed: seed, callCount: callCount, interval: 40)
    }

    /// Transactions that a call opens.
    static func transactionCount(_ run: CallRun) -> Int {
        run.callers.reduce(0) { sum, caller in
            sum + caller.calls.reduce(0) { $0 + ($1.byeCode == 0 ? 1 : 2) }
        }
    }

    @Test("exactly one proxy holds each transaction, at any κ, with loss and without", arguments: cases)
    func oneHolder(test: Case) {
        let seed = SeededGenerator.printedSeed("\(test)")
        let run = Self.run(test, seed: seed, callCount: Self.callCount / Self.cases.count)
        let faults = run.run()
        #expect(faults.isEmpty, "seed \(seed): \(faults.count) faults, \(faults.prefix(5))")
        var held: [String: Int] = [:]
        for holder in run.proxies.flatMap(\.holders) {
            held["\(holder.callID) \(holder.cSeq) \(holder.method)", default: 0] += 1
        }
        let several = held.filter { $0.value != 1 }
        #expect(several.isEmpty, "seed \(seed): \(several.count) with several holders: \(several.prefix(3))")
        #expect(held.count == Self.transactionCount(run), "seed \(seed): some have no holder")
        let counts = run.proxies.map { Double($0.holders.count) / Double(held.count) }
        print("\(test): \(held.count) transactions, held by each proxy:", counts.map { Int($0 * 100) }, "%")
        // After the first feedback the fractions are what the dials say, of what is left open.
        var open = 1.0
        for (index, keep) in test.keeps.enumerated() {
            #expect(abs(counts[index] - open * keep) < 0.25, "proxy \(index)")
            open *= 1 - keep
        }
    }

    @Test("κ may change at any time: every call gets its answer and a holder", arguments: [0, 1, 2])
    func changingKeep(round: UInt64) {
        let seed = SeededGenerator.printedSeed("changing κ") &+ round
        var random = SeededGenerator(seed: seed)
        var setup = CallRun.Setup(modes: [.stateful, .stateful, .stateful])
        let dials = (0..<3).map { _ in PolicyDial(keep: 0) }
        setup.dials = dials
        let run = CallRun(setup, seed: seed, callCount: Self.callCount / 8)
        let faults = run.run { _ in
            for dial in dials { dial.set { $0.keep = Double(random.next() % 3) / 2 } }
        }
        #expect(faults.isEmpty, "seed \(seed): \(faults.count) faults, \(faults.prefix(5))")
        let held = Set(run.proxies.flatMap(\.holders).map { "\($0.callID) \($0.cSeq) \($0.method)" })
        #expect(held.count == Self.transactionCount(run), "seed \(seed)")
        #expect(run.count(.requestsDelegated) > 0)
        #expect(run.count(.requestsHeldUpstream) > 0)
    }

    @Test("CANCEL and ACK find their INVITE whoever holds it", arguments: [[0.0, 1], [1, 1], [0.5, 1]])
    func cancelAndAck(keeps: [Double]) {
        for kind in [CallKind.cancelled, .cancelledEarly, .race, .busy, .answered] {
            let seed = SeededGenerator.printedSeed("\(kind) κ=\(keeps)")
            var setup = CallRun.Setup(modes: keeps.map { _ in .stateful })
            setup.dials = keeps.map { PolicyDial(keep: $0) }
            let run = CallRun(setup, seed: seed, callCount: 100, kind: kind)
            let faults = run.run()
            #expect(faults.isEmpty, "\(kind), seed \(seed): \(faults.count) faults, \(faults.prefix(5))")
        }
    }
}
