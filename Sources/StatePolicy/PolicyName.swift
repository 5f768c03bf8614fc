/// The policies that the configuration may name.
public enum PolicyName: String, Sendable, CaseIterable {
    case servartuka
    case balanced
    case stateful
    case stateless

    public func make() -> any StatePolicy {
        switch self {
        case .stateful: StaticPolicy(.stateful)
        case .stateless: StaticPolicy(.stateless)
        // Until the distributing policies land on this branch.
        case .servartuka, .balanced: StaticPolicy(.stateful)
        }
    }
}
