import Glibc
import StatePolicy

// Nanoseconds a message of the packet path without the network: `scripts/microbench`. No test: a machine's speed
// is not ours. The best of many short rounds ran undisturbed even on a busy machine.
//
//   microbenchmarks [calls a round] [rounds] [number of the only case]
//   microbenchmarks location [bindings] [database to make]

if CommandLine.arguments.dropFirst().first == "location" {
    let rest = Array(CommandLine.arguments.dropFirst(2))
    LocationBenchmark(
        count: rest.first.flatMap { Int($0) } ?? 1_000_000, path: rest.count > 1 ? rest[1] : "location-benchmark.sqlite"
    ).run()
    exit(0)
}

let arguments = CommandLine.arguments.dropFirst().map { Int($0) }
let callsPerRound = arguments.first.flatMap(\.self) ?? 2_000
let rounds = arguments.dropFirst().first.flatMap(\.self) ?? 60
let onlyCase = arguments.dropFirst(2).first.flatMap(\.self)

/// One proxy alone, then one between two trusted proxies that holds a fraction of the open requests.
let cases: [(label: String, policy: PolicyName, isMetered: Bool, keep: Double?)] = [
    ("stateless", .stateless, false, nil), ("stateful", .stateful, false, nil),
    ("stateless, metered", .stateless, true, nil), ("stateful, metered", .stateful, true, nil),
    ("between trusted proxies, metered, nothing held", .servartuka, true, 0),
    ("between trusted proxies, metered, half held", .servartuka, true, 0.5),
    ("between trusted proxies, metered, all held", .servartuka, true, 1),
]

print("one call is INVITE 180 200 ACK BYE 200: six messages through the proxy")
for (number, example) in cases.enumerated() where onlyCase == nil || onlyCase == number {
    CallBenchmark(
        policy: example.policy, isMetered: example.isMetered, callsPerRound: callsPerRound, keep: example.keep
    ).run(example.label, rounds: rounds)
}
