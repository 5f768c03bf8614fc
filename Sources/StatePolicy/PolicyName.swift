/// The policies that the configuration may name.
public enum PolicyName: String, Sendable, CaseIterable {
    case servartuka
    case balanced
    case stateful
    case stateless

    public func make(_ settings: PolicySettings = PolicySettings()) -> any StatePolicy {
        switch self {
        case .stateful: StaticPolicy(.stateful)
        case .stateless: StaticPolicy(.stateless)
        case .servartuka: DistributingPolicy(.fillFirst, settings: settings)
        case .balanced: DistributingPolicy(.balanced, settings: settings)
        }
    }
}
