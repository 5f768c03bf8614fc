import StatePolicy

/// Always holds the same fraction of what goes to any neighbour.
struct KeepPolicy: StatePolicy {
    let keep: Double

    var name: String { "keep" }
    var fixedMode: StateMode? { nil }
    var estimate: NodeEstimate { NodeEstimate() }

    mutating func update(_ sample: NodeSample, _ decision: inout NodeDecision) {
        decision.keep = sample.feedback.map { _ in keep }
        decision.grants = sample.feedback.map { _ in NodeDecision.Grant() }
    }
}
