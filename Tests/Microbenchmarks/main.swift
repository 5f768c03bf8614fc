import Glibc
import StatePolicy

// Nanoseconds a message of the packet path without the network: `scripts/microbench`. No test: a machine's speed
// is not ours. The best of many short rounds ran undisturbed even on a busy machine.
//
//   microbenchmarks [calls a round] [rounds] [number of the only case]

let arguments = CommandLine.arguments.dropFirst().map { Int($0) }
let callsPerRound = arguments.first.flatMap(\.self) ?? 2_000
let rounds = arguments.dropFirst().first.flatMap(\.self) ?? 60
let onlyCase = arguments.dropFirst(2).first.flatMap(\.self)

/// Policies of one proxy alone, then fractions of open requests held between two trusted proxies.
let cases: [(label: String, policy: PolicyName, keep: Double?)] = [
    ("stateless", .stateless, nil), ("stateful", .stateful, nil),
    ("trusted neighbours, nothing held", .stateful, 0), ("trusted neighbours, half held", .stateful, 0.5),
    ("trusted neighbours, all held", .stateful, 1),
]

print("one call is INVITE 180 200 ACK BYE 200: six messages through the proxy")
for (number, example) in cases.enumerated() where onlyCase == nil || onlyCase == number {
    CallBenchmark(policy: example.policy, callsPerRound: callsPerRound, keep: example.keep)
        .run(example.label, rounds: rounds)
}
