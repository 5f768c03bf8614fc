import ProxyCore
import Reactor
import SIPMessage
import Scripting
import StatePolicy
import Testing

/// Handlers that wait while the proxy goes on: docs/waiting.md.
@Suite("Waiting handlers") struct SIPWaitingTests {
    private static let sleeper = """
        function on_request(req)
          local before = req.uri.user
          sleep(0.5)
          log.info(before, req.uri.user, req.headers:get("X-Note") or "-")
          return req:relay { to = "192.0.2.200" }
        end
        """

    @Test(
        "a request is held while its handler sleeps: the INVITE gets 100, retransmissions are absorbed, then it is relayed"
    )
    func sleeps() throws {
        let proxy = try SIPHarness(Self.sleeper)
        #expect(proxy.receive().map(\.code) == [100])
        #expect(proxy.count(.handlersWaiting) == 1)
        #expect(proxy.pass(milliseconds: 300).isEmpty)
        #expect(proxy.receive().map(\.code) == [100], "the 100 again")
        #expect(proxy.pass(milliseconds: 199).isEmpty)
        let sent = proxy.pass(milliseconds: 1)
        #expect(sent.map(\.method) == ["INVITE"])
        #expect(sent.first?.destination == SIPPlace.callee)
        #expect(proxy.log.texts == ["bob bob -"])
        #expect(proxy.receive(sent[0].response(200), from: SIPPlace.callee).map(\.code) == [200])
        proxy.pass(milliseconds: 60_000)
        #expect(proxy.isEmpty && proxy.proxy.waitingHandlers == 0 && proxy.routing.runsActive == 0)
    }

    @Test("a request without state waits as well, whatever the policy", arguments: ["OPTIONS", "MESSAGE", "BYE"])
    func nonInvite(method: String) throws {
        let proxy = try SIPHarness(Self.sleeper, policy: .stateless)
        #expect(proxy.receive(SIPText(method: method)).isEmpty)
        let sent = proxy.pass(milliseconds: 500)
        #expect(sent.map(\.method) == [method])
        #expect(proxy.receive(sent[0].response(202), from: SIPPlace.callee).map(\.code) == [202])
        #expect(proxy.receive(SIPText(method: method)).map(\.code) == [202], "from the transaction")
    }

    @Test("edits before and after the wait are both in what is sent")
    func edits() throws {
        let proxy = try SIPHarness(
            """
            function on_request(req)
              req.headers:set("X-First", "1")
              req.uri.user = "carol"
              req:record_route()
              sleep(1)
              assert(req.uri.user == "carol" and req.headers:get("X-First") == "1")
              req.headers:set("X-Second", "2")
              req.uri.host = "192.0.2.201"
              sleep(1)
              assert(req.uri.text == "sip:carol@192.0.2.201", req.uri.text)
              return req:relay()
            end
            """)
        proxy.receive(SIPText(extra: ["Route: <sip:192.0.2.1;lr>"]))
        #expect(proxy.pass(milliseconds: 1_000).isEmpty)
        let sent = proxy.pass(milliseconds: 1_000)
        #expect(proxy.log.errors == [])
        try #require(sent.count == 1)
        #expect(sent[0].uri == "sip:carol@192.0.2.201" && sent[0].destination == SIPPlace.other)
        #expect(sent[0]["X-First"] == ["1"] && sent[0]["X-Second"] == ["2"])
        #expect(sent[0]["Record-Route"] == ["<sip:192.0.2.1:5060;lr>"])
        #expect(sent[0]["Route"] == [])
        #expect(sent[0]["Via"].count == 2)
    }

    @Test("handlers wait side by side, each with its own request")
    func sideBySide() throws {
        let proxy = try SIPHarness(
            """
            function on_request(req)
              local seconds = tonumber(req.uri.user)
              sleep(seconds)
              log.info(req.call_id, seconds)
              return req:reply(600 + seconds)
            end
            """)
        for (index, seconds) in [3, 1, 2].enumerated() {
            var request = SIPText(method: "OPTIONS", uri: "sip:\(seconds)@192.0.2.1", branch: "z9hG4bK-\(index)")
            request.callID = "call-\(index)"
            #expect(proxy.receive(request).isEmpty)
        }
        #expect(proxy.pass(milliseconds: 3_000).map(\.code) == [601, 602, 603])
        #expect(proxy.log.texts == ["call-1 1", "call-2 2", "call-0 3"])
    }

    @Test(
        "whatever the handler comes to after its wait is carried out",
        arguments: [
            ("return req:reply(404, 'Nobody')", [404]), ("return req:drop()", []), ("", [500]),
            ("error('oops')", [500]),
            ("while true do end", [500]), ("req:relay { to = '192.0.2.200', state = 'stateless' }", [0]),
            ("req:fork({ 'sip:a@192.0.2.200', 'sip:b@192.0.2.201' })", [0, 0]),
        ])
    func decisions(after: String, codes: [Int]) throws {
        for method in ["INVITE", "OPTIONS"] {
            let proxy = try SIPHarness("function on_request(req) sleep(1) \(after) end")
            proxy.receive(SIPText(method: method))
            #expect(proxy.pass(milliseconds: 1_000).map(\.code) == codes)
            proxy.pass(milliseconds: 400_000)
            #expect(proxy.isEmpty && proxy.routing.runsActive == 0)
        }
    }

    @Test("CANCEL ends the wait: the request is answered with 487, and nothing of the handler runs any more")
    func cancel() throws {
        let proxy = try SIPHarness(Self.sleeper)
        proxy.receive()
        #expect(proxy.receive(SIPText(method: "CANCEL")).map(\.code) == [200, 487])
        #expect(proxy.proxy.waitingHandlers == 0 && proxy.routing.runsActive == 0)
        proxy.receive(SIPText(method: "ACK"))
        proxy.pass(milliseconds: 60_000)
        #expect(proxy.log.texts == [] && proxy.isEmpty)
    }

    @Test("an ACK has nothing to wait in, and a decision must not wait")
    func cannotWait() throws {
        for (statements, method, message) in [
            ("sleep(1)", "ACK", "sleep: ACK and CANCEL have no transaction that could wait; ask req.method first"),
            ("sleep(1)", "CANCEL", "sleep: ACK and CANCEL have no transaction"),
            ("req:relay() sleep(1)", "INVITE", "sleep: already decided to relay"),
            ("sleep(61)", "INVITE", "sleep: seconds from 0 to 60, got 61.0"),
            ("req:relay_and_wait()", "ACK", "req:relay_and_wait: ACK and CANCEL have no transaction"),
        ] {
            let line = try SIPHarness.failure(statements, SIPText(method: method))
            #expect(line.contains(message), "\(line)")
        }
        let reply = try SIPHarness("function on_request(req) req:relay() end function on_reply(reply) sleep(1) end")
        let invite = reply.receive().last!
        #expect(reply.receive(invite.response(200), from: SIPPlace.callee).map(\.code) == [200])
        #expect(reply.log.errors.first?.contains("sleep cannot be used in on_reply") == true, "\(reply.log.errors)")
    }

    @Test("on_failure waits too, and then tries elsewhere or leaves it at the best response")
    func onFailure() throws {
        for (after, expected) in [("req:relay { to = '192.0.2.201' }", 0), ("", 486), ("req:reply(480)", 480)] {
            let proxy = try SIPHarness(
                """
                function on_request(req) return req:relay() end
                function on_failure(req, code) sleep(2) assert(code == req.failure_code) \(after) end
                """)
            let invite = proxy.receive().last!
            #expect(proxy.receive(invite.response(486), from: SIPPlace.callee).map(\.method) == ["ACK"])
            #expect(proxy.pass(milliseconds: 1_999).isEmpty)
            #expect(proxy.pass(milliseconds: 1).map(\.code) == [expected])
            #expect(proxy.log.errors == [])
        }
    }

    @Test("relay_and_wait gives the code of a success, which has gone upstream by then")
    func success() throws {
        for method in ["INVITE", "OPTIONS"] {
            let proxy = try SIPHarness(
                """
                function on_request(req)
                  local code = req:relay_and_wait()
                  log.info(code, req.call_id, req.is_decided)
                  req:reply(500)
                  log.info(req:relay_and_wait { to = "192.0.2.201" })
                  sleep(1)
                  log.info("later", req.method)
                end
                """)
            let request = proxy.receive(SIPText(method: method)).last!
            #expect(request.method == method)
            #expect(proxy.receive(request.response(200), from: SIPPlace.callee).map(\.code) == [200])
            #expect(proxy.pass(milliseconds: 1).isEmpty)
            #expect(proxy.log.texts == ["200 call-1@192.0.2.100 true", "200"])
            #expect(proxy.pass(milliseconds: 1_000).isEmpty)
            #expect(proxy.log.texts.last == "later \(method)")
            proxy.pass(milliseconds: 60_000)
            #expect(proxy.isEmpty && proxy.proxy.waitingHandlers == 0 && proxy.routing.runsActive == 0)
        }
    }

    @Test("relay_and_wait gives the code of a failure, after which the handler goes on in the same place")
    func failure() throws {
        let proxy = try SIPHarness(
            """
            function on_request(req)
              local tried = {}
              for _, gateway in ipairs { "192.0.2.200", "192.0.2.201", "192.0.2.202" } do
                tried[#tried + 1] = req:relay_and_wait { to = gateway }
                if tried[#tried] < 500 then break end
              end
              log.info(table.concat(tried, " "))
            end
            """)
        let first = proxy.receive().last!
        #expect(first.destination == SIPPlace.callee)
        let second = proxy.receive(first.response(503), from: SIPPlace.callee).last!
        #expect(second.destination == SIPPlace.other)
        // Nothing decided: the best response goes upstream.
        #expect(proxy.receive(second.response(404), from: SIPPlace.other).map(\.code) == [0, 404])
        #expect(proxy.log.texts == ["503 404"])
        proxy.receive(SIPText(method: "ACK"))
        proxy.pass(milliseconds: 60_000)
        #expect(proxy.isEmpty && proxy.routing.runsActive == 0)
    }

    @Test("a call that is cancelled while its relay is waited for tells the handler 487, when all is over")
    func cancelledRelay() throws {
        let proxy = try SIPHarness("function on_request(req) log.info(req:relay_and_wait()) end")
        let invite = proxy.receive().last!
        proxy.receive(invite.response(180), from: SIPPlace.callee)
        #expect(proxy.receive(SIPText(method: "CANCEL")).map(\.startLine).contains { $0.hasPrefix("CANCEL") })
        #expect(proxy.log.texts == [])
        #expect(proxy.receive(invite.response(487), from: SIPPlace.callee).map(\.code).contains(487))
        proxy.pass(milliseconds: 1)
        #expect(proxy.log.texts == ["487"])
        proxy.receive(SIPText(method: "ACK"))
        proxy.pass(milliseconds: 60_000)
        #expect(proxy.isEmpty && proxy.routing.runsActive == 0)
    }

    @Test("a relay that nobody answers comes back as 408, one that leads nowhere as 503")
    func unanswered() throws {
        let proxy = try SIPHarness(
            """
            function on_request(req)
              log.info(req:relay_and_wait { answer_timeout = 500 })
              log.info(req:relay_and_wait { targets = { "sip:bob@nowhere.example.com" } })
              return req:reply(480)
            end
            """)
        proxy.receive()
        #expect(proxy.pass(milliseconds: 500).last?.code == 480)
        #expect(proxy.log.texts == ["408", "408"], "503 is no better than the 408 of before")
    }

    @Test("no more handlers wait than may; the others get 503 and are counted")
    func limit() throws {
        let proxy = try SIPHarness(Self.sleeper, configure: { $0.limits.waitingHandlersMax = 3 })
        for index in 0..<5 {
            let sent = proxy.receive(SIPText(method: "OPTIONS", branch: "z9hG4bK-\(index)"))
            #expect(sent.map(\.code) == (index < 3 ? [] : [503]))
            if index == 3 { #expect(sent[0]["Retry-After"] == ["1"]) }
        }
        #expect(proxy.count(.handlersRefused) == 2)
        #expect(proxy.routing.runsActive == 3)
        #expect(proxy.pass(milliseconds: 500).count == 3)
        #expect(proxy.receive(SIPText(method: "OPTIONS", branch: "z9hG4bK-again")).isEmpty, "there is room again")
    }

    @Test("a handler that waits keeps its generation, and the next requests have the new one")
    func generations() throws {
        let proxy = try SIPHarness("function on_request(req) sleep(1) return req:reply(601) end")
        proxy.receive(SIPText(method: "OPTIONS"))
        let new = try ScriptRouting.load(
            ScriptSource(path: "new.lua", text: "function on_request(req) return req:reply(602) end"))
        #expect(proxy.proxy.install(new))
        #expect(proxy.proxy.generationsInUse == 2)
        #expect(proxy.receive(SIPText(method: "OPTIONS", branch: "z9hG4bK-2")).map(\.code) == [602])
        #expect(proxy.pass(milliseconds: 1_000).map(\.code) == [601])
        proxy.pass(milliseconds: 60_000)
        #expect(proxy.proxy.generationsInUse == 1)
    }

    @Test("a tracked dialog survives the wait of its INVITE, before and after")
    func dialogs() throws {
        for script in [
            "function on_request(req) assert(dialog.track(req, { key = 'k' })) sleep(1) return req:relay() end",
            "function on_request(req) sleep(1) assert(dialog.track(req, { key = 'k' })) return req:relay() end",
        ] {
            let proxy = try SIPHarness(script)
            proxy.receive()
            let invite = try #require(proxy.pass(milliseconds: 1_000).last)
            #expect(invite["Record-Route"].first?.contains("did=") == true)
            #expect(proxy.receive(invite.response(200), from: SIPPlace.callee).map(\.code) == [200])
            #expect(proxy.count(.dialogsAnswered) == 1 && proxy.count(.dialogsTracked) == 1)
            #expect(proxy.proxy.dialogs.count(of: UnsafeRawBufferPointer("k" as StaticString)) == 1)
        }
    }

    @Test("whatever happens to waiting handlers, in any order, nothing is left over", arguments: 0..<20)
    func random(round: Int) throws {
        let seed = UInt64.random(in: 1 ... .max)
        var random = SIPRandom(seed: seed)
        let proxy = try SIPHarness(
            """
            function on_request(req)
              local steps = tonumber(req.uri.user)
              sleep(steps % 7 / 10)
              if steps % 3 == 0 then
                local code = req:relay_and_wait { to = "192.0.2.200" }
                sleep(steps % 5 / 10)
                if code >= 300 and steps % 2 == 0 then return req:relay { to = "192.0.2.201" } end
              elseif steps % 3 == 1 then
                return req:relay { to = "192.0.2.200", on_failure = function(req) sleep(0.2) return req:relay { to = "192.0.2.201" } end }
              else
                return req:reply(404)
              end
            end
            """)
        var open: [SIPSent] = []
        var inDoubt: [SIPText] = []
        for step in 0..<200 {
            var sent: [SIPSent]
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                var request = SIPText(
                    method: Bool.random(using: &random) ? "INVITE" : "MESSAGE",
                    uri: "sip:\(Int.random(in: 0..<100, using: &random))@192.0.2.200", branch: "z9hG4bK-\(step)")
                request.callID = "call-\(step)"
                sent = proxy.receive(request)
                inDoubt.append(request)
            case 1:
                guard let branch = open.randomElement(using: &random) else { continue }
                let code = [180, 200, 404, 503, 603].randomElement(using: &random)!
                sent = proxy.receive(branch.response(code), from: branch.destination)
            case 2:
                guard var cancel = inDoubt.randomElement(using: &random), cancel.method == "INVITE" else { continue }
                cancel.method = "CANCEL"
                sent = proxy.receive(cancel)
            default:
                sent = proxy.pass(milliseconds: UInt64.random(in: 1...400, using: &random))
            }
            open += sent.filter { $0.isRequest && $0.method != "ACK" && $0.method != "CANCEL" }
        }
        proxy.pass(milliseconds: 1_000_000)
        #expect(proxy.isEmpty, "seed \(seed)")
        #expect(proxy.proxy.waitingHandlers == 0 && proxy.routing.runsActive == 0, "seed \(seed)")
        #expect(proxy.count(.requestsOpen) == 0 && proxy.count(.handlersWaiting) == 0, "seed \(seed)")
        #expect(proxy.log.errors == [], "seed \(seed)")
    }
}

/// SplitMix64.
struct SIPRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
