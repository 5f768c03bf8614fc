import ProxyCore
import Reactor
import Testing

/// Responses that did not come from where a request of ours went: counted, never forwarded.
@Suite struct ForgedResponseTests {
    @Test("a response whose top Via is not ours is a stray")
    func foreignVia() {
        for harness in [ProxyHarness(), .stateless()] {
            let request = WireMessage(RequestText().text)
            #expect(harness.receive(request.response(200), from: Place.bob).isEmpty)
            #expect(harness.count(.responsesStray) == 1)
        }
    }

    @Test("our branch under another's sent-by is a stray")
    func foreignSentBy() {
        let harness = ProxyHarness.stateless()
        let out = harness.receive(RequestText()).requests[0].message
        let response = out.response(200).replacing("192.0.2.1:5060;branch", with: "192.0.2.9:5060;branch")
        #expect(harness.receive(response, from: Place.bob).isEmpty)
        #expect(harness.count(.responsesStray) == 1)
    }

    @Test("a response with an invented branch of our format is forged")
    func inventedBranch() {
        let harness = ProxyHarness.stateless()
        let out = harness.receive(RequestText()).requests[0].message
        let invented = String(out.branch().map { $0 == "0" ? "1" : $0 == "a" ? "b" : $0 })
        let response = out.response(200).replacing(out.branch(), with: invented)
        #expect(harness.receive(response, from: Place.bob).isEmpty)
        #expect(harness.count(.responsesForged) == 1)
    }

    @Test("a response that shall go somewhere else than its request came from is forged")
    func redirected() {
        let harness = ProxyHarness.stateless()
        let out = harness.receive(RequestText()).requests[0].message
        let response = out.response(200).replacing("192.0.2.100:5060;branch=", with: "192.0.2.66:5060;branch=")
        #expect(harness.receive(response, from: Place.bob).isEmpty)
        #expect(harness.count(.responsesForged) == 1)
    }

    @Test("no parameter of the Via below ours leads a response anywhere else")
    func redirectedByParameters() {
        for parameter in [";received=192.0.2.66", ";maddr=192.0.2.66", ";rport=53", ";received=192.0.2.66;rport=53"] {
            let harness = ProxyHarness.stateless()
            let out = harness.receive(RequestText()).requests[0].message
            let below = out["Via"][1]
            let response = out.response(200).replacing("Via: \(below)", with: "Via: \(below)\(parameter)")
            #expect(harness.receive(response, from: Place.bob).isEmpty, "\(parameter)")
            #expect(harness.count(.responsesForged) == 1, "\(parameter)")
        }
    }

    @Test("a response with our Via only has nowhere to go, with or without state (§16.7 step 3)")
    func singleVia() {
        for harness in [ProxyHarness(), .stateless()] {
            let out = harness.receive(RequestText()).requests[0].message
            let response = out.response(200).replacing("Via: \(out["Via"][1])\r\n", with: "")
            #expect(harness.receive(response, from: Place.bob).isEmpty)
            #expect(harness.count(.responsesStray) == 1)
        }
    }

    @Test("a response for another method on the same branch is not the transaction's (§17.1.3)")
    func otherMethod() {
        let harness = ProxyHarness()
        let out = harness.receive(RequestText()).requests[0].message
        let up = harness.receive(out.response(200, method: "BYE"), from: Place.bob)
        #expect(up.requests.isEmpty)
        #expect(harness.receive(out.response(200, method: "ACK"), from: Place.bob).to(Place.alice).isEmpty)
        // The INVITE is still under way: its own answer counts.
        #expect(harness.receive(out.response(486), from: Place.bob).summary == ["ACK", "486"])
    }
}
