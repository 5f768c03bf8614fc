import ProxyCore
import Reactor
import SIPTransaction
import StatePolicy
import Testing

/// Deterministic branches: whatever mode was chosen, retransmissions, CANCEL and ACK meet their INVITE downstream.
@Suite struct BranchContinuityTests {
    private func branch(_ harness: ProxyHarness, _ request: RequestText, from: SocketAddress = Place.alice) -> String {
        harness.receive(request, from: from).requests.first?.message.branch() ?? ""
    }

    @Test("the branch is the same in stateless and stateful mode and in another process with the same key")
    func sameInBothModes() {
        let stateful = branch(ProxyHarness(), RequestText())
        #expect(stateful.hasPrefix("z9hG4bK"))
        #expect(branch(.stateless(), RequestText()) == stateful)
        #expect(branch(ProxyHarness(), RequestText()) == stateful)
        #expect(branch(ProxyHarness { $0.hashKey = HashKey(low: 9, high: 9) }, RequestText()) != stateful)
    }

    @Test("INVITE, its CANCEL and the ACK to its failure have one branch; the ACK to a 2xx has another")
    func oneBranch() {
        for harness in [ProxyHarness.stateless(), ProxyHarness()] {
            let invite = branch(.stateless(), RequestText())
            #expect(branch(harness, RequestText("CANCEL")) == invite)
            #expect(branch(harness, RequestText("ACK") { $0.to += ";tag=busy" }) == invite)
            let ack = branch(
                harness,
                RequestText("ACK") {
                    $0.to += ";tag=ok"
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKack"
                })
            #expect(ack != invite)
        }
    }

    @Test("the same holds for a peer of RFC 2543 without the cookie")
    func oldPeers() {
        let old = RequestText { $0.via = "SIP/2.0/UDP 192.0.2.100:5060" }
        let invite = branch(.stateless(), old)
        #expect(branch(ProxyHarness(), old) == invite)
        #expect(branch(.stateless(), old.with { $0.method = "CANCEL" }) == invite)
        #expect(
            branch(
                .stateless(),
                old.with {
                    $0.method = "ACK"
                    $0.to += ";tag=busy"
                }) == invite)
        #expect(branch(.stateless(), old.with { $0.callID = "other" }) != invite)
        #expect(branch(.stateless(), old.with { $0.cSeq = 2 }) != invite)
    }

    @Test("what differs between two requests makes their branches differ")
    func different() {
        let first = branch(.stateless(), RequestText())
        #expect(branch(.stateless(), RequestText { $0.via += "x" }) != first)
        #expect(
            branch(.stateless(), RequestText { $0.via = $0.via.replacing("192.0.2.100", with: "192.0.2.101") }) != first
        )
        #expect(branch(.stateless(), RequestText { $0.uri = "sip:robert@192.0.2.200" }) != first)
        #expect(branch(.stateless(), RequestText { $0.callID = "x" }) != first)
    }

    @Test("retransmissions are absorbed in stateful mode: nothing goes down, the last response goes up")
    func absorbed() {
        let harness = ProxyHarness()
        let first = harness.receive(RequestText())
        #expect(first.summary == ["100", "INVITE"])
        #expect(harness.receive(RequestText()).summary == ["100"])
        harness.receive(first.requests[0].message.response(183), from: Place.bob)
        #expect(harness.receive(RequestText()).summary == ["183"])
        harness.receive(first.requests[0].message.response(200), from: Place.bob)
        // RFC 6026: absorbed without an answer once a 2xx has gone up.
        #expect(harness.receive(RequestText()).isEmpty)
        #expect(harness.logic.requestsSeen == 1)
        #expect(harness.count(.retransmissionsAbsorbed) == 3)
    }

    @Test("a non-INVITE retransmission is silent until there is an answer to repeat")
    func absorbedNonInvite() {
        let harness = ProxyHarness()
        let first = harness.receive(RequestText("MESSAGE"))
        #expect(first.summary == ["MESSAGE"])
        #expect(harness.receive(RequestText("MESSAGE")).isEmpty)
        harness.receive(first[0].message.response(200), from: Place.bob)
        #expect(harness.receive(RequestText("MESSAGE")).summary == ["200"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("in stateless mode a retransmission leaves byte for byte as the first one did")
    func statelessRetransmission() {
        let harness = ProxyHarness.stateless()
        let first = harness.receive(RequestText())
        let second = harness.receive(RequestText())
        #expect(first.summary == ["INVITE"])
        #expect(first[0].message.text == second[0].message.text)
        #expect(harness.isEmpty)
    }

    @Test("a retransmission that is handled in the other mode meets the same transaction downstream")
    func modeChange() {
        let logic = TestLogic()
        logic.hooks = .chooseStateMode
        var mode = StateMode.stateless
        logic.mode = { _, _ in mode }
        let harness = ProxyHarness(logic)
        let first = harness.receive(RequestText()).requests[0].message
        mode = .stateful
        let second = harness.receive(RequestText()).requests[0].message
        #expect(second.text == first.text)
        // The answer to the first copy ends the transaction that the second one began.
        #expect(harness.receive(first.response(486), from: Place.bob).summary == ["ACK", "486"])
        harness.receive(RequestText("ACK") { $0.to += ";tag=uas" })
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("the same branch and sent-by with another method is another transaction (§17.2.3)")
    func methodsDiffer() {
        let harness = ProxyHarness()
        let first = harness.receive(RequestText("OPTIONS"))
        let second = harness.receive(RequestText("MESSAGE"))
        let third = harness.receive(RequestText("FOO"))
        let fourth = harness.receive(RequestText("BAR"))
        for sent in [first, second, third, fourth] { #expect(sent.requests.count == 1) }
        #expect(harness.proxy.transactionsInUse == 8)
        // Each answer finds its own.
        for sent in [first, second, third, fourth] {
            let up = harness.receive(sent[0].message.response(200), from: Place.bob)
            #expect(up.summary == ["200"])
            #expect(up.first?.message["CSeq"] == sent[0].message["CSeq"])
        }
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("the ACK to a 2xx goes on end to end, in stateful mode without a transaction")
    func ackForSuccess() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(200), from: Place.bob)
        let ack = RequestText("ACK") {
            $0.to += ";tag=uas"
            $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKack"
        }
        #expect(harness.receive(ack).summary == ["ACK"])
        // A peer that reuses the INVITE's branch for it gets it through as well (RFC 6026 Accepted).
        #expect(harness.receive(RequestText("ACK") { $0.to += ";tag=uas" }).summary == ["ACK"])
        #expect(harness.count(.acksAbsorbed) == 0)
    }

    @Test("on_reply may edit what goes up, in both modes")
    func replyHook() {
        for policy in PolicyName.allCases {
            let logic = TestLogic()
            logic.hooks = .onReply
            logic.reply = { addHeader("X-Seen: yes", to: $0.edits, of: $0.message) }
            let harness = ProxyHarness(logic) { $0.policy = policy }
            let invite = harness.receive(RequestText()).requests[0].message
            for code in [180, 200] {
                let up = harness.receive(invite.response(code), from: Place.bob).responses
                #expect(up.map { $0.message["X-Seen"] } == [["yes"]])
            }
        }
    }

    @Test("on_reply may drop a provisional response, never a final one")
    func replyHookDrops() {
        for policy in PolicyName.allCases {
            let logic = TestLogic()
            logic.hooks = .onReply
            logic.reply = { $0.isDropped = true }
            let harness = ProxyHarness(logic) { $0.policy = policy }
            let invite = harness.receive(RequestText()).requests[0].message
            #expect(harness.receive(invite.response(180), from: Place.bob).responses.isEmpty)
            #expect(harness.receive(invite.response(486), from: Place.bob).responses.count == 1)
        }
    }
}
