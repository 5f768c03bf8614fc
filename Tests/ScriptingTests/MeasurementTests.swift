import Foundation
import Scripting
import Testing

/// Prints what the boundary costs; nothing is asserted about time. Run with SCRIPTING_MEASURE=1 in a release build.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["SCRIPTING_MEASURE"] != nil))
struct MeasurementTests {
    /// Best of fifteen rounds, in nanoseconds a run.
    private func nanoseconds(_ count: Int, _ body: () -> Void) -> Double {
        var best = Double.infinity
        let clock = ContinuousClock()
        for _ in 0..<15 {
            let elapsed = clock.measure { for _ in 0..<count { body() } }
            let (seconds, attoseconds) = elapsed.components
            best = min(best, (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(count))
        }
        return best
    }

    private func perRun(_ body: String, _ count: Int = 200_000) throws -> Double {
        let harness = try Harness("function on_request(req) \(body) end")
        #expect(harness.request() == .finished)
        return nanoseconds(count) { _ = harness.request() }
    }

    /// The cost of a statement inside a loop of a thousand, the loop subtracted.
    private func perStatement(_ statement: String) throws -> Double {
        let with = try perRun("for i = 1, 1000 do \(statement) end", 300)
        let without = try perRun("for i = 1, 1000 do end", 300)
        return (with - without) / 1000
    }

    @Test("table of costs")
    func table() throws {
        func row(_ name: String, _ value: Double) {
            print("MEASURE \(name.padding(toLength: 58, withPad: " ", startingAt: 0)) \(Int(value.rounded())) ns")
        }
        if let body = ProcessInfo.processInfo.environment["SCRIPTING_PROFILE"] {
            row(body, try perRun(body, 3_000_000))
            return
        }
        row("empty handler, one object", try perRun(""))
        row(
            "handler with three calls (property, set, method)",
            try perRun("if req.method == 'INVITE' then req.max_forwards = 70 end req:note(200, 'OK')"))
        row("property read, literal bytes", try perStatement("local m = req.method"))
        row("property read, integer", try perStatement("local m = req.handle"))
        row("read of a part's property (req.uri.host)", try perStatement("local m = req.uri.host"))
        row("property write, integer", try perStatement("req.max_forwards = 70"))
        row("method call, integer and string", try perStatement("req:note(404, 'Not Here')"))
        row("method call with a table of options", try perStatement("req:relay { state = 'auto' }"))
        row("empty Lua statement under the hook (x = i)", try perStatement("local x = i"))
        row("pcall of an empty function", try perStatement("pcall(type, 1)"))
        row(
            "string.match, SIP URI",
            try perStatement("local u, h = ('sip:alice@example.com'):match('^sip:([^@]+)@(.+)$')"))
        row("string.find, plain", try perStatement("local a = ('sip:alice@example.com'):find('@', 1, true)"))
        var limits = ScriptLimits()
        limits.handlerInstructionsMax = 1 << 60
        let waiting = try Harness("function on_request(req) while true do sleep(1) end end", limits: limits)
        guard case .waiting(let run) = waiting.request() else { return }
        row("resume of a waiting handler that waits again", nanoseconds(100_000) { _ = waiting.vm.resume(run) })
        #expect(waiting.vm.runsActive == 1)
        let failing = try Harness("function on_request(req) error('x') end")
        row("handler that fails with a traceback", nanoseconds(50_000) { _ = failing.request() })
    }
}
