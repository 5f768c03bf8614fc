import ProxyCore
import Reactor
import Testing

/// Timers B, C, F, G, H seen from outside; RFC 4320; ACK to failures.
@Suite struct TimeoutTests {
    private func toAlice(_ sent: [(at: UInt64, sent: Sent)]) -> [String] {
        sent.filter { $0.sent.destination == Place.alice }.map { "\($0.sent.message.code)@\($0.at)" }
    }

    @Test("an INVITE that nobody answers is retransmitted by Timer A and ends with 408 at 64·T1")
    func timerB() {
        let harness = ProxyHarness()
        harness.receive(RequestText())
        let sent = harness.pass(milliseconds: 32_000)
        #expect(
            sent.filter { $0.sent.message.method == "INVITE" }.map(\.at) == [500, 1_500, 3_500, 7_500, 15_500, 31_500])
        #expect(toAlice(sent) == ["408@32000"])
        #expect(harness.count(.clientTimeouts) == 1)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a non-INVITE that nobody answers is retransmitted by Timer E, and no 408 is sent (RFC 4320)")
    func timerF() {
        let harness = ProxyHarness()
        harness.receive(RequestText("OPTIONS"))
        let sent = harness.pass(milliseconds: 40_000)
        #expect(
            sent.map(\.at) == [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
        #expect(sent.allSatisfy { $0.sent.message.method == "OPTIONS" })
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("an answer that comes after its branch was given up is not sent upstream as a second one")
    func lateAnswers() {
        let harness = ProxyHarness()
        let options = harness.receive(RequestText("OPTIONS")).requests[0].message
        let invite = harness.receive(RequestText { $0.via += "i" }).requests[0].message
        harness.pass(milliseconds: 33_000)
        // RFC 4320 §4.2.
        #expect(harness.receive(options.response(200), from: Place.bob).isEmpty)
        // The late failure is acknowledged, the late success goes up.
        #expect(harness.receive(invite.response(486), from: Place.bob).summary == ["ACK"])
        #expect(harness.count(.responsesLate) == 2)
        let other = harness.receive(RequestText { $0.via += "j" }).requests[0].message
        harness.pass(milliseconds: 33_000)
        #expect(harness.receive(other.response(200), from: Place.bob).to(Place.alice).count == 1)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a request that the system cannot send fails at once, one it could not send just now is sent again")
    func transportFailure() {
        let harness = ProxyHarness()
        _ = harness.receive(RequestText())
        harness.proxy.sendFailed(to: Place.bob, listener: 0, errno: 11)
        #expect(harness.count(.transportFailures) == 0)
        harness.sink.sent = []
        harness.proxy.sendFailed(to: Place.bob, listener: 0, errno: 101)
        #expect(harness.count(.transportFailures) == 1)
        // §16.7 step 6: the 503 goes up as a 500.
        #expect(harness.sink.sent.summary == ["500"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a 408 that comes to a non-INVITE is not passed on (RFC 4320 §4.2), one to an INVITE is")
    func receivedTimeout() {
        let harness = ProxyHarness()
        let options = harness.receive(RequestText("OPTIONS")).requests[0].message
        #expect(harness.receive(options.response(408), from: Place.bob).isEmpty)
        let invite = harness.receive(RequestText { $0.via += "i" }).requests[0].message
        #expect(harness.receive(invite.response(408), from: Place.bob).summary == ["ACK", "408"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("Timer C cancels a branch that rings for ever; its 487 goes up")
    func timerC() {
        let harness = ProxyHarness { $0.limits.timerCMilliseconds = 60_000 }
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        let sent = harness.pass(milliseconds: 60_000)
        #expect(sent.map(\.sent.message.method) == ["CANCEL"])
        #expect(sent.map(\.at) == [60_000])
        #expect(harness.count(.timerCFired) == 1)
        harness.receive(invite.response(200, method: "CANCEL"), from: Place.bob)
        #expect(harness.receive(invite.response(487), from: Place.bob).summary == ["ACK", "487"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("Timer C and then silence ends with 408")
    func timerCSilence() {
        let harness = ProxyHarness { $0.limits.timerCMilliseconds = 60_000 }
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        #expect(toAlice(harness.pass(milliseconds: 92_000)) == ["408@92000"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("every provisional but 100 starts Timer C anew (§16.7 step 2)")
    func timerCRefresh() {
        let harness = ProxyHarness { $0.limits.timerCMilliseconds = 60_000 }
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(180), from: Place.bob)
        #expect(harness.pass(milliseconds: 50_000).isEmpty)
        harness.receive(invite.response(183), from: Place.bob)
        #expect(harness.pass(milliseconds: 50_000).isEmpty)
        harness.receive(invite.response(100), from: Place.bob)
        let sent = harness.pass(milliseconds: 10_000)
        #expect(sent.map(\.sent.message.method) == ["CANCEL"])
    }

    @Test("a failure is retransmitted by Timer G, capped at T2, until its ACK comes, which goes no further")
    func timerG() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        let final = harness.receive(invite.response(486), from: Place.bob)
        #expect(final.summary == ["ACK", "486"])
        #expect(
            toAlice(harness.pass(milliseconds: 12_000)) == ["486@500", "486@1500", "486@3500", "486@7500", "486@11500"])
        #expect(harness.receive(RequestText("ACK") { $0.to = final[1].message["To"][0] }).isEmpty)
        #expect(harness.count(.acksAbsorbed) == 1)
        #expect(harness.pass(milliseconds: 60_000).isEmpty)
        #expect(harness.isEmpty)
    }

    @Test("without an ACK Timer H ends it")
    func timerH() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.receive(invite.response(486), from: Place.bob)
        #expect(toAlice(harness.pass(milliseconds: 40_000)).last == "486@31500")
        #expect(harness.count(.ackTimeouts) == 1)
        #expect(harness.isEmpty)
    }

    @Test(
        "the ACK for a failure is made hop by hop: INVITE's branch, response's To, one Via, and again for each retransmission"
    )
    func ackForFailure() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText { $0.headers = ["Route: <sip:192.0.2.200;lr>"] }).requests[0].message
        let response = invite.response(486, tag: "busy")
        let ack = harness.receive(response, from: Place.bob)[0].message
        #expect(ack.method == "ACK")
        #expect(ack["Via"] == [invite["Via"][0]])
        #expect(ack["To"] == ["Bob <sip:bob@example.com>;tag=busy"])
        #expect(ack["From"] == invite["From"])
        #expect(ack["Call-ID"] == invite["Call-ID"])
        #expect(ack["CSeq"] == ["1 ACK"])
        #expect(ack["Route"] == invite["Route"])
        #expect(ack.uri == invite.uri)
        let again = harness.receive(response, from: Place.bob)
        #expect(again.summary == ["ACK"])
        #expect(again[0].message.text == ack.text)
    }

    @Test("no timer runs and nothing is kept when all have ended")
    func nothingLeft() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        #expect(harness.proxy.transactionsInUse == 2)
        #expect(harness.proxy.messageBlocksInUse > 0)
        harness.receive(invite.response(200), from: Place.bob)
        harness.finish()
        #expect(harness.isEmpty)
        #expect(harness.proxy.nextDeadline() == nil)
    }
}
