/// Where lines of scripts and about scripts go. Called on the worker's thread: it must not block.
public struct ScriptLog: Sendable {
    public enum Level: UInt8, Sendable, Comparable, CaseIterable {
        case debug, info, notice, warning, error

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// Text and Call-ID; the latter is empty outside of messages. Both are valid during the call only.
    public typealias Sink = @Sendable (Level, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void

    /// Asked before a line is put together, so that a level that is off costs next to nothing.
    public let isEnabled: @Sendable (Level) -> Bool
    private let sink: Sink

    /// `isEnabled` is asked for each line: it may follow a level that changes while the proxy runs.
    public init(isEnabled: @escaping @Sendable (Level) -> Bool, _ sink: @escaping Sink) {
        self.isEnabled = isEnabled
        self.sink = sink
    }

    public init(minimumLevel: Level = .info, _ sink: @escaping Sink) {
        self.init(isEnabled: { $0 >= minimumLevel }, sink)
    }

    /// Keeps nothing.
    public static let silent = ScriptLog(isEnabled: { _ in false }) { _, _, _ in }

    func write(_ level: Level, _ text: UnsafeRawBufferPointer, callID: UnsafeRawBufferPointer) {
        guard isEnabled(level) else { return }
        sink(level, text, callID)
    }

    func write(_ level: Level, _ text: String, callID: UnsafeRawBufferPointer) {
        var text = text
        text.withUTF8 { write(level, UnsafeRawBufferPointer($0), callID: callID) }
    }
}

/// Keeps errors of one script from flooding the log: each place is written in full once, then at most once a
/// second with the number of those left out; all places together are limited too.
struct ScriptErrorThrottle {
    static let placesMax = 16
    static let linesASecondMax = 20
    static let intervalMilliseconds: UInt64 = 1_000

    enum Answer: Equatable {
        /// The first one seen: in full.
        case full
        /// In short, with the number of those that were left out.
        case short(leftOut: Int)
        case leaveOut
    }

    private struct Place {
        var key: Int
        var writtenAt: UInt64
        var leftOut = 0
    }

    private var places: [Place] = []
    private var secondBegan: UInt64 = 0
    private var linesThisSecond = 0

    init() {
        places.reserveCapacity(Self.placesMax)
    }

    /// `key` names the place of the error; `now` in milliseconds.
    mutating func admit(_ key: Int, now: UInt64) -> Answer {
        if let known = places.firstIndex(where: { $0.key == key }) {
            guard now &- places[known].writtenAt >= Self.intervalMilliseconds, takeLine(now) else {
                places[known].leftOut += 1
                return .leaveOut
            }
            let leftOut = places[known].leftOut
            places[known] = Place(key: key, writtenAt: now)
            return .short(leftOut: leftOut)
        }
        guard takeLine(now) else { return .leaveOut }
        if places.count == Self.placesMax,
            let oldest = places.indices.min(by: { places[$0].writtenAt < places[$1].writtenAt })
        {
            places[oldest] = Place(key: key, writtenAt: now)
        } else {
            places.append(Place(key: key, writtenAt: now))
        }
        return .full
    }

    private mutating func takeLine(_ now: UInt64) -> Bool {
        if now &- secondBegan >= Self.intervalMilliseconds {
            secondBegan = now
            linesThisSecond = 0
        }
        guard linesThisSecond < Self.linesASecondMax else { return false }
        linesThisSecond += 1
        return true
    }
}
