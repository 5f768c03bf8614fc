/// Decides who holds the state of requests that leave the choice open.
///
/// Pure: no clock, no I/O. The owner reports what happened, then asks. Requests that must be held here
/// (forking, a failure handler, accounting, …) are not asked about, only reported, because they use
/// capacity that can't be delegated.
public protocol StatePolicy {
    /// Name as in the configuration.
    var name: String { get }

    /// The answer when it is always the same; asking is not needed then.
    var fixedMode: StateMode? { get }

    /// The decision for one request. Called once a request, in the order of arrival.
    mutating func choose(_ request: StateRequest) -> StateMode

    /// A request was held here because it had to be.
    mutating func noteMustHold()
}

/// A fixed answer: what a static configuration of other proxies does.
@frozen
public struct StaticPolicy: StatePolicy, Sendable, Equatable {
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

    @inlinable
    public mutating func choose(_ request: StateRequest) -> StateMode {
        mode
    }

    @inlinable
    public mutating func noteMustHold() {}
}

/// The policies that the configuration may name.
public enum PolicyName: String, Sendable, CaseIterable {
    case stateful
    case stateless

    public func make() -> any StatePolicy {
        switch self {
        case .stateful: StaticPolicy(.stateful)
        case .stateless: StaticPolicy(.stateless)
        }
    }
}
