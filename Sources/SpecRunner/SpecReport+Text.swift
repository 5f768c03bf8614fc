internal import Foundation

extension SpecFileResult {
    /// The line of a file, and under it what went wrong.
    public var lines: [String] {
        var lines = printed
        if problem != nil {
            lines.append("\(path): cannot be run")
        } else {
            let counts = [
                (passed, "passed"), (failed, "failed"), (errors, errors == 1 ? "error" : "errors"),
                (pending, "pending"),
            ].filter { $0.0 > 0 || $0.1 == "passed" }
            lines.append("\(path): " + counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ") + timeText)
        }
        if let problem { lines += Self.lines(of: problem, title: nil) }
        for result in results {
            if let problem = result.problem { lines += Self.lines(of: problem, title: result.title) }
        }
        return lines
    }

    private var timeText: String { " (\(Int((seconds * 1_000).rounded())) ms)" }

    static func lines(of problem: SpecProblem, title: String?) -> [String] {
        var lines = ["  \(problem.place): \(title ?? "")".trimmingSuffix(": ")]
        lines += problem.message.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        func section(_ name: String, _ content: [String]) {
            guard !content.isEmpty else { return }
            lines.append("    \(name):")
            lines += content.flatMap { $0.split(separator: "\n") }.map { "      \($0)" }
        }
        section("called from", problem.traceback)
        section("messages", problem.traffic)
        section("log", problem.log)
        return lines
    }
}

extension SpecReport {
    /// The last lines: coverage, and all files together.
    public var summary: [String] {
        var lines: [String] = []
        for script in coverage ?? [] {
            let percent = String(format: "%.1f", script.percent)
            lines.append(
                "\(script.path): \(percent)% of \(script.executable) lines"
                    + (script.missed.isEmpty ? "" : ", never run: \(script.missedText)"))
        }
        if files.isEmpty {
            lines.append("no spec files (*\(SpecRun.suffix)) found")
            return lines
        }
        if matchesNothing {
            lines.append("no test has that in its title")
            return lines
        }
        let seconds = String(format: "%.2f", seconds)
        lines.append(
            "\(passed) passed, \(failed) failed, \(errors) \(errors == 1 ? "error" : "errors"), \(pending) pending"
                + " in \(files.count) \(files.count == 1 ? "file" : "files"), \(seconds) s")
        return lines
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
