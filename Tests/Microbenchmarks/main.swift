import Glibc
import StatePolicy

// Nanoseconds a message of the packet path without the network: `scripts/microbench`. No test: a machine's speed
// is not ours. The best of many short rounds ran undisturbed even on a busy machine.
//
//   microbenchmarks [calls a round] [rounds]

let callsPerRound = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2_000
let rounds = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 60

print("one call is INVITE 180 200 ACK BYE 200: six messages through the proxy")
CallBenchmark(policy: .stateless, callsPerRound: callsPerRound).run("stateless", rounds: rounds)
CallBenchmark(policy: .stateful, callsPerRound: callsPerRound).run("stateful", rounds: rounds)
for keep in [0, 0.5, 1] {
    CallBenchmark(policy: .stateful, callsPerRound: callsPerRound, keep: keep)
        .run("between trusted proxies, \(keep) of the open requests held", rounds: rounds)
}
