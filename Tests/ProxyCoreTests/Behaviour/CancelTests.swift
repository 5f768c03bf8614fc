import ProxyCore
import Reactor
import Testing

/// RFC 3261 §9 and §16.10.
@Suite struct CancelTests {
    private let cancel = RequestText("CANCEL")

    @Test("CANCEL after a provisional: 200 at once, CANCEL downstream, 487 goes up")
    func afterProvisional() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        let sent = harness.receive(cancel)
        #expect(sent.to(Place.alice).map(\.message.startLine) == ["SIP/2.0 200 OK"])
        #expect(sent.to(Place.alice)[0].message["CSeq"] == ["1 CANCEL"])
        #expect(sent.to(Place.alice)[0].message.tag(of: "To").isEmpty == false)
        let down = sent.to(Place.bob)
        #expect(down.map(\.message.method) == ["CANCEL"])
        #expect(down[0].message.branch() == invite.branch())
        #expect(down[0].message["Max-Forwards"] == ["70"])
        #expect(harness.receive(invite.response(200, method: "CANCEL"), from: Place.bob).isEmpty)
        let final = harness.receive(invite.response(487), from: Place.bob)
        #expect(final.summary == ["ACK", "487"])
        #expect(harness.receive(RequestText("ACK") { $0.to = final[1].message["To"][0] }).isEmpty)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("CANCEL before any provisional waits for one (§9.1)")
    func beforeProvisional() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        #expect(harness.receive(cancel).summary == ["200"])
        #expect(harness.receive(invite.response(100), from: Place.bob).summary == ["CANCEL"])
        #expect(harness.receive(invite.response(487), from: Place.bob).summary == ["ACK", "487"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("CANCEL of a branch that never answers ends with 487 when Timer B fires")
    func neverAnswered() {
        let harness = ProxyHarness()
        harness.receive(RequestText())
        harness.receive(cancel)
        let sent = harness.pass(milliseconds: 32_000)
        #expect(sent.filter { $0.sent.destination == Place.alice }.map(\.sent.message.code) == [487])
        #expect(!sent.contains { $0.sent.message.method == "CANCEL" })
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a 200 that crosses the CANCEL goes up")
    func crossing() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        harness.receive(cancel)
        #expect(harness.receive(invite.response(200), from: Place.bob).to(Place.alice).map(\.message.code) == [200])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("CANCEL after the final response is answered with 200 and changes nothing")
    func afterFinal() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(486), from: Place.bob)
        #expect(harness.receive(cancel).summary == ["200"])
    }

    @Test("a CANCEL retransmission gets the same answer and sends no second CANCEL")
    func retransmitted() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        let first = harness.receive(cancel).to(Place.alice)[0].message.text
        let second = harness.receive(cancel)
        #expect(second.summary == ["200"])
        #expect(second[0].message.text == first)
    }

    @Test("our CANCEL is retransmitted until it is answered")
    func ownRetransmissions() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        harness.receive(cancel)
        let cancels = harness.pass(milliseconds: 4_000).filter { $0.sent.message.method == "CANCEL" }
        #expect(cancels.map(\.at) == [500, 1_500, 3_500])
        harness.receive(invite.response(200, method: "CANCEL"), from: Place.bob)
        #expect(harness.pass(milliseconds: 20_000).isEmpty)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a cancelled branch without a final answer is given up 64·T1 later: 487 (§9.1)")
    func patience() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        harness.receive(cancel)
        harness.receive(invite.response(200, method: "CANCEL"), from: Place.bob)
        let sent = harness.pass(milliseconds: 32_000)
        #expect(sent.map(\.sent.message.code) == [487])
        #expect(sent.map(\.at) == [32_000])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a CANCEL without its INVITE goes on statelessly on the INVITE's branch (§16.10)")
    func unknownInvite() {
        let stateful = ProxyHarness()
        let inviteBranch = ProxyHarness().receive(RequestText()).requests[0].message.branch()
        let sent = stateful.receive(cancel)
        #expect(sent.summary == ["CANCEL"])
        #expect(sent[0].destination == Place.bob)
        #expect(sent[0].message.branch() == inviteBranch)
        #expect(stateful.isEmpty)
        // Its answer comes back statelessly.
        #expect(stateful.receive(sent[0].message.response(200), from: Place.bob).to(Place.alice).count == 1)
    }

    @Test("CANCEL goes to every ringing branch of a fork, and one 487 comes of it")
    func fork() {
        let harness = ProxyHarness(
            TestLogic { request in
                request.addTarget("sip:bob@192.0.2.200")
                request.addTarget("sip:carol@192.0.2.201")
                request.relay()
            })
        let branches = harness.receive(RequestText()).requests
        for branch in branches { harness.receive(branch.message.response(180), from: branch.destination) }
        let sent = harness.receive(cancel)
        #expect(sent.requests.map(\.destination).sorted { $0.low < $1.low } == [Place.bob, Place.carol])
        #expect(harness.receive(branches[0].message.response(487), from: Place.bob).to(Place.alice).isEmpty)
        let last = harness.receive(branches[1].message.response(487), from: Place.carol)
        #expect(last.to(Place.alice).map(\.message.code) == [487])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("CANCEL takes Route and Request-URI of the INVITE as it was sent")
    func routes() {
        let harness = ProxyHarness()
        let invite = harness.receive(
            RequestText { $0.headers = ["Route: <sip:192.0.2.1;lr>", "Route: <sip:192.0.2.201;lr>"] }
        ).requests[0]
        #expect(invite.destination == Place.carol)
        harness.receive(invite.message.response(180), from: Place.carol)
        let sent = harness.receive(cancel).to(Place.carol)
        #expect(sent[0].message["Route"] == ["<sip:192.0.2.201;lr>"])
        #expect(sent[0].message.uri == invite.message.uri)
    }
}
