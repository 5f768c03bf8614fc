import Glibc
import StatePolicy

// Nanoseconds a message of the packet path without the network: `scripts/microbench`. No test: a machine's speed
// is not ours. The best of many short rounds ran undisturbed even on a busy machine.
//
//   microbenchmarks [calls a round] [rounds]

let callsPerRound = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2_000
let rounds = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 60

print("one call is INVITE 180 200 ACK BYE 200: six messages through the proxy")
for (label, policy) in [("stateless", PolicyName.stateless), ("stateful", .stateful)] {
    CallBenchmark(policy: policy, callsPerRound: callsPerRound).run(label, rounds: rounds)
    CallBenchmark(policy: policy, isMetered: true, callsPerRound: callsPerRound).run(
        "\(label), metered", rounds: rounds)
}
for keep in [0, 0.5, 1] {
    CallBenchmark(policy: .stateful, isMetered: true, callsPerRound: callsPerRound, keep: keep)
        .run("between trusted proxies, metered, \(keep) of the open requests held", rounds: rounds)
}
