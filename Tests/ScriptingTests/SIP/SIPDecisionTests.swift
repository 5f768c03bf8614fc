import ProxyCore
import Reactor
import StatePolicy
import Testing

@Suite struct SIPDecisionTests {
    private func decide(
        _ statements: String, _ request: SIPText = SIPText(), policy: PolicyName = .stateful
    ) throws -> (sent: [SIPSent], harness: SIPHarness) {
        let harness = try SIPHarness("function on_request(req) \(statements) end", policy: policy)
        let sent = harness.receive(request)
        #expect(harness.log.errors == [])
        return (sent, harness)
    }

    @Test("relay follows the Request-URI and holds state as the policy says")
    func relay() throws {
        let (sent, harness) = try decide("return req:relay()")
        #expect(sent.map(\.code) == [100, 0])
        #expect(sent[1].destination == SIPPlace.callee)
        #expect(sent[1]["Max-Forwards"] == ["69"])
        #expect(harness.count(.requestsForwardedStateful) == 1)
        #expect(harness.count(.requestsMustHold) == 0)
        let stateless = try decide("return req:relay()", policy: .stateless)
        #expect(stateless.sent.map(\.code) == [0])
        #expect(stateless.harness.count(.requestsForwardedStateless) == 1)
    }

    @Test("state asked for is state held, whatever the policy says")
    func stateOption() throws {
        let held = try decide("return req:relay { state = 'stateful' }", policy: .stateless)
        #expect(held.harness.count(.requestsForwardedStateful) == 1)
        #expect(held.harness.count(.requestsMustHold) == 1)
        for statement in ["req:relay { state = 'stateless' }", "req:forward()", "req:forward {}"] {
            let free = try decide(statement)
            #expect(free.harness.count(.requestsForwardedStateless) == 1)
        }
    }

    @Test(
        "to is where the datagram goes, and the Request-URI stays",
        arguments: [
            ("192.0.2.201", "192.0.2.201:5060"), ("192.0.2.201:5070", "192.0.2.201:5070"),
            ("sip:192.0.2.201:5071", "192.0.2.201:5071"), ("sip:user@192.0.2.201;transport=udp", "192.0.2.201:5060"),
            ("gateway.example.com", "192.0.2.201:5080"), ("SIP:Gateway.Example.COM:5090", "192.0.2.201:5090"),
        ])
    func nextHop(to: String, expected: String) throws {
        let (sent, harness) = try decide("return req:relay { to = '\(to)' }")
        #expect(sent[1].destination == SocketAddress(expected))
        #expect(sent[1].uri == "sip:bob@192.0.2.200")
        // The next request finds it remembered.
        let again = harness.receive(SIPText(branch: "z9hG4bK-caller-2", callID: "2"))
        #expect(again[1].destination == SocketAddress(expected))
    }

    @Test(
        "a next hop that leads nowhere is an error of the script",
        arguments: [
            "unknown.example.com", "", "sips:192.0.2.1;transport=udp", "sip:", "192.0.2.1:99999", "a b",
            "192.0.2.1;transport=sctp",
            "[2001:db8::1",
        ])
    func badNextHop(to: String) throws {
        let error = try SIPHarness.failure("req:relay { to = '\(to)' }")
        #expect(error.contains("req:relay: to = \"\(to)\" cannot be resolved"), "\(error)")
    }

    @Test("targets fork, each with its Request-URI")
    func fork() throws {
        for statement in [
            "req:relay { targets = { 'sip:a@192.0.2.200', 'sip:b@192.0.2.201' } }",
            "req:fork { 'sip:a@192.0.2.200', 'sip:b@192.0.2.201' }",
            "req:fork({ 'sip:a@192.0.2.200', 'sip:b@192.0.2.201' }, { on_failure = function() end })",
        ] {
            let (sent, harness) = try decide(statement, policy: .stateless)
            #expect(sent.dropFirst().map(\.uri) == ["sip:a@192.0.2.200", "sip:b@192.0.2.201"])
            #expect(sent.dropFirst().map(\.destination) == [SIPPlace.callee, SIPPlace.other])
            #expect(harness.count(.requestsMustHold) == 1)
        }
    }

    @Test("one target is a new Request-URI")
    func oneTarget() throws {
        let (sent, _) = try decide("return req:relay { targets = { 'sip:a@192.0.2.201' } }", policy: .stateless)
        #expect(sent.map(\.uri) == ["sip:a@192.0.2.201"])
        #expect(sent[0].destination == SIPPlace.other)
    }

    @Test("reply answers with reason and headers")
    func reply() throws {
        let (sent, harness) = try decide(
            "return req:reply(486, 'Busy Somewhere', { headers = { ['Retry-After'] = 30, Warning = { 'a', 'b' } } })")
        #expect(sent.map(\.startLine) == ["SIP/2.0 486 Busy Somewhere"])
        #expect(sent[0]["Retry-After"] == ["30"])
        #expect(sent[0]["Warning"] == ["a", "b"])
        #expect(harness.isEmpty)
        #expect(try decide("req:reply(404)").sent[0].startLine == "SIP/2.0 404 Not Found")
        #expect(try decide("req:reply(200, { headers = { Allow = 'INVITE' } })").sent[0]["Allow"] == ["INVITE"])
    }

    @Test("drop says nothing")
    func drop() throws {
        let (sent, harness) = try decide("req:drop()")
        #expect(sent.isEmpty)
        #expect(harness.count(.requestsDropped) == 1)
    }

    @Test("record_route puts the proxy into the path")
    func recordRoute() throws {
        let (sent, _) = try decide("req:record_route() return req:relay()")
        #expect(sent[1]["Record-Route"] == ["<sip:192.0.2.1:5060;lr>"])
    }

    @Test("an in-dialog request follows its route set")
    func looseRoute() throws {
        var request = SIPText(method: "BYE", uri: "sip:bob@192.0.2.200", extra: ["Route: <sip:192.0.2.1;lr>"])
        request.to += ";tag=callee"
        let statements = "if req:has_to_tag() and req:loose_route() then return req:relay() end req:reply(404)"
        let (sent, _) = try decide(statements, request)
        #expect(sent.map(\.method) == ["BYE"])
        #expect(sent[0]["Route"] == [])
        request.extra = []
        #expect(try decide(statements, request).sent.map(\.code) == [404])
    }

    @Test(
        "a second decision is an error that names the first",
        arguments: [
            ("req:reply(404) req:relay()", "req:relay: already decided to reply 404"),
            ("req:relay() req:reply(404)", "req:reply: already decided to relay"),
            ("req:relay() req:fork { 'sip:a@192.0.2.1' }", "req:fork: already decided to relay"),
            ("req:drop() req:forward()", "req:forward: already decided to drop"),
            ("req:relay() req:drop()", "req:drop: already decided to relay"),
        ])
    func secondDecision(statements: String, expected: String) throws {
        let error = try SIPHarness.failure(statements)
        #expect(error.contains(expected), "\(error)")
    }

    @Test(
        "decisions check what they are given",
        arguments: [
            ("req:reply(180)", "scripts cannot send provisional replies yet: 200…699, got 180"),
            ("req:reply(99)", "argument 1 (code): expected integer 100…699, got 99"),
            ("req:reply('x')", "argument 1 (code): expected integer 100…699, got string"),
            ("req:reply(404, 'a\\r\\nb')", "the reason holds a line end"),
            ("req:reply(404, { headers = { X = 'a\\nb' } })", "the value holds a line end"),
            ("req:reply(404, { headers = { ['a b'] = 'x' } })", "is not a header name"),
            ("req:reply(404, { headers = { X = true } })", "a value is a string, an integer or a list of strings"),
            ("req:reply(404, { headers = { X = ('x'):rep(9000) } })", "the headers are too long (limit 8192 bytes)"),
            ("req:reply(404, { heders = {} })", "no option 'heders'; did you mean 'headers'?"),
            ("req:relay { targets = {} }", "the list of targets is empty"),
            ("req:fork {}", "the list of targets is empty"),
            (
                "req:fork { 'sip:a@192.0.2.1', on_failure = print }",
                "req:fork: a list has the named key 'on_failure'; options are a second table"
            ),
            (
                "req:relay { targets = { 'sip:a@192.0.2.1', to = '192.0.2.2' } }",
                "req:relay: a list has the named key 'to'"
            ),
            ("req:fork { 'sip:a@192.0.2.1', nil, 'sip:c@192.0.2.1' }", "req:fork: item 2 of a list is nil"),
            ("req:fork { 'sip:a@192.0.2.1', [3] = 'sip:c@192.0.2.1' }", "req:fork: a list has a hole before item 3"),
            ("req:fork { 'sip:a@192.0.2.1', [0] = 'sip:c@192.0.2.1' }", "req:fork: a list has the item 0"),
            ("req:fork { 'sip:a@192.0.2.1', [true] = 1 }", "req:fork: a list has a key of type boolean"),
            ("req:relay { targets = { 'nonsense' } }", "\"nonsense\" is not a URI"),
            ("req:relay { targets = { 5 } }", "target 1 is neither a string nor a table with uri"),
            ("local t = {} for i = 1, 17 do t[i] = 'sip:192.0.2.' .. i end req:fork(t)", "17 targets (limit 16)"),
            (
                "req:relay { state = 'maybe' }",
                "option state: expected one of \"auto\", \"stateful\", \"stateless\", got \"maybe\""
            ),
            ("req:relay { state = 'stateless', on_failure = function() end }", "rules it out"),
            ("req:relay { state = 'stateless', targets = { 'sip:a@192.0.2.1', 'sip:b@192.0.2.1' } }", "rules it out"),
            ("req:relay { on_failure = 5 }", "option on_failure: expected function, got"),
            ("req.relay()", "with a colon"),
        ])
    func arguments(statements: String, expected: String) throws {
        let error = try SIPHarness.failure(statements)
        #expect(error.contains(expected), "\(error)")
    }

    @Test("what was decided before a caught error of another decision stands")
    func caughtError() throws {
        let harness = try SIPHarness(
            "function on_request(req) pcall(req.relay, req, { targets = { 'sip:a@192.0.2.200', 'x' } }) return req:relay { to = '192.0.2.201' } end"
        )
        let sent = harness.receive()
        #expect(sent.dropFirst().map(\.uri) == ["sip:bob@192.0.2.200"])
        #expect(sent.dropFirst().map(\.destination) == [SIPPlace.other])
    }

    @Test("no decision is answered with 500 and logged")
    func undecided() throws {
        let harness = try SIPHarness("function on_request(req) end")
        #expect(harness.receive().map(\.code) == [500])
        #expect(
            harness.log.errors == ["on_request: ended without relay, reply or drop; the request is answered with 500"])
        #expect(harness.count(.requestsUndecided) == 1)
    }
}
