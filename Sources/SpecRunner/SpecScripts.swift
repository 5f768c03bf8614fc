internal import Scripting
internal import Synchronization

/// The routing scripts of a run with their modules, and which of their lines ran over all specs.
final class SpecScripts: Sendable {
    private struct State {
        var paths: Set<String> = []
        var records: [String: LineRecord] = [:]
    }

    private let measures: Bool
    private let state = Mutex(State())

    /// - Parameter measures: whether lines are counted.
    init(measures: Bool) {
        self.measures = measures
    }

    /// Notes a script that is about to be loaded; what is to record its lines.
    func lines(of source: ScriptSource) -> [LineRecord] {
        state.withLock { state in
            let texts = [(source.path, source.text)] + source.modules.map { ($0.path, $0.text) }
            state.paths.formUnion(texts.map(\.0))
            guard measures else { return [] }
            return texts.map { path, text in
                if let known = state.records[path] { return known }
                let record = LineRecord(path: path, text: text)
                state.records[path] = record
                return record
            }
        }
    }

    var paths: Set<String> { state.withLock { $0.paths } }

    /// Nil when lines are not counted.
    var coverage: [SpecScriptCoverage]? {
        guard measures else { return nil }
        return state.withLock { $0.records }.values.map {
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
