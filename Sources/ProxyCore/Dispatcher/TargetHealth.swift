/// What makes a target of a set count as down, and what brings it back.
public struct HealthRules: Sendable, Equatable {
    /// Failures in a row after which a target is down.
    public var failuresMax = 3
    /// Probes in a row that a target answers before it is up again.
    public var successesMin = 1
    /// Somebody asks targets how they are; otherwise one that is down is only left alone for a while.
    public var isProbed = false
    /// How long that is.
    public var restMilliseconds: UInt64 = 30_000

    public init() {}
}

/// What an operator or a script says of a target.
public enum TargetMark: String, Sendable, CaseIterable {
    case up
    /// As if it had failed: probes bring it back.
    case down
    /// Takes nothing new until it is marked up, whatever probes say.
    case drained
}

/// How a target of a set is: a value of 64 bits, so that threads can exchange it in one step.
public struct TargetHealth: Sendable, Equatable {
    public enum Event: Sendable, Equatable {
        /// A request or probe that was not answered, could not be sent, or was answered as by a server in trouble.
        case failed
        /// A request was answered.
        case answered
        case probeAnswered
        case marked(TargetMark)
    }

    public var isDown = false
    public var isDrained = false
    /// It is down because somebody said so.
    public var isMarked = false
    /// In a row, while it is up.
    public var failures: UInt16 = 0
    /// Probes answered in a row, while it is down.
    public var successes: UInt16 = 0

    public init() {}

    /// It has failed lately, and more failures will make it down.
    public var isSuspected: Bool { !isDown && failures > 0 }

    /// - Returns: whether the target is to be left alone for the rules' time.
    public mutating func handle(_ event: Event, _ rules: HealthRules) -> Bool {
        switch (isDown, event) {
        case (false, .failed):
            failures += failures < .max ? 1 : 0
            guard Int(failures) >= rules.failuresMax else { return false }
            if rules.isProbed {
                isDown = true
                failures = 0
                successes = 0
                return false
            }
            // Nobody will tell when it is well again: after the rest a request finds out.
            failures = UInt16(rules.failuresMax - 1)
            return true
        case (false, .answered), (false, .probeAnswered):
            failures = 0
        case (true, .failed):
            successes = 0
        case (true, .answered):
            // To what was sent while it was up: no news.
            break
        case (true, .probeAnswered):
            successes += successes < .max ? 1 : 0
            if Int(successes) >= rules.successesMin { becomeUp() }
        case (_, .marked(.up)):
            becomeUp()
            isDrained = false
        case (_, .marked(.down)):
            isDown = true
            isDrained = false
            isMarked = true
            failures = 0
            successes = 0
        case (_, .marked(.drained)):
            isDrained = true
        }
        return false
    }

    private mutating func becomeUp() {
        isDown = false
        isMarked = false
        failures = 0
        successes = 0
    }
}

extension TargetHealth: RawRepresentable {
    public init(rawValue: UInt64) {
        isDown = rawValue & 1 != 0
        isDrained = rawValue & 2 != 0
        isMarked = rawValue & 4 != 0
        failures = UInt16(truncatingIfNeeded: rawValue >> 16)
        successes = UInt16(truncatingIfNeeded: rawValue >> 32)
    }

    public var rawValue: UInt64 {
        (isDown ? 1 : 0) | (isDrained ? 2 : 0) | (isMarked ? 4 : 0) | UInt64(failures) << 16 | UInt64(successes) << 32
    }
}

/// How a target is, in a word.
public enum TargetCondition: String, Sendable, CaseIterable {
    case up
    /// Up, but it has failed lately.
    case suspected
    /// Left alone until a time that it named itself (Retry-After), or after failures where nobody probes.
    case resting
    case down
    case drained
}
