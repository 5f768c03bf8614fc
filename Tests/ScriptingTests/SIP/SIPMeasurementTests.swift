import Foundation
import ProxyCore
import Reactor
import SIPTransaction
import Scripting
import StatePolicy
import Testing

/// Prints what scripts cost on top of the core; nothing is asserted about time. Run with SCRIPTING_MEASURE=1 in a
/// release build.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["SCRIPTING_MEASURE"] != nil))
struct SIPMeasurementTests {
    /// Best of many short rounds, nanoseconds a received request.
    private func nanoseconds(_ harness: SIPHarness, _ text: String, rounds: Int = 600, count: Int = 500) -> Double {
        harness.sink.onlyCounts = true
        var bytes = Array(text.utf8)
        var best = Double.infinity
        for _ in 0..<rounds {
            let elapsed = ContinuousClock().measure {
                for _ in 0..<count {
                    bytes.withUnsafeMutableBytes {
                        harness.proxy.received($0, from: SIPPlace.caller, listener: 0, now: harness.now)
                    }
                }
            }
            let (seconds, attoseconds) = elapsed.components
            best = min(best, (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(count))
        }
        return best
    }

    private func perRequest(_ body: String, _ prelude: String = "") throws -> Double {
        let harness = try SIPHarness("\(prelude) function on_request(req) \(body) end", policy: .stateless)
        let value = nanoseconds(
            harness, SIPText(extra: ["Contact: <sip:alice@192.0.2.100>", "User-Agent: Example/1.0"]).text)
        #expect(harness.sink.sentCount == 300_000 || body.contains("drop"))
        #expect(harness.log.errors == [])
        return value
    }

    @Test("table of costs of routing by a script")
    func table() throws {
        func row(_ name: String, _ value: Double) {
            print("MEASURE \(name.padding(toLength: 70, withPad: " ", startingAt: 0)) \(Int(value.rounded())) ns")
        }
        if let body = ProcessInfo.processInfo.environment["SCRIPTING_PROFILE"] {
            return row(body, try perRequest(body))
        }
        let native = SIPNative()
        row("native: parse, checks, stateless relay", native.nanoseconds())
        row("drop", try perRequest("return req:drop()"))
        row("relay()", try perRequest("return req:relay()"))
        row("relay { to = … }", try perRequest("return req:relay { to = '192.0.2.200:5060' }"))
        row(
            "relay(out), the table made once",
            try perRequest("return req:relay(Out)", "Out = { to = '192.0.2.200:5060' }"))
        row(
            "method, uri.host, relay { to = …, state = 'stateless' }",
            try perRequest(
                "if req.method == 'INVITE' and req.uri.host then return req:relay { to = '192.0.2.200:5060', state = 'stateless' } end"
            ))
        row(
            "method, headers:get, headers:set, relay { to = … }",
            try perRequest(
                "if req.method == 'INVITE' and req.headers:get('User-Agent') then req.headers:set('X-Route', 'a') end return req:relay { to = '192.0.2.200:5060' }"
            ))
        row("uri.host = …, relay", try perRequest("req.uri.host = '192.0.2.200' return req:relay()"))
        row(
            "two sets of one header (applies edits), relay",
            try perRequest(
                "req.headers:set('X-A', '1') req.headers:set('X-A', '2') return req:relay { to = '192.0.2.200' }"))
        row("error('x')", try perRequestFailing("error('x')"))
    }

    private func perRequestFailing(_ body: String) throws -> Double {
        let harness = try SIPHarness("function on_request(req) \(body) end", policy: .stateless)
        return nanoseconds(harness, SIPText().text)
    }
}

/// The same without a script.
private final class SIPNative {
    private let sink = SIPSink()
    private let counters = CounterBlock(count: ProxyCounter.allCases.count)
    private let proxy: Proxy

    init() {
        var settings = ProxySettings(listeners: [
            ProxySettings.Listener(address: SIPPlace.proxy, advertisedHost: "192.0.2.1", advertisedPort: 5_060)
        ])
        settings.policy = .stateless
        settings.limits.transactionsMax = 1_000
        sink.onlyCounts = true
        proxy = Proxy(
            settings: settings, workerIndex: 0, logic: NativeRouting(nextHop: SIPPlace.callee), sink: sink,
            counters: counters, peers: nil, now: 1_000)
    }

    deinit { counters.deallocate() }

    func nanoseconds() -> Double {
        var bytes = Array(SIPText(extra: ["Contact: <sip:alice@192.0.2.100>", "User-Agent: Example/1.0"]).text.utf8)
        var best = Double.infinity
        for _ in 0..<600 {
            let elapsed = ContinuousClock().measure {
                for _ in 0..<500 {
                    bytes.withUnsafeMutableBytes { proxy.received($0, from: SIPPlace.caller, listener: 0, now: 1_000) }
                }
            }
            let (seconds, attoseconds) = elapsed.components
            best = min(best, (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / 500)
        }
        return best
    }
}
