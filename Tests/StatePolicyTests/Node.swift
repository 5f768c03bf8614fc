import StatePolicy

/// A proxy in a test: feeds its policy periods of steady traffic, without noise.
struct Node {
    var policy: DistributingPolicy
    var decision = NodeDecision()
    var time = 0.0
    var statelessCost = 30e-6
    var stateCost = 20e-6
    var processors = 1.0
    var queueingSeconds = 0.0
    /// Each turn to the sockets costs that on top, and finds so many datagrams.
    var turnCost = 0.0
    var datagramsPerTurn = 64.0
    var epoch: UInt32 = 1
    var sequence: UInt32 = 0

    static let periodSeconds = 0.2
    static let datagrams = 12.0

    init(_ rule: DistributingPolicy.Rule, _ settings: PolicySettings = PolicySettings()) {
        policy = DistributingPolicy(rule, settings: settings)
    }

    /// A way through the node; rates a second.
    struct Traffic {
        var from = PathSample.outside
        var to = PathSample.outside
        var held = 0.0
        var must = 0.0
        var open = 0.0
    }

    /// What neighbour 0, 1, … grants.
    struct Said {
        var allowance = Double.infinity
        var price = 0.0
    }

    /// Runs periods in which neighbours say something each time; nil: nothing.
    mutating func run(_ periods: Int, _ traffic: [Traffic], _ said: [Said?] = []) {
        for _ in 0..<periods {
            sequence += 1
            let feedback = said.map { said in
                said.map {
                    Feedback(allowance: $0.allowance, price: $0.price, epoch: epoch, sequence: sequence)
                }
            }
            period(traffic, feedback)
        }
    }

    mutating func period(_ traffic: [Traffic], _ feedback: [Feedback?]) {
        time += Self.periodSeconds
        var sample = NodeSample(time: time, processors: processors, feedback: feedback)
        var stateless = 0.0
        var stateful = 0.0
        for way in traffic {
            let open = (way.open * Self.periodSeconds).rounded()
            let keep = way.to < 0 || decision.keep.isEmpty ? 1 : decision.keep[Int(way.to)]
            let kept = (open * keep).rounded()
            let held = way.held * Self.periodSeconds
            let must = way.must * Self.periodSeconds
            sample.paths.append(
                PathSample(
                    upstream: way.from, nextHop: way.to, heldUpstream: UInt64(held), mustHold: UInt64(must),
                    kept: UInt64(kept), delegated: UInt64((open - kept).rounded())))
            stateless += held + open - kept
            stateful += must + kept
        }
        sample.cost = cost(stateless: stateless, stateful: stateful)
        policy.update(sample, &decision)
    }

    private func cost(stateless: Double, stateful: Double) -> CostSample {
        let all = stateless + stateful
        let handled = all * statelessCost + stateful * stateCost
        var turns = TurnSums()
        if turnCost > 0 {
            // Short and long ones by turns.
            let count = (all * Self.datagrams / datagramsPerTurn / 2).rounded()
            for share in [0.5, 1.5] {
                let datagrams = share * datagramsPerTurn
                for _ in 0..<Int(count) {
                    turns.add(
                        datagrams: datagrams, seconds: turnCost + datagrams * handled / (all * Self.datagrams),
                        isBusy: datagrams >= TurnSums.busyDatagramsMin)
                }
            }
        }
        return CostSample(
            totalSeconds: handled + turns.turns * turnCost,
            statelessSeconds: stateless * statelessCost / 2,
            statefulSeconds: stateful * (statelessCost / 2 + stateCost),
            statelessDatagrams: UInt64(stateless * Self.datagrams),
            statefulDatagrams: UInt64(stateful * Self.datagrams), turns: turns,
            queueingSeconds: queueingSeconds)
    }
}
