import ProxyCore
import Reactor
import SIPMessage
import Testing

/// `on_failure`, serial forking, handlers of one transaction and their release.
@Suite struct FailureHookTests {
    /// Relays to bob with a failure handler numbered 1.
    private func logic(_ failure: @escaping (RequestContext) -> Void) -> TestLogic {
        let logic = TestLogic { request in
            request.handlers.onFailure = 1
            request.relay()
        }
        logic.failure = failure
        return logic
    }

    @Test("a failure handler tries another target: the second INVITE has the next index, its 200 goes up")
    func serialForking() {
        let logic = logic { request in
            request.addTarget("sip:voicemail@192.0.2.201")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        let first = harness.receive(RequestText()).requests[0].message
        let retry = harness.receive(first.response(486), from: Place.bob)
        #expect(retry.summary == ["ACK", "INVITE"])
        #expect(logic.failuresSeen == [486])
        let second = retry[1].message
        #expect(retry[1].destination == Place.carol)
        #expect(second.uri == "sip:voicemail@192.0.2.201")
        #expect(second.branch() != first.branch())
        #expect(second.branch().dropLast(2) == first.branch().dropLast(2))
        #expect(second["Via"].count == 2)
        #expect(second["Max-Forwards"] == ["69"])
        #expect(harness.receive(second.response(200), from: Place.carol).to(Place.alice).map(\.message.code) == [200])
        #expect(logic.released == [handlers(onFailure: 1)])
        harness.finish()
        #expect(harness.isEmpty)
        #expect(logic.released.count == 1)
    }

    @Test("when the second target fails as well the best of both goes up")
    func bestOfBoth() {
        for (first, second, best) in [(486, 404, 404), (486, 603, 603), (500, 404, 404), (404, 500, 404)] {
            let logic = logic { request in
                request.addTarget("sip:voicemail@192.0.2.201")
                request.relay()
            }
            let harness = ProxyHarness(logic)
            let invite = harness.receive(RequestText()).requests[0].message
            let retry = harness.receive(invite.response(first), from: Place.bob).requests[1].message
            let up = harness.receive(retry.response(second), from: Place.carol).to(Place.alice)
            #expect(up.map(\.message.code) == [best])
        }
    }

    @Test("challenges of serial attempts go up together")
    func serialChallenges() {
        let logic = logic { request in
            request.addTarget("sip:voicemail@192.0.2.201")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        let invite = harness.receive(RequestText()).requests[0].message
        let first = invite.response(401, headers: ["WWW-Authenticate: Digest realm=\"first.example.com\""])
        let retry = harness.receive(first, from: Place.bob).requests[1].message
        let second = retry.response(407, headers: ["Proxy-Authenticate: Digest realm=\"second.example.com\""])
        let up = harness.receive(second, from: Place.carol).to(Place.alice)
        #expect(up.map(\.message.code) == [401])
        #expect(up[0].message["WWW-Authenticate"] == ["Digest realm=\"first.example.com\""])
        #expect(up[0].message["Proxy-Authenticate"] == ["Digest realm=\"second.example.com\""])
    }

    @Test("a failure handler may answer instead, with the request's own Vias")
    func answersInstead() {
        let harness = ProxyHarness(logic { $0.reply(480, "Try Later", headers: "Retry-After: 9\r\n") })
        let invite = harness.receive(RequestText()).requests[0].message
        let up = harness.receive(invite.response(486), from: Place.bob).to(Place.alice)
        #expect(up.map(\.message.startLine) == ["SIP/2.0 480 Try Later"])
        #expect(up[0].message["Retry-After"] == ["9"])
        #expect(up[0].message["Via"].count == 1)
        harness.receive(RequestText("ACK") { $0.to = up[0].message["To"][0] })
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a failure handler that decides nothing lets the answer through")
    func decidesNothing() {
        let harness = ProxyHarness(logic { _ in })
        let invite = harness.receive(RequestText()).requests[0].message
        #expect(harness.receive(invite.response(486), from: Place.bob).summary == ["ACK", "486"])
        #expect(harness.logic.released == [handlers(onFailure: 1)])
        harness.finish()
        #expect(harness.logic.released.count == 1)
    }

    @Test("a time-out runs the failure handler with 408")
    func timeout() {
        let logic = logic { request in
            request.addTarget("sip:voicemail@192.0.2.201")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        harness.receive(RequestText())
        let sent = harness.pass(milliseconds: 32_000)
        #expect(logic.failuresSeen == [408])
        #expect(sent.last?.sent.destination == Place.carol)
        #expect(harness.receive(sent.last!.sent.message.response(200), from: Place.carol).to(Place.alice).count == 1)
    }

    @Test("CANCEL and 6xx leave no second try (§16.7 step 5)")
    func noRetryAfterCancel() {
        for ending in ["cancel", "6xx"] {
            let logic = logic { request in
                request.addTarget("sip:voicemail@192.0.2.201")
                request.relay()
            }
            let harness = ProxyHarness(logic)
            let invite = harness.receive(RequestText()).requests[0].message
            if ending == "cancel" {
                harness.receive(invite.response(180), from: Place.bob)
                harness.receive(RequestText("CANCEL"))
            }
            let sent = harness.receive(invite.response(ending == "cancel" ? 487 : 600), from: Place.bob)
            #expect(sent.summary == ["ACK", ending == "cancel" ? "487" : "600"])
            #expect(logic.failuresSeen.isEmpty)
            harness.finish()
            #expect(logic.released.count == 1)
        }
    }

    @Test("a handler may name itself again; every name is released once for each time it was given")
    func namedAgain() {
        let logic = TestLogic { request in
            request.handlers.onFailure = 1
            request.handlers.onReply = 2
            request.relay()
        }
        var round: Int32 = 1
        logic.failure = { request in
            round += 1
            request.handlers.onFailure = 10 * round
            request.addTarget("sip:bob\(round)@192.0.2.200")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        var invite = harness.receive(RequestText()).requests[0].message
        for _ in 0..<3 { invite = harness.receive(invite.response(486), from: Place.bob).requests[1].message }
        #expect(invite.uri == "sip:bob4@192.0.2.200")
        harness.receive(invite.response(200), from: Place.bob)
        harness.finish()
        let released = logic.released.flatMap { [$0.onFailure, $0.onReply, $0.onBranch] }.filter { $0 != 0 }
        #expect(released.sorted() == [1, 2, 20, 30, 40])
        #expect(harness.isEmpty)
    }

    @Test("handlers of a request that becomes no transaction are released at once")
    func releasedWithoutTransaction() {
        for verdict in ["reply", "drop", "none", "stateless"] {
            let logic = TestLogic { request in
                request.handlers.onFailure = 5
                switch verdict {
                case "reply": request.reply(404)
                case "drop": request.drop()
                case "stateless":
                    request.stateDemand = .stateless
                    request.relay()
                default: break
                }
            }
            let harness = ProxyHarness(logic)
            harness.receive(RequestText())
            #expect(logic.released == [handlers(onFailure: 5)], "\(verdict)")
        }
    }

    @Test("a failure handler that always tries a target that can't be reached comes to an end")
    func endlessRetry() {
        let logic = TestLogic()
        logic.hooks = .onFailure
        logic.failure = { request in
            request.addTarget("sip:nobody@unknown.example.com")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        let invite = harness.receive(RequestText()).requests[0].message
        let sent = harness.receive(invite.response(486), from: Place.bob)
        #expect(sent.to(Place.alice).map(\.message.code) == [486])
        #expect(logic.failuresSeen.count <= ProxySettings.Limits().branchesMax)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a failure handler that always tries again ends at branchesMax")
    func manyRetries() {
        let logic = TestLogic()
        logic.hooks = .onFailure
        logic.failure = { request in
            request.addTarget("sip:bob@192.0.2.200")
            request.relay()
        }
        let harness = ProxyHarness(logic) { $0.limits.branchesMax = 5 }
        var invite = harness.receive(RequestText()).requests[0].message
        var branches = 1
        while true {
            let sent = harness.receive(invite.response(486), from: Place.bob)
            guard let next = sent.requests.first(where: { $0.message.method == "INVITE" }) else {
                #expect(sent.to(Place.alice).map(\.message.code) == [486])
                break
            }
            invite = next.message
            branches += 1
            #expect(branches <= 5)
        }
        #expect(branches == 5)
    }

    @Test("the failure handler sees the request as it was, with its body, and may change the URI")
    func seesRequest() {
        var seen = ""
        let logic = logic { request in
            seen = String(decoding: request.message.pointee.body, as: UTF8.self)
            request.setRequestURI("sip:carol@192.0.2.201")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        let invite = harness.receive(RequestText { $0.body = "v=0\r\n" }).requests[0].message
        let retry = harness.receive(invite.response(486), from: Place.bob)
        #expect(seen == "v=0\r\n")
        #expect(retry.requests[1].message.uri == "sip:carol@192.0.2.201")
        #expect(retry.requests[1].message.body == "v=0\r\n")
        #expect(retry.requests[1].destination == Place.carol)
    }

    @Test("edits that a failure handler has applied stay for all its targets")
    func appliedEdits() {
        let logic = logic { request in
            addHeader("X-Retry: yes", to: request.edits, of: request.message)
            #expect(request.synchronise())
            request.addTarget("sip:carol@192.0.2.201")
            request.addTarget("sip:dave@192.0.2.202")
            request.relay()
        }
        let harness = ProxyHarness(logic)
        let invite = harness.receive(RequestText()).requests[0].message
        let retries = harness.receive(invite.response(486), from: Place.bob).requests.dropFirst()
        #expect(retries.map { $0.message["X-Retry"] } == [["yes"], ["yes"]])
    }

    private func handlers(onFailure: Int32) -> TransactionHandlers {
        var handlers = TransactionHandlers()
        handlers.onFailure = onFailure
        return handlers
    }
}
