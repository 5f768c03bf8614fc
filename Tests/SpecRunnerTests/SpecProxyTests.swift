import SpecRunner
import Testing

@Suite("Proxies in specs")
struct SpecProxyTests {
    private func passes(
        _ statements: String, script: String = SpecFolder.relay, options: String = "",
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let problem = try SpecFolder.problem(statements, script: script, options: options)
        #expect(problem == nil, sourceLocation: location)
    }

    private static let dialogs = """
        function on_request(req)
          if req:has_to_tag() and req:loose_route() then return req:relay() end
          req:record_route()
          return req:relay { state = "stateful" }
        end
        """

    @Test("a call from INVITE to BYE, by either side")
    func dialog() throws {
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.200", body = "v=0" }
            expect(proxy:last_request().body).to_be("v=0")
            proxy:respond(180)
            expect(proxy:last_response().code).to_be(180)
            local back = proxy:respond(200, { body = "v=1" })
            expect(back[1].code).to_be(200)
            expect(back[1].destination).to_be("192.0.2.100:5060")
            local ack = proxy:ack()
            expect(ack[1].method).to_be("ACK")
            expect(ack[1].uri).to_be("sip:callee@192.0.2.200:5060")
            expect(ack[1]:header("Route")).to_be_nil()
            local update = proxy:within_dialog("UPDATE", { by = "callee" })
            expect(update[1].destination).to_be("192.0.2.100:5060")
            expect(update[1]:parameter("From", "tag")).to_be("callee")
            proxy:respond(200)
            local bye = proxy:bye()
            expect(bye[1].method).to_be("BYE")
            expect(bye[1].destination).to_be("192.0.2.200:5060")
            expect(bye[1]:header("CSeq")).to_be("2 BYE")
            expect(proxy:respond(200)[1].code).to_be(200)
            """, script: Self.dialogs)
    }

    @Test("CANCEL, and the ACK to what it leads to")
    func cancel() throws {
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.200" }
            proxy:respond(180)
            local sent = proxy:cancel()
            expect(sent[1].code).to_be(200)
            expect(proxy:last_request().method).to_be("CANCEL")
            proxy:respond(200)
            proxy:respond(487, { request = "INVITE" })
            expect(proxy:last_response().code).to_be(487)
            proxy:ack()
            expect(proxy:metric("servartuka_acks_absorbed_total")).to_be(1)
            """, script: Self.dialogs)
    }

    @Test("retransmissions are absorbed, and time makes them")
    func time() throws {
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.200" }
            proxy:retransmit()
            expect(proxy:metric("retransmissions_absorbed")).to_be(1)
            local again = proxy:advance(0.5)
            expect(#again).to_be(1)
            expect(again[1].method).to_be("INVITE")
            proxy:advance(40)
            expect(proxy:last_response().code).to_be(408)
            """, script: Self.dialogs)
    }

    @Test("names lead where the table says, in its order, and nowhere without it")
    func names() throws {
        try passes(
            """
            proxy:receive { uri = "sip:bob@gw.example.com" }
            expect(proxy:last_request().destination).to_be("192.0.2.10:5060")
            proxy:receive { uri = "sip:bob@other.example.com" }
            expect(proxy:last_response().code).to_be(500)
            """, options: "dns = { ['GW.example.com'] = { '192.0.2.10', '192.0.2.11' }, ['other.example.com'] = false }"
        )
    }

    @Test("a message may be any text, from any source")
    func text() throws {
        try passes(
            """
            proxy:receive("garbage\\r\\n\\r\\n")
            expect(proxy:sent()).to_equal {}
            expect(proxy:metric("malformed_dropped")).to_be(1)
            proxy:receive("OPTIONS sip:192.0.2.200 SIP/2.0\\r\\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\\r\\nf: <sip:a@b>;tag=1"
              .. "\\r\\nt: <sip:b@c>\\r\\ni: 1\\r\\nCSeq: 1 OPTIONS\\r\\n\\r\\n", { from = "192.0.2.7:5060" })
            expect(proxy:last_request():header("From")).to_be("<sip:a@b>;tag=1")
            """)
    }

    @Test("policy and trusted peers decide about state")
    func state() throws {
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.200" }
            expect(proxy:state()).to_be("stateless")
            """, options: "policy = 'stateless'")
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.2", from = "192.0.2.9:5060" }
            expect(proxy:state()).to_be("stateful")
            proxy:receive { method = "OPTIONS", uri = "sip:192.0.2.2", headers = { ["Max-Forwards"] = 0 } }
            expect(proxy:state()).to_be_nil()
            """, options: "policy = 'servartuka', trusted = { '192.0.2.2' }")
    }

    @Test("registrations, passwords, sets and dictionaries are those of the configuration")
    func services() throws {
        let script = """
            function on_request(req)
              if req.method == "REGISTER" then return registrar.save(req) end
              shared.calls:incr(req.from.uri.host, 1)
              log.info("call", shared.calls:get(req.from.uri.host))
              local contacts = registrar.lookup(req.uri)
              if #contacts > 0 then return req:relay { targets = contacts } end
              return req:relay { targets = dispatcher.select("gateways", { limit = 1 }) }
            end
            """
        try passes(
            """
            proxy:receive { method = "REGISTER", uri = "sip:example.org", user = "bob", from = "192.0.2.50:5060" }
            expect(proxy:last_response().code).to_be(200)
            proxy:receive { uri = "sip:bob@example.org" }
            expect(proxy:last_request("INVITE").destination).to_be("192.0.2.50:5060")
            proxy:receive { uri = "sip:5550100@example.org" }
            expect(proxy:last_request("INVITE").destination).to_be("192.0.2.10:5060")
            expect(proxy:log("info")).to_contain("call 2")
            proxy:mark("gateways", "sip:192.0.2.10", "down")
            proxy:receive { uri = "sip:5550100@example.org" }
            expect(proxy:last_request("INVITE").destination).to_be("192.0.2.20:5060")
            """, script: script,
            options: """
                config = { domains = { "example.org" }, shared = { calls = "1MiB" },
                  dispatcher = { gateways = { algorithm = "priority", targets = {
                    { uri = "sip:192.0.2.10", priority = 1 }, { uri = "sip:192.0.2.20", priority = 2 } } } } }
                """)
    }

    @Test("passwords are asked for and given", arguments: ["md5", "sha-256"])
    func authentication(algorithm: String) throws {
        let folder = try SpecFolder([
            "subscribers.csv": "username,domain,password\nalice,example.com,wonderland\n",
            "routing.lua": """
            function on_request(req)
              if req.method ~= "ACK" and not auth.require(req, { realm = "example.com" }) then return end
              return req:relay()
            end
            """,
            "x_spec.lua": """
            local proxy = sip.proxy { script = "routing.lua",
              config = { auth = { subscribers = "subscribers.csv", algorithms = "\(algorithm)" } } }
            it("lets those in who know it", function()
              proxy:receive { uri = "sip:bob@192.0.2.200" }
              expect(proxy:last_response().code).to_be(407)
              proxy:authenticate { user = "alice", password = "wonderland" }
              expect(proxy:last_request().destination).to_be("192.0.2.200:5060")
              expect(proxy:metric("authentications_accepted")).to_be(1)
              expect(proxy:metric("acks_absorbed")).to_be(1)
            end)
            it("lets nobody else in", function()
              proxy:receive { method = "MESSAGE", uri = "sip:bob@192.0.2.200" }
              proxy:authenticate { user = "alice", password = "looking-glass" }
              expect(proxy:last_response().code).to_be(407)
              expect(proxy:last_request()).to_be_nil()
            end)
            """,
        ])
        let report = folder.run()
        #expect(report.exitCode == 0, "\(report.files[0].lines.joined(separator: "\n"))")
    }

    @Test("accounting records are tables of their columns")
    func accounting() throws {
        let script = """
            function on_request(req)
              if req.method == "INVITE" then
                acc.request(req, { missed = true, extra = { customer = "4711" } })
                dialog.track(req, { cdr = true })
              end
              return req:relay()
            end
            """
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.200" }
            proxy:respond(486)
            local row = proxy:records()[1]
            expect(row.table).to_be("missed_calls")
            expect(row.sip_code).to_be(486)
            expect(row.customer).to_be("4711")
            proxy:ack()
            proxy:receive { uri = "sip:carol@192.0.2.200" }
            proxy:respond(200)
            proxy:ack()
            proxy:advance(60)
            proxy:bye()
            proxy:respond(200)
            local call = proxy:records()[3]
            expect(call.table).to_be("cdrs")
            expect(call.duration).to_be(60)
            expect(call.ended_by).to_be("caller")
            expect(call.callee).to_be("sip:carol@192.0.2.200")
            """, script: script, options: "config = { accounting = { log = true, fields = { customer = 'script' } } }")
        try passes(
            "proxy:receive { uri = 'sip:bob@192.0.2.200' } proxy:respond(486) expect(proxy:records()).to_equal {}",
            script: SpecFolder.relay)
    }

    @Test("timers of scripts run as time passes")
    func timers() throws {
        try passes(
            "proxy:advance(65) expect(proxy:log()).to_be('info: tick\\ninfo: tick')",
            script: "timer.every(30, function() log.info('tick') end) \(SpecFolder.relay)")
    }

    @Test("connections are sources and destinations too")
    func streams() throws {
        try passes(
            """
            proxy:receive { uri = "sip:bob@192.0.2.200;transport=tcp", from = "tcp:192.0.2.100:40000" }
            expect(proxy:last_request().destination).to_be("tcp:192.0.2.200:5060")
            proxy:respond(486)
            expect(proxy:last_response().destination).to_be("tcp:192.0.2.100:40000")
            """, options: "config = { listen = { 'udp:192.0.2.1:5060', 'tcp:192.0.2.1:5060' } }")
    }

    @Test("a proxy that is kept goes on from test to test")
    func kept() throws {
        let report = try SpecFolder.run(
            """
            local proxy = sip.proxy { source = "\(SpecFolder.relay)", keep = true }
            it("one", function() proxy:receive { uri = "sip:bob@192.0.2.200" } end)
            it("two", function() expect(proxy:metric("requests_received")).to_be(1) end)
            """)
        #expect(report.exitCode == 0, "\(report.files[0].lines)")
    }

    @Test(
        "what cannot be done is said",
        arguments: [
            ("proxy:recieve {}", "proxy has no 'recieve'; there are ack,"),
            ("proxy:receive { url = 'x' }", "receive: unknown option 'url'; there are body,"),
            ("proxy:receive {}", "receive: needs uri"),
            ("proxy:receive { uri = 'sip:x', from = 'nowhere' }", "receive: from: expected an address"),
            ("proxy:respond(200)", "respond: the proxy has sent no request"),
            ("proxy:respond(2000)", "respond: expected a code from 100 to 699, got 2000"),
            ("proxy:bye()", "BYE: no INVITE was received yet"),
            ("proxy:authenticate {}", "authenticate: needs user and password"),
            ("proxy:authenticate { user = 'a', password = 'b' }", "authenticate: the last response is no 401 or 407"),
            ("proxy:advance(-1)", "advance: expected seconds from 0"),
            ("proxy:metric('transactions_craeted')", "do you mean \"transactions_created\"?"),
            ("proxy:log('loud')", "level"),
            ("proxy:mark('gateways', 'sip:x', 'up')", "mark: there is no target sip:x of a set gateways"),
            ("return proxy:last_request().method", "attempt to index a nil value"),
            ("proxy:receive { uri = 'sip:a@192.0.2.2' } return proxy:last_request().methd", "message has no 'methd'"),
        ])
    func refusals(_ statements: String, _ message: String) throws {
        let problem = try #require(try SpecFolder.problem(statements))
        #expect(problem.contains(message), "\(problem)")
    }
}
