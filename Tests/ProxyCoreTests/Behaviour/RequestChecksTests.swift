import ProxyCore
import Reactor
import Testing

/// RFC 3261 §16.3: what makes a request go no further, and the answer it gets.
@Suite struct RequestChecksTests {
    @Test("an unknown Request-URI scheme is answered with 416")
    func unknownScheme() {
        for harness in [ProxyHarness(), .stateless()] {
            let sent = harness.receive(RequestText { $0.uri = "mailto:bob@example.com" })
            #expect(sent.summary == ["416"])
            #expect(sent[0].destination == Place.alice)
            #expect(harness.isEmpty)
        }
    }

    @Test("a request without hops left is answered with 483")
    func noHopsLeft() {
        let harness = ProxyHarness()
        #expect(harness.receive(RequestText { $0.maxForwards = "0" }).summary == ["483"])
        #expect(harness.receive(RequestText("OPTIONS") { $0.maxForwards = "0" }).summary == ["483"])
        #expect(harness.isEmpty)
    }

    @Test("an ACK is never answered, whatever is wrong with it")
    func acksAreNotAnswered() {
        let harness = ProxyHarness()
        #expect(harness.receive(RequestText("ACK") { $0.maxForwards = "0" }).isEmpty)
        #expect(harness.receive(RequestText("ACK") { $0.uri = "mailto:bob@example.com" }).isEmpty)
        #expect(harness.receive(RequestText("ACK") { $0.uri = "sip:bob@unknown.example.com" }).isEmpty)
        #expect(harness.receive(RequestText("ACK") { $0.from = "nonsense" }).isEmpty)
    }

    @Test("Max-Forwards goes down by one, and is 70 when it was missing")
    func maxForwards() {
        for harness in [ProxyHarness(), .stateless()] {
            let last = harness.receive(RequestText("OPTIONS") { $0.maxForwards = "1" }).requests
            #expect(last[0].message["Max-Forwards"] == ["0"])
            let missing = harness.receive(
                RequestText("OPTIONS") {
                    $0.maxForwards = nil
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKother"
                })
            #expect(missing.requests[0].message["Max-Forwards"] == ["70"])
            let full = harness.receive(
                RequestText("OPTIONS") {
                    $0.maxForwards = "255"
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKthird"
                })
            #expect(full.requests[0].message["Max-Forwards"] == ["254"])
        }
    }

    @Test("a request that comes back unchanged is a loop: 482")
    func loop() {
        for harness in [ProxyHarness(), .stateless()] {
            // From the hop that sends it back: scripts may route by the source, so another source is a spiral.
            let out = harness.receive(RequestText("OPTIONS"), from: Place.bob).requests
            #expect(out.count == 1)
            // Another hop sends it back as it was.
            let back = out[0].message.text.replacing(
                "OPTIONS sip:bob@192.0.2.200 SIP/2.0\r\n",
                with: "OPTIONS sip:bob@192.0.2.200 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKhop\r\n")
            let answer = harness.receive(back, from: Place.bob)
            #expect(answer.summary == ["482"])
            #expect(answer[0].destination == Place.bob)
            #expect(harness.count(.loopsDetected) == 1)
        }
    }

    @Test("a request that comes back with another Request-URI is a spiral and goes on")
    func spiral() {
        for harness in [ProxyHarness(), .stateless()] {
            let out = harness.receive(RequestText("OPTIONS")).requests
            let back = out[0].message.text.replacing(
                "OPTIONS sip:bob@192.0.2.200 SIP/2.0\r\n",
                with: "OPTIONS sip:carol@192.0.2.201 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKhop\r\n"
            )
            let again = harness.receive(back, from: Place.bob)
            #expect(again.requests.count == 1)
            #expect(again.requests[0].destination == Place.carol)
            #expect(harness.count(.loopsDetected) == 0)
            // The answer takes the whole way back.
            let toBob = harness.receive(again.requests[0].message.response(200), from: Place.carol)
            #expect(toBob.summary == ["200"])
            #expect(toBob[0].destination == Place.bob)
            let hop = toBob[0].message
            let popped = hop.text.replacing("Via: \(hop["Via"][0])\r\n", with: "")
            let toAlice = harness.receive(popped, from: Place.bob)
            #expect(toAlice.summary == ["200"])
            #expect(toAlice[0].destination == Place.alice)
            #expect(toAlice[0].message["Via"].count == 1)
        }
    }

    @Test("Proxy-Require names what is not supported: 420 with every tag in Unsupported")
    func proxyRequire() {
        let harness = ProxyHarness()
        let sent = harness.receive(
            RequestText { $0.headers = ["Proxy-Require: foo, bar", "Proxy-Require: baz"] })
        #expect(sent.summary == ["420"])
        let tags = sent[0].message["Unsupported"].flatMap {
            $0.split(separator: ",").map { String($0.drop { $0 == " " }) }
        }
        #expect(tags == ["foo", "bar", "baz"])
        #expect(harness.isEmpty)
    }

    @Test("Proxy-Require in CANCEL and ACK is ignored (§16.3 step 5, §9.1)")
    func proxyRequireInAck() {
        let harness = ProxyHarness()
        let ack = harness.receive(RequestText("ACK") { $0.headers = ["Proxy-Require: foo"] })
        #expect(ack.summary == ["ACK"])
    }

    @Test("a malformed request is answered with 400 and a reason, another version with 505")
    func malformed() {
        let harness = ProxyHarness()
        let broken = harness.receive(RequestText { $0.from = "<sip:alice@example.com" })
        #expect(broken.summary == ["400"])
        #expect(broken[0].message.startLine.count > "SIP/2.0 400 ".count)
        let version = harness.receive(
            RequestText().text.replacing(" SIP/2.0\r\n", with: " SIP/3.0\r\n", maxReplacements: 1))
        #expect(version.summary == ["505"])
        #expect(harness.count(.malformedAnswered) == 2)
        #expect(harness.isEmpty)
    }

    @Test("what can't be answered is dropped: no Via, malformed responses")
    func dropped() {
        let harness = ProxyHarness()
        let noVia = RequestText().text.replacing("Via: SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKalice1\r\n", with: "")
        #expect(harness.receive(noVia).isEmpty)
        let response = WireMessage(RequestText().text).response(200).replacing("CSeq: 1", with: "CSeq: x")
        #expect(harness.receive(response).isEmpty)
        #expect(harness.count(.malformedDropped) == 2)
    }

    @Test("a request with more headers than the limit is answered with 513")
    func tooLarge() {
        let harness = ProxyHarness()
        let headers = (0..<300).map { "X-Number-\($0): \($0)" }
        #expect(harness.receive(RequestText { $0.headers = headers }).summary == ["513"])
        #expect(harness.count(.tooLarge) == 1)
    }

    @Test("keep-alives and empty datagrams are counted and not answered")
    func keepAlives() {
        let harness = ProxyHarness()
        #expect(harness.receive("\r\n\r\n").isEmpty)
        #expect(harness.receive("\r\n").isEmpty)
        #expect(harness.receive("").isEmpty)
        #expect(harness.count(.keepAlives) == 3)
    }

    @Test("an unresolvable destination is answered with 500 (§16.9, §16.7 step 6)")
    func unresolvable() {
        for harness in [ProxyHarness(), .stateless()] {
            let sent = harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@unknown.example.com" })
            #expect(sent.summary == ["500"])
            #expect(harness.count(.targetsUnresolvable) == 1)
            harness.finish()
            #expect(harness.isEmpty)
        }
    }

    @Test("a request whose logic decides nothing is answered with 500; a dropped one is not answered")
    func verdicts() {
        let undecided = ProxyHarness(TestLogic { _ in })
        #expect(undecided.receive(RequestText()).summary == ["500"])
        #expect(undecided.count(.requestsUndecided) == 1)
        let dropping = ProxyHarness(TestLogic { $0.drop() })
        #expect(dropping.receive(RequestText()).isEmpty)
        #expect(dropping.count(.requestsDropped) == 1)
    }

    @Test("a reply made by the logic has its code, reason and headers, and a To tag that stays the same")
    func localReply() {
        let harness = ProxyHarness(TestLogic { $0.reply(404, "Not Here", headers: "Retry-After: 7\r\n") })
        let first = harness.receive(RequestText())[0].message
        #expect(first.startLine == "SIP/2.0 404 Not Here")
        #expect(first["Retry-After"] == ["7"])
        #expect(first.tag(of: "To").isEmpty == false)
        #expect(first["Via"] == ["SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKalice1"])
        let second = harness.receive(RequestText())[0].message
        #expect(second.text == first.text)
        #expect(harness.isEmpty)
    }

    @Test("the ACK to a reply made here is absorbed, an ACK to someone else's is forwarded")
    func ackToLocalReply() {
        let harness = ProxyHarness(TestLogic { $0.methodText == "INVITE" ? { _ = $0.reply(404) }($0) : $0.relay() })
        let reply = harness.receive(RequestText())[0].message
        let ack = RequestText("ACK") { $0.to = reply["To"][0] }
        #expect(harness.receive(ack).isEmpty)
        #expect(harness.count(.acksAbsorbed) == 1)
        let other = RequestText("ACK") { $0.to = "Bob <sip:bob@example.com>;tag=sv0123456789abcdef" }
        #expect(harness.receive(other).summary == ["ACK"])
    }
}
