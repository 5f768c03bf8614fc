internal import Foundation
internal import Scripting

/// Reads a spec file and runs its tests, one after the other, in a VM of their own.
struct SpecFile {
    /// A test that does more is stopped.
    private static func limits(_ surroundings: SpecSurroundings) -> ScriptLimits {
        var limits = ScriptLimits()
        limits.handlerInstructionsMax = .max
        limits.handlerMilliseconds = surroundings.testMillisecondsMax
        limits.handlerBytesMax = 256 << 20
        limits.vmBytesMax = 512 << 20
        limits.stringBytesMax = 16 << 20
        return limits
    }

    private static let suitePath = "spec/suite"

    private let host: SpecHost
    private let printed = Printed()
    /// Problems show at most so many messages and lines of the log, the last ones.
    private static let linesMax = 40

    private final class Printed {
        var lines: [String] = []
    }

    init(_ path: String, _ surroundings: SpecSurroundings) {
        host = SpecHost(path: path, surroundings: surroundings)
    }

    /// - Parameter filter: only tests whose title contains it; nil: all.
    func run(filter: String?) -> SpecFileResult {
        let clock = ContinuousClock()
        let began = clock.now
        var result = SpecFileResult(path: host.path)
        do throws(ScriptError) {
            let vm = try makeVM()
            if vm.run(.onStart) != .finished { throw vm.lastError }
            for (index, test) in host.tests.enumerated() where filter.map(test.title.contains) ?? true {
                let start = clock.now
                let outcome = test.isPending ? .pending : run(index + 1, vm)
                result.results.append(
                    SpecResult(
                        title: test.title, line: test.line, outcome: outcome, seconds: (clock.now - start).seconds))
            }
        } catch {
            result.problem = problem(error)
        }
        result.printed = printed.lines
        result.seconds = (clock.now - began).seconds
        return result
    }

    private func makeVM() throws(ScriptError) -> ScriptVM {
        var events = ScriptEvents()
        let printed = printed
        events.printed = { printed.lines.append(String(decoding: $0, as: UTF8.self)) }
        let vm = try ScriptVM(
            bindings: SpecBindings.table, limits: Self.limits(host.surroundings),
            host: Unmanaged.passUnretained(host).toOpaque(),
            events: events)
        try vm.setGlobal("spec_modules", SpecLibrary.imports)
        try vm.load(SpecLibrary.suite, path: Self.suitePath)
        return vm
    }

    private func run(_ number: Int, _ vm: ScriptVM) -> SpecResult.Outcome {
        host.begin()
        let outcome = outcome(of: vm.run(.onRequest, .integer(Int64(number))), vm)
        // What comes after a test runs whatever became of it; its own failure counts when the test had none.
        host.failedText = nil
        let after = self.outcome(of: vm.run(.onReply, .integer(Int64(number))), vm)
        return outcome == .passed ? after : outcome
    }

    private func outcome(of status: RunStatus, _ vm: ScriptVM) -> SpecResult.Outcome {
        if status == .finished { return .passed }
        let error = vm.lastError
        // A long message arrives without its end.
        if let text = host.failedText, error.killed == nil, !error.message.isEmpty, text.hasPrefix(error.message) {
            return .failed(problem(error))
        }
        return .error(problem(error))
    }

    private func problem(_ error: ScriptError) -> SpecProblem {
        var problem = SpecProblem(file: fullPath(error.file), line: error.line, message: error.message)
        let calls = error.traceback.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        problem.traceback = calls.filter { call in
            !call.hasPrefix("[C]") && !call.hasPrefix("(") && !Self.isLibrary(call)
        }
        if Self.isLibrary(problem.file + ":") {
            // The spec's own line, or the file as a whole.
            (problem.file, problem.line) = (host.path, 0)
            let parts = problem.traceback.first?.split(separator: ":") ?? []
            if parts.count > 1, let line = Int(parts[1]) {
                (problem.file, problem.line) = (fullPath(String(parts[0])), line)
            }
        }
        if problem.traceback.count < 2 { problem.traceback = [] }
        for proxy in host.liveProxies {
            problem.traffic += proxy.sink.traffic.map { message in
                message.isSent
                    ? "-> \(message.peer.place)  \(message.startLine)"
                    : "<- \(message.peer.place)  \(message.startLine)"
            }
            problem.log += proxy.log.lines.map { "\($0.level): \($0.text)" }
        }
        problem.traffic = Self.last(problem.traffic)
        problem.log = Self.last(problem.log)
        return problem
    }

    private static func last(_ lines: [String]) -> [String] {
        guard lines.count > linesMax else { return lines }
        return ["(\(lines.count - linesMax) more before)"] + lines.suffix(linesMax)
    }

    /// Whether a place is within the Lua side of this module.
    private static func isLibrary(_ place: String) -> Bool {
        SpecLibrary.modules.keys.contains { place.hasPrefix("spec/\($0):") }
    }

    /// Lua shortens long paths at the front.
    private func fullPath(_ short: String) -> String {
        if short.isEmpty { return host.path }
        guard short.hasPrefix("...") else { return short }
        let end = short.dropFirst(3)
        return host.surroundings.files.sorted().first { $0.hasSuffix(end) } ?? short
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
