import ProxyCore
import Scripting
import StatePolicy
import Testing

@Suite struct SIPHookTests {
    @Test(
        "properties of a reply",
        arguments: [
            ("reply.code", "486"), ("reply.reason", "Reason 486"), ("reply.method", "INVITE"),
            ("reply.call_id", "call-1@192.0.2.100"), ("reply.cseq", "7"), ("reply.cseq_method", "INVITE"),
            ("reply.from.tag", "caller"), ("reply.to.tag", "callee"), ("reply.to.uri.user", "bob"),
            ("reply.contact.uri.host", "192.0.2.200"), ("reply.headers:get('Retry-After')", "30"),
            ("reply.body", "busy"), ("reply.source_ip", "192.0.2.200"), ("reply.source_port", "5060"),
            ("reply.is_stateful", "true"),
        ])
    func replyProperty(expression: String, expected: String) throws {
        let harness = try SIPHarness(
            "function on_request(req) return req:relay() end function on_reply(reply) log.info(\(expression)) end")
        let invite = harness.receive()[1]
        harness.receive(
            invite.response(486, ["Contact: <sip:bob@192.0.2.200>", "Retry-After: 30"], body: "busy"),
            from: SIPPlace.callee)
        #expect(harness.log.texts == [expected])
        #expect(harness.log.lines.map(\.callID) == ["call-1@192.0.2.100"])
    }

    @Test("on_reply edits the reply, with state and without", arguments: [PolicyName.stateful, .stateless])
    func replyEdit(policy: PolicyName) throws {
        let harness = try SIPHarness(
            """
            function on_request(req) return req:relay() end
            function on_reply(reply)
              reply.headers:set("X-Seen", tostring(reply.is_stateful))
              reply.headers:remove("Server")
              if reply.code == 200 then reply.body = reply.body .. "!" end
            end
            """, policy: policy)
        let invite = harness.receive().last!
        for code in [180, 200] {
            let sent = harness.receive(invite.response(code, ["Server: x"], body: "sdp"), from: SIPPlace.callee)
            #expect(sent.map(\.code) == [code])
            #expect(sent[0]["X-Seen"] == [policy == .stateful ? "true" : "false"])
            #expect(sent[0]["Server"] == [])
            #expect(sent[0].body == (code == 200 ? "sdp!" : "sdp"))
            #expect(sent[0]["Content-Length"] == [code == 200 ? "4" : "3"])
            #expect(sent[0]["Via"].count == 1)
        }
    }

    @Test("a provisional reply can be dropped, a final one not")
    func replyDrop() throws {
        let harness = try SIPHarness(
            "function on_request(req) return req:relay() end function on_reply(reply) reply:drop() end")
        let invite = harness.receive()[1]
        #expect(harness.receive(invite.response(183), from: SIPPlace.callee).isEmpty)
        #expect(harness.receive(invite.response(200), from: SIPPlace.callee).map(\.code) == [200])
        #expect(harness.log.errors[0].contains("reply:drop: a final reply (200) cannot be dropped"))
    }

    @Test("a failed on_reply lets the reply go on unedited", arguments: [PolicyName.stateful, .stateless])
    func replyFailure(policy: PolicyName) throws {
        let harness = try SIPHarness(
            """
            function on_request(req) return req:relay() end
            function on_reply(reply)
              reply.headers:set("X-A", "1") reply.headers:set("X-A", "2") reply.headers:set("X-A", "3")
              reply.body = "changed" local seen = reply.body
              if reply.code < 200 then reply:drop() end
              error("oops")
            end
            """, policy: policy)
        let invite = harness.receive().last!
        for code in [180, 200] {
            let sent = harness.receive(invite.response(code, ["X-B: b"], body: "sdp"), from: SIPPlace.callee)
            #expect(sent.map(\.code) == [code])
            #expect(sent[0]["X-A"] == [])
            #expect(sent[0]["X-B"] == ["b"])
            #expect(sent[0].body == "sdp")
        }
        #expect(harness.count(.scriptFailures) == 2)
    }

    @Test("on_branch edits one branch alone and sees its Request-URI", arguments: ["global", "named"])
    func branchEdit(form: String) throws {
        let hook =
            "log.info(req.uri) req.headers:set('X-Branch', req.uri.user) if req.uri.user == 'b' then req.uri.user = 'bb' end"
        let harness = try SIPHarness(
            form == "global"
                ? "function on_request(req) req.headers:set('X-All', '1') return req:fork { 'sip:a@192.0.2.200', 'sip:b@192.0.2.201', 'sip:c@192.0.2.202' } end function on_branch(req) \(hook) end"
                : "function on_request(req) req.headers:set('X-All', '1') return req:relay { targets = { 'sip:a@192.0.2.200', 'sip:b@192.0.2.201', 'sip:c@192.0.2.202' }, on_branch = function(req) \(hook) end } end function on_branch(req) log.info('not this one') end"
        )
        let sent = harness.receive().filter(\.isRequest)
        #expect(sent.map(\.uri) == ["sip:a@192.0.2.200", "sip:bb@192.0.2.201", "sip:c@192.0.2.202"])
        #expect(sent.map { $0["X-Branch"] } == [["a"], ["b"], ["c"]])
        #expect(sent.map { $0["X-All"] } == [["1"], ["1"], ["1"]])
        #expect(harness.log.texts == ["sip:a@192.0.2.200", "sip:b@192.0.2.201", "sip:c@192.0.2.202"])
    }

    @Test("a failed on_branch leaves its branch unedited", arguments: [PolicyName.stateful, .stateless])
    func branchFailure(policy: PolicyName) throws {
        let harness = try SIPHarness(
            """
            function on_request(req) req.headers:set("X-All", "1") req.uri.user = "carol" return req:relay() end
            function on_branch(req)
              req.headers:set("X-A", "1") req.headers:set("X-A", "2") req.headers:set("X-A", "3")
              req.uri = "sip:dave@192.0.2.201"
              error("oops")
            end
            """, policy: policy)
        let sent = harness.receive().filter(\.isRequest)
        #expect(sent.map(\.uri) == ["sip:carol@192.0.2.200"])
        #expect(sent[0]["X-A"] == [])
        #expect(sent[0]["X-All"] == ["1"])
        #expect(sent[0].destination == SIPPlace.callee)
        #expect(harness.count(.scriptFailures) == 1)
    }

    @Test("a branch of a stateless request is edited as well, and its destination follows")
    func statelessBranch() throws {
        let harness = try SIPHarness(
            "function on_request(req) return req:forward() end function on_branch(req) req.headers:set('X-A', '1') req.uri.host = '192.0.2.201' end"
        )
        let sent = harness.receive()
        #expect(sent.map(\.uri) == ["sip:bob@192.0.2.201"])
        #expect(sent[0].destination == SIPPlace.other)
        #expect(sent[0]["X-A"] == ["1"])
    }

    @Test("on_failure tries one target after another and then answers")
    func serialForking() throws {
        let harness = try SIPHarness(
            """
            local targets = { "sip:bob@192.0.2.200", "sip:bob@192.0.2.201" }
            local function try(n)
              return function(req, code)
                log.info("failure", n, code, req.failure_code, req.uri)
                if n > #targets then return req:reply(480, "Nobody There") end
                req.headers:set("X-Try", n)
                return req:relay { targets = { targets[n] }, on_failure = try(n + 1) }
              end
            end
            function on_request(req)
              return req:relay { targets = { targets[1] }, on_failure = try(2) }
            end
            """)
        let first = harness.receive().last!
        let second = harness.receive(first.response(486), from: SIPPlace.callee).filter { $0.method == "INVITE" }
        #expect(second.map(\.destination) == [SIPPlace.other])
        #expect(second[0]["X-Try"] == ["2"])
        let final = harness.receive(second[0].response(404), from: SIPPlace.other).filter { !$0.isRequest }
        #expect(final.map(\.startLine) == ["SIP/2.0 480 Nobody There"])
        #expect(
            harness.log.texts.filter { $0.hasPrefix("failure") } == [
                "failure 2 486 486 sip:bob@192.0.2.200", "failure 3 404 404 sip:bob@192.0.2.200",
            ])
        #expect(harness.log.errors == [])
        harness.pass(milliseconds: 600_000)
        #expect(harness.isEmpty)
    }

    @Test("the hook on_failure serves requests that name no handler")
    func globalFailureHook() throws {
        let harness = try SIPHarness(
            """
            function on_request(req) return req:relay() end
            function on_failure(req, code) if code == 486 then return req:relay { to = "192.0.2.201" } end end
            """)
        let first = harness.receive().last!
        let second = harness.receive(first.response(486), from: SIPPlace.callee).filter { $0.method == "INVITE" }
        #expect(second.map(\.destination) == [SIPPlace.other])
        // What it does not handle goes up as it is.
        let final = harness.receive(second[0].response(404), from: SIPPlace.other).filter { !$0.isRequest }
        #expect(final.count == 1)
        #expect(harness.log.errors == [])
    }

    @Test(
        "a failed on_failure lets the best response go up",
        arguments: [
            "error('oops')", "req:relay { to = '192.0.2.201' } error('oops')", "req:reply(200)",
            "req:relay { state = 'stateless' }",
        ])
    func failureFailure(statements: String) throws {
        let harness = try SIPHarness(
            """
            function on_request(req)
              return req:relay { on_failure = function(req) req.headers:set("X-A", "1") \(statements) end }
            end
            """)
        let first = harness.receive().last!
        let sent = harness.receive(first.response(486), from: SIPPlace.callee).filter { $0.method != "ACK" }
        #expect(sent.map(\.code) == [486])
        #expect(sent[0]["X-A"] == [])
        #expect(harness.log.errors.count == 1)
        #expect(harness.count(.scriptFailures) == 1)
        harness.pass(milliseconds: 600_000)
        #expect(harness.isEmpty)
    }

    @Test("handlers of a request that is answered or fails are given back")
    func handlersReleased() throws {
        for ending in ["", "error('x')"] {
            let harness = try SIPHarness(
                "function on_request(req) local s = ('x'):rep(1000) req:relay { to = '192.0.2.200', on_failure = function() return s end, on_reply = function() return s end, on_branch = function() return s end } \(ending) end"
            )
            harness.sink.onlyCounts = true
            func run(_ count: Int) {
                for index in 0..<count {
                    harness.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-\(index)", callID: "\(index)"))
                    if index % 200 == 199 { harness.pass(milliseconds: 600_000) }
                }
            }
            run(2_000)
            let before = harness.routing.memoryUsedBytes
            run(10_000)
            #expect(harness.routing.memoryUsedBytes < before + 300_000)
        }
    }

    @Test(
        "choose_state_mode decides for requests that leave it open",
        arguments: [
            ("return 'stateless'", PolicyName.stateful, false), ("return 'stateful'", .stateless, true),
            ("return servartuka.choose(req, view)", .stateless, false),
            ("return servartuka.choose(req, view)", .stateful, true),
            ("return view.policy", .stateless, false), ("return view.policy", .stateful, true),
            ("if req.method == 'INVITE' then return 'stateful' end return 'stateless'", .stateless, true),
            ("return req.headers:get('X-A')", .stateful, false),
        ])
    func stateMode(body: String, policy: PolicyName, isHeld: Bool) throws {
        let harness = try SIPHarness(
            """
            function on_request(req) req.headers:set("X-A", "stateless") return req:relay() end
            function choose_state_mode(req, view) \(body) end
            """, policy: policy)
        let sent = harness.receive().filter(\.isRequest)
        #expect(sent.map { $0["X-A"] } == [["stateless"]])
        #expect(harness.count(.requestsForwardedStateful) == (isHeld ? 1 : 0))
        #expect(harness.log.errors == [])
    }

    @Test(
        "a choose_state_mode that fails leaves it to the policy",
        arguments: [
            ("error('oops')", "oops"), ("return 'maybe'", "something else than \"stateful\" or \"stateless\""),
            ("return nil", "something else"), ("return 5", "something else"),
            ("servartuka.choose(req, view) return {}", "something else"),
            ("req.uri = 'sip:x@y'", "req.uri cannot be set in choose_state_mode"),
            ("req:relay()", "req:relay cannot be used in choose_state_mode"),
        ])
    func stateModeFailure(body: String, expected: String) throws {
        for policy in [PolicyName.stateful, .stateless] {
            let harness = try SIPHarness(
                "function on_request(req) return req:relay() end function choose_state_mode(req, view) \(body) end",
                policy: policy)
            #expect(harness.receive().filter(\.isRequest).count == 1)
            #expect(harness.count(.requestsForwardedStateful) == (policy == .stateful ? 1 : 0))
            #expect(harness.log.errors.count == 1)
            #expect(harness.log.errors[0].contains(expected), "\(harness.log.errors)")
        }
    }

    @Test(
        "what a phase does not allow says where it is allowed",
        arguments: [
            ("on_reply(reply)", "reply.code = 5", "reply.code: is read-only"),
            ("on_reply(reply)", "reply.uri = 5", "reply.uri"),
            ("on_reply(reply)", "local x = reply.to.uri.is_local", "uri.is_local cannot be read in on_reply"),
            (
                "on_branch(req)", "req:relay()",
                "req:relay cannot be used in on_branch (allowed in: on_request, on_failure)"
            ),
            ("on_branch(req)", "req:drop()", "req:drop cannot be used in on_branch"),
            ("on_branch(req)", "req:record_route()", "req:record_route cannot be used in on_branch"),
            ("on_branch(req)", "local x = req.failure_code", "req.failure_code cannot be read in on_branch"),
        ])
    func phases(hook: String, statement: String, expected: String) throws {
        let harness = try SIPHarness(
            "function on_request(req) return req:relay() end function \(hook) \(statement) end")
        let invite = harness.receive().last!
        harness.receive(invite.response(180), from: SIPPlace.callee)
        #expect(harness.log.errors.count == 1)
        #expect(harness.log.errors.first?.contains(expected) == true, "\(harness.log.errors)")
    }

    @Test("an object kept beyond its handler says so")
    func staleObject() throws {
        let harness = try SIPHarness(
            "function on_request(req) if kept then log.info(kept.method) end kept = req return req:drop() end")
        harness.receive()
        harness.receive(SIPText(branch: "z9hG4bK-caller-2"))
        #expect(harness.log.errors.first?.contains("request is no longer valid: on_request has ended") == true)
    }

    @Test("targets in order: by q, and by failover with a time limit for the first answer")
    func targetOrder() throws {
        let byPreference = try SIPHarness(
            """
            function on_request(req)
              return req:relay { order = "q", targets = {
                { uri = "sip:bob@192.0.2.200", q = 1 }, { uri = "sip:bob@192.0.2.201", q = 0.5 } } }
            end
            """)
        let first = byPreference.receive().filter(\.isRequest)
        #expect(first.map(\.destination) == [SIPPlace.callee])
        let second = byPreference.receive(first[0].response(480), from: SIPPlace.callee).filter {
            $0.method == "INVITE"
        }
        #expect(second.map(\.destination) == [SIPPlace.other])

        let failover = try SIPHarness(
            """
            function on_request(req)
              return req:relay { order = "failover", answer_timeout = 1000,
                targets = { "sip:bob@192.0.2.200", "sip:bob@192.0.2.201" } }
            end
            """)
        #expect(failover.receive().filter(\.isRequest).map(\.destination) == [SIPPlace.callee])
        #expect(failover.pass(milliseconds: 1_100).last?.destination == SIPPlace.other)
    }

    @Test(
        "a q that is none, a time limit without state and an unknown order are refused with words",
        arguments: [
            ("{ targets = { { uri = 'sip:bob@192.0.2.200', q = 2 } } }", "q is a number from 0 to 1"),
            ("{ targets = { { uri = 'sip:bob@192.0.2.200', q = 'x' } } }", "q is a number from 0 to 1"),
            ("{ state = 'stateless', answer_timeout = 1000 }", "answer_timeout needs state"),
            ("{ order = 'random' }", "order"), ("{ answer_timeout = 1 }", "answer_timeout"),
        ])
    func badOrder(options: String, words: String) throws {
        #expect(try SIPHarness.failure("req:relay \(options)").contains(words))
    }
}
