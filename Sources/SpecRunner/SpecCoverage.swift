internal import Scripting
internal import Synchronization

/// Which lines of routing scripts ran, over all specs of a run.
final class SpecCoverage: Sendable {
    private let records = Mutex<[String: LineRecord]>([:])

    var recorder: @Sendable (ScriptSource) -> LineRecord? {
        { source in
            self.records.withLock { records in
                if let known = records[source.path] { return known }
                let record = LineRecord(source)
                records[source.path] = record
                return record
            }
        }
    }

    var scripts: [SpecScriptCoverage] {
        records.withLock { $0 }.values.map {
            SpecScriptCoverage(path: $0.path, executable: $0.executable.count, missed: $0.missed)
        }.sorted { $0.path < $1.path }
    }
}

/// How much of a routing script specs have run.
public struct SpecScriptCoverage: Sendable, Equatable {
    public var path: String
    /// Lines that hold code.
    public var executable: Int
    /// Those that never ran, in order.
    public var missed: [Int]

    public var percent: Double {
        executable == 0 ? 100 : 100 * Double(executable - missed.count) / Double(executable)
    }

    /// "3, 7-9".
    public var missedText: String {
        var ranges: [ClosedRange<Int>] = []
        for line in missed {
            if let last = ranges.last, last.upperBound == line - 1 {
                ranges[ranges.count - 1] = last.lowerBound...line
            } else {
                ranges.append(line...line)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }
}
