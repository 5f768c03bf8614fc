/// What a shared dictionary keeps under a key. Bytes belong to whoever made the value.
public enum SharedValue {
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case bytes(UnsafeRawBufferPointer)
}

/// When a value is written.
public enum SharedCondition: Sendable {
    case always
    case ifAbsent
    case ifPresent
}

/// What became of a write.
public enum SharedOutcome: Sendable, Equatable {
    case stored
    /// The condition did not hold; nothing has changed.
    case declined
    /// Key and value are more than the dictionary could ever hold; what was there stays.
    case tooLarge
}

/// What became of an addition.
public enum SharedSum {
    case sum(SharedValue)
    /// A value that is no number stands there.
    case noNumber
    case tooLarge
}

/// What a dictionary holds, and what it had to do to hold it.
public struct SharedFigures: Sendable, Equatable {
    /// Those included that have expired and were not looked at since.
    public var entries = 0
    public var bytes = 0
    /// Entries that made room for others before their time.
    public var evictions: UInt64 = 0
    /// Writes that were too large for the dictionary.
    public var refusals: UInt64 = 0

    public init() {}

    static func += (sum: inout SharedFigures, part: SharedFigures) {
        sum.entries += part.entries
        sum.bytes += part.bytes
        sum.evictions += part.evictions
        sum.refusals += part.refusals
    }
}
