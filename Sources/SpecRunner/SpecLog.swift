internal import Scripting
internal import Synchronization

/// What scripts wrote and what was written about them.
final class SpecLog: Sendable {
    struct Line: Sendable {
        var level: ScriptLog.Level
        var text: String
    }

    private let kept = Mutex<[Line]>([])

    var lines: [Line] { kept.withLock { $0 } }

    func add(_ level: ScriptLog.Level, _ text: String) {
        kept.withLock { $0.append(Line(level: level, text: text)) }
    }

    var log: ScriptLog {
        ScriptLog(minimumLevel: .debug) { level, text, _ in
            self.add(level, String(decoding: text, as: UTF8.self))
        }
    }
}

/// Simulated milliseconds, which scripts read too.
final class SpecClock: Sendable {
    private let milliseconds = Atomic<UInt64>(1_000_000)

    var now: UInt64 {
        get { milliseconds.load(ordering: .relaxed) }
        set { milliseconds.store(newValue, ordering: .relaxed) }
    }
}
