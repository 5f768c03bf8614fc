/// What went wrong, where, and what the proxies had sent by then.
public struct SpecProblem: Sendable, Equatable {
    public var file: String
    /// From 1; 0: unknown.
    public var line: Int
    public var message: String
    /// Calls that led there, innermost first; empty when there is nothing to tell beyond the place.
    public var traceback: [String] = []
    /// Messages to and from the test's proxies, a line each.
    public var traffic: [String] = []
    /// What was written to the log.
    public var log: [String] = []

    public var place: String { line > 0 ? "\(file):\(line)" : file }
}

/// One `it` or `pending`.
public struct SpecResult: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        case passed
        case pending
        /// An expectation did not hold.
        case failed(SpecProblem)
        /// The spec itself is wrong: a Lua error.
        case error(SpecProblem)
    }

    /// With those of the blocks around it.
    public var title: String
    public var line: Int
    public var outcome: Outcome
    public var seconds: Double

    public var problem: SpecProblem? {
        switch outcome {
        case .passed, .pending: nil
        case .failed(let problem), .error(let problem): problem
        }
    }
}

/// One spec file.
public struct SpecFileResult: Sendable, Equatable {
    public var path: String
    public var results: [SpecResult] = []
    /// Why the file could not be read to its end; none of its tests ran then.
    public var problem: SpecProblem?
    /// What it printed.
    public var printed: [String] = []
    public var seconds = 0.0

    public var passed: Int { results.count { $0.outcome == .passed } }
    public var pending: Int { results.count { $0.outcome == .pending } }
    public var failed: Int {
        results.count { if case .failed = $0.outcome { true } else { false } }
    }
    /// A file that could not be read counts as one.
    public var errors: Int {
        results.count { if case .error = $0.outcome { true } else { false } } + (problem == nil ? 0 : 1)
    }
}

/// A run over all files.
public struct SpecReport: Sendable, Equatable {
    public var files: [SpecFileResult] = []
    /// Of each routing script, where asked for.
    public var coverage: [SpecScriptCoverage]?
    /// Only tests with some text in their titles were wanted.
    public var isFiltered = false
    /// Everything that was read.
    public var read: Set<String> = []

    public var passed: Int { files.reduce(0) { $0 + $1.passed } }
    public var pending: Int { files.reduce(0) { $0 + $1.pending } }
    public var failed: Int { files.reduce(0) { $0 + $1.failed } }
    public var errors: Int { files.reduce(0) { $0 + $1.errors } }
    public var seconds: Double { files.reduce(0) { $0 + $1.seconds } }

    /// The filter has left no test over.
    var matchesNothing: Bool { isFiltered && files.allSatisfy { $0.results.isEmpty && $0.problem == nil } }

    /// 0: all passed; 1: an expectation did not hold; 2: a spec is wrong in itself, or there are none to run.
    public var exitCode: Int32 {
        if errors > 0 || files.isEmpty || matchesNothing { return 2 }
        return failed > 0 ? 1 : 0
    }
}
