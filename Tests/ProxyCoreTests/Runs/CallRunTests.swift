import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Calls of every kind through proxies in every mode, over a network that loses, doubles, delays and reorders.
///
/// `PROXY_CALLS` sets the number of calls of all runs together, `PROXY_SEED` the seed.
@Suite(.serialized) struct CallRunTests {
    static let setups: [CallRun.Setup] = [
        .init(modes: [.stateful]), .init(modes: [.stateless]),
        .init(modes: [.stateful], isIPv6: true), .init(modes: [.stateless], isIPv6: true),
        .init(modes: [.stateful, .stateful]), .init(modes: [.stateful, .stateless]),
        .init(modes: [.stateless, .stateful]), .init(modes: [.stateless, .stateless]),
        .init(modes: [.stateful, .stateful], isIPv6: true, workerCount: 3),
        .init(modes: [.stateless, .stateless], isIPv6: true, workerCount: 2),
        .init(modes: [.stateful], recordsRoute: false), .init(modes: [.stateful], workerCount: 4),
        .init(modes: [.stateful], conditions: .perfect), .init(modes: [.stateless, .stateful], conditions: .perfect),
    ]

    static let callCount = environmentNumber("PROXY_CALLS", default: isOptimised ? 100_000 : 2_800)

    @Test("every call gets its answer and nothing is left behind", arguments: setups)
    func calls(setup: CallRun.Setup) {
        let seed = SeededGenerator.printedSeed("\(setup)")
        let run = CallRun(setup, seed: seed, callCount: Self.callCount / Self.setups.count)
        let start = threadSeconds()
        let faults = run.run()
        let seconds = threadSeconds() - start
        print(
            "\(setup): \(run.kinds.count) calls, \(run.network.sentCount) datagrams, \(run.network.lostCount) lost,",
            "\(Int(Double(run.kinds.count) / seconds)) calls a second of CPU time,",
            "\(Int(seconds * 1e9 / Double(run.network.deliveredCount))) ns a delivery, trace \(run.network.trace)")
        #expect(faults.isEmpty, "seed \(seed): \(faults.count) faults, \(faults.prefix(5))")
        #expect(run.count(.responsesForged) == 0)
        if setup.modes.allSatisfy({ $0 == .stateful }) { #expect(run.count(.transactionsCreated) > 0) }
        if setup.modes.allSatisfy({ $0 == .stateless }) { #expect(run.count(.transactionsCreated) == 0) }
        if setup.workerCount > 1, setup.modes[0] == .stateful { #expect(run.count(.responsesPostedToOwner) > 0) }
    }

    @Test("the same seed gives the same run, another seed another one")
    func reproducible() {
        let setup = CallRun.Setup(modes: [.stateful, .stateless])
        let seed = SeededGenerator.printedSeed("reproducible")
        let runs = [seed, seed, seed &+ 1].map { seed in
            let run = CallRun(setup, seed: seed, callCount: 400)
            #expect(run.run().isEmpty)
            return run.network.trace
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0] != runs[2])
    }

    @Test("on a perfect network an answered call is 13 datagrams statefully and 12 statelessly, no retransmission")
    func perfectNetwork() {
        for (mode, datagrams) in [(StateMode.stateful, 13), (.stateless, 12)] {
            let run = CallRun(
                .init(modes: [mode], conditions: .perfect), seed: 1, callCount: 100, kind: .answered)
            #expect(run.run().isEmpty)
            #expect(run.network.sentCount == 100 * datagrams)
            #expect(run.count(.requestsRetransmitted) == 0)
            #expect(run.count(.retransmissionsAbsorbed) == 0)
        }
    }
}
