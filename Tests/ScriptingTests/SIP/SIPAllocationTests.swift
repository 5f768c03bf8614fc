import CAllocationCounter
import ProxyCore
import StatePolicy
import Testing

@Suite(.serialized) struct SIPAllocationTests {
    #if DEBUG
        static let isOptimised = false
    #else
        static let isOptimised = true
    #endif

    @Test(
        "a script that reads, sets a header and relays allocates nothing in steady state",
        .enabled(if: isOptimised, "debug builds allocate where optimised ones do not: run with -c release"))
    func steadyState() throws {
        let harness = try SIPHarness(
            """
            local out = { to = "192.0.2.200:5060" }
            function on_request(req)
              if req.method == "INVITE" and req.uri.user == "bob" and not req:has_to_tag() then
                req.headers:set("X-Route", "a")
                req.headers:remove("X-Internal")
              end
              if req.headers:get("User-Agent") == "Example/1.0" then return req:relay(out) end
            end
            """, policy: .stateless)
        harness.sink.onlyCounts = true
        var bytes = Array(SIPText(extra: ["User-Agent: Example/1.0", "X-Internal: 1"]).text.utf8)
        func relay(_ count: Int) {
            bytes.withUnsafeMutableBytes {
                for _ in 0..<count { harness.proxy.received($0, from: SIPPlace.caller, listener: 0, now: harness.now) }
            }
        }
        relay(1_000)
        ca_start()
        relay(10_000)
        let allocations = ca_stop()
        #expect(allocations == 0)
        #expect(harness.sink.sentCount == 11_000)
        #expect(harness.log.errors == [])
    }
}
