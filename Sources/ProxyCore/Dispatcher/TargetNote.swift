/// A target whose state has changed, for the log.
public struct TargetNote: Sendable, Equatable {
    public enum Cause: String, Sendable {
        case requests
        case probes
        case retryAfter = "retry_after"
    }

    public var set: String
    public var uri: String
    public var condition: TargetCondition
    public var cause: Cause
}
