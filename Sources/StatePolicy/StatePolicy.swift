/// Decides how much state a node keeps and how much it leaves to others, once a period.
///
/// Pure: no clock, no I/O. What each request gets follows from the decision by `KeepFraction`. One instance a worker.
public protocol StatePolicy: Sendable {
    /// Name as in the configuration.
    var name: String { get }

    /// The answer when it is always the same; samples need not be taken then.
    var fixedMode: StateMode? { get }

    /// What the last sample told.
    var estimate: NodeEstimate { get }

    /// Takes one period's sample and revises `decision`, whose arrays it sizes to the sample's neighbours.
    mutating func update(_ sample: NodeSample, _ decision: inout NodeDecision)
}

/// A fixed answer: what a static configuration of other proxies does.
@frozen
public struct StaticPolicy: StatePolicy, Equatable {
    public let mode: StateMode

    public init(_ mode: StateMode) {
        self.mode = mode
    }

    public var name: String {
        switch mode {
        case .stateful: "stateful"
        case .stateless: "stateless"
        }
    }

    public var fixedMode: StateMode? { mode }

    public var estimate: NodeEstimate { NodeEstimate() }

    public mutating func update(_ sample: NodeSample, _ decision: inout NodeDecision) {
        decision.reason = .fixed
    }
}
