internal import Logging
internal import ProxyCore
internal import Reactor

/// A target of a set as the operator sees it.
public struct TargetStatus: Sendable, Equatable {
    public var set: String
    public var uri: String
    /// "up", "suspected", "resting", "down" or "drained".
    public var state: String
    public var weight: Int
    public var priority: Int
    public var selected: UInt64
    /// Requests that it failed.
    public var failures: UInt64
    public var probes: UInt64
    public var probesFailed: UInt64

    public init(
        set: String, uri: String, state: String, weight: Int = 1, priority: Int = 0, selected: UInt64 = 0,
        failures: UInt64 = 0, probes: UInt64 = 0, probesFailed: UInt64 = 0
    ) {
        self.set = set
        self.uri = uri
        self.state = state
        self.weight = weight
        self.priority = priority
        self.selected = selected
        self.failures = failures
        self.probes = probes
        self.probesFailed = probesFailed
    }
}

extension DataPlane {
    public func targetStatus() -> [TargetStatus] {
        let now = UInt64(MonotonicClock.milliseconds)
        let sets = running.withLock { $0.configuration.dispatcher }
        return sets.flatMap { set in
            set.targets.compactMap { target in
                routing.targets.find(target.uri, of: set.name).map { cell in
                    TargetStatus(
                        set: set.name, uri: target.uri, state: cell.condition(at: now).rawValue,
                        weight: target.weight, priority: target.priority, selected: cell.value(.selected),
                        failures: cell.value(.failures), probes: cell.value(.probes),
                        probesFailed: cell.value(.probesFailed))
                }
            }
        }
    }

    public func markTarget(_ uri: String, of set: String, as state: String) throws(RuntimeError) {
        guard let mark = TargetMark(rawValue: state) else {
            throw RuntimeError("expected up, down or drained, got \(state.prefix(64))")
        }
        let sets = running.withLock { $0.configuration.dispatcher }
        guard let known = sets.first(where: { $0.name == set }) else {
            throw RuntimeError("there is no set \(set.prefix(64))")
        }
        guard routing.targets.mark(uri, of: known, mark, now: UInt64(MonotonicClock.milliseconds)) else {
            throw RuntimeError("the set \(set) has no target \(uri.prefix(256))")
        }
    }

    /// A line for each target that goes down, rests or is up again.
    static func targetLog(_ log: LogOutput) -> @Sendable (TargetNote) -> Void {
        let logger = log.logger(label: "dispatcher")
        return { note in
            logger.log(
                level: note.condition == .up ? .notice : .warning, "target is \(note.condition.rawValue)",
                metadata: ["set": "\(note.set)", "uri": "\(note.uri)", "by": "\(note.cause.rawValue)"])
        }
    }
}
