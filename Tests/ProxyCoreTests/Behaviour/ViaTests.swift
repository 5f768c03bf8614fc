import ProxyCore
import Reactor
import Testing

/// RFC 3261 §18.2.1, §18.2.2 and RFC 3581: where a request came from, and where its responses go.
@Suite struct ViaTests {
    private static let listeners = [false, true]

    private func harness(stateless: Bool) -> ProxyHarness { stateless ? .stateless() : ProxyHarness() }

    /// The answer to the request that the proxy sent, as the proxy sends it on.
    private func answer(_ harness: ProxyHarness, _ out: [Sent]) -> Sent? {
        let request = out.requests[0]
        return harness.receive(request.message.response(404), from: request.destination).responses.first
    }

    @Test("our Via stands on top with the listener's address and a branch with the magic cookie", arguments: listeners)
    func ownVia(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let out = harness.receive(RequestText("OPTIONS")).requests
        #expect(out[0].message["Via"].count == 2)
        #expect(out[0].message["Via"][0].hasPrefix("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"))
        #expect(out[0].message["Via"][1] == "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKalice1")
        #expect(out[0].destination == Place.bob)
        let back = answer(harness, out)
        #expect(back?.destination == Place.alice)
        #expect(back?.message["Via"] == ["SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKalice1"])
    }

    @Test("a source that differs from sent-by is noted in received; the port stays sent-by's", arguments: listeners)
    func received(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let source = SocketAddress("192.0.2.77:40000")!
        let out = harness.receive(RequestText("OPTIONS"), from: source)
        #expect(out.requests[0].message["Via"][1].contains(";received=192.0.2.77"))
        #expect(answer(harness, out)?.destination == SocketAddress("192.0.2.77:5060")!)
    }

    @Test("a name in sent-by gets received too, and port 5060 without one", arguments: listeners)
    func receivedForName(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let request = RequestText("OPTIONS") { $0.via = "SIP/2.0/UDP pc.example.com;branch=z9hG4bKname" }
        let out = harness.receive(request, from: SocketAddress("192.0.2.100:5062")!)
        #expect(
            out.requests[0].message["Via"][1] == "SIP/2.0/UDP pc.example.com;branch=z9hG4bKname;received=192.0.2.100")
        #expect(answer(harness, out)?.destination == Place.alice)
    }

    @Test("rport is filled in with received, wherever it stands, and the response goes there", arguments: listeners)
    func rport(stateless: Bool) {
        for via in ["rport;branch=z9hG4bKr1", "branch=z9hG4bKr2;rport", "branch=z9hG4bKr3;rport;x=y"] {
            let harness = harness(stateless: stateless)
            let source = SocketAddress("192.0.2.100:40001")!
            let request = RequestText("OPTIONS") { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;\(via)" }
            let out = harness.receive(request, from: source)
            let noted = out.requests[0].message["Via"][1]
            #expect(noted.contains(";rport=40001"))
            #expect(noted.contains(";received=192.0.2.100"))
            #expect(answer(harness, out)?.destination == source)
        }
    }

    @Test("a received that the client wrote itself is replaced", arguments: listeners)
    func forgedReceived(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let request = RequestText("OPTIONS") {
            $0.via = "SIP/2.0/UDP 192.0.2.100:5060;received=192.0.2.66;branch=z9hG4bKf;rport=99"
        }
        let out = harness.receive(request, from: SocketAddress("192.0.2.100:40002")!)
        let noted = out.requests[0].message["Via"][1]
        #expect(noted.contains("received=192.0.2.100"))
        #expect(!noted.contains("192.0.2.66"))
        #expect(noted.contains("rport=40002"))
        #expect(answer(harness, out)?.destination == SocketAddress("192.0.2.100:40002")!)
    }

    @Test("a response made here goes by received and rport as well")
    func localReply() {
        let harness = ProxyHarness(TestLogic { $0.reply(403) })
        let request = RequestText { $0.via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnat;rport" }
        let sent = harness.receive(request, from: SocketAddress("192.0.2.100:40003")!)
        #expect(sent[0].destination == SocketAddress("192.0.2.100:40003")!)
        #expect(
            sent[0].message["Via"] == ["SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnat;rport=40003;received=192.0.2.100"])
    }

    @Test("100 Trying goes by received and rport as well")
    func trying() {
        let harness = ProxyHarness()
        let request = RequestText { $0.via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnat;rport" }
        let sent = harness.receive(request, from: SocketAddress("192.0.2.100:40004")!)
        #expect(sent.summary == ["100", "INVITE"])
        #expect(sent[0].destination == SocketAddress("192.0.2.100:40004")!)
        #expect(sent[0].message["Via"][0].contains("rport=40004"))
        #expect(sent[0].message.tag(of: "To").isEmpty)
    }

    @Test("maddr in Via wins over the source (§18.2.2)", arguments: listeners)
    func viaMaddr(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let request = RequestText("OPTIONS") {
            $0.via = "SIP/2.0/UDP 192.0.2.100:5070;maddr=192.0.2.150;branch=z9hG4bKmaddr"
        }
        let out = harness.receive(request)
        #expect(answer(harness, out)?.destination == SocketAddress("192.0.2.150:5070")!)
    }

    @Test("several Vias in one header: ours goes before, and comes off again", arguments: listeners)
    func commaSeparatedVias(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let request = RequestText("OPTIONS") {
            $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKc1, SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bKc2"
        }
        let out = harness.receive(request)
        #expect(out.requests[0].message["Via"].count == 2)
        let back = answer(harness, out)
        #expect(back?.destination == Place.alice)
        #expect(back?.message["Via"] == [request.via])
    }

    @Test("our Via comes off a comma-separated header too", arguments: listeners)
    func folding(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let out = harness.receive(RequestText("OPTIONS")).requests[0].message
        let joined = out.response(200).replacing(
            "Via: \(out["Via"][0])\r\nVia: \(out["Via"][1])", with: "v: \(out["Via"][0]) ,\r\n \(out["Via"][1])")
        let back = harness.receive(joined, from: Place.bob)
        #expect(back.summary == ["200"])
        #expect(back[0].destination == Place.alice)
        #expect(back[0].message["v"].count == 1)
        #expect(!back[0].message.text.contains(out.branch()))
    }

    @Test("IPv6: bracketed sent-by, received without brackets", arguments: listeners)
    func ipv6(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let request = RequestText("OPTIONS") {
            $0.via = "SIP/2.0/UDP [2001:db8::99]:5060;branch=z9hG4bKsix"
            $0.uri = "sip:bob@[2001:db8::200]"
        }
        let out = harness.receive(request, from: Place.alice6)
        #expect(out.requests[0].destination == Place.bob6)
        #expect(out.requests[0].listener == 1)
        #expect(out.requests[0].message["Via"][0].hasPrefix("SIP/2.0/UDP [2001:db8::1]:5060;branch="))
        #expect(out.requests[0].message["Via"][1].hasSuffix(";received=2001:db8::100"))
        #expect(answer(harness, out)?.destination == Place.alice6)
    }

    @Test("from IPv6 to IPv4 and back: each side by its own listener", arguments: listeners)
    func familyChange(stateless: Bool) {
        let harness = harness(stateless: stateless)
        let request = RequestText("OPTIONS") { $0.via = "SIP/2.0/UDP [2001:db8::100]:5060;branch=z9hG4bKmix" }
        let out = harness.receive(request, from: Place.alice6)
        #expect(out.requests[0].listener == 0)
        #expect(out.requests[0].message["Via"][0].hasPrefix("SIP/2.0/UDP 192.0.2.1:5060;"))
        let back = harness.receive(out.requests[0].message.response(200), from: Place.bob, listener: 0)
        #expect(back.count == 1)
        #expect(back[0].destination == Place.alice6)
        #expect(back[0].listener == 1)
    }

    @Test("received and rport survive the removal of two own Routes")
    func receivedWithDoubleRoute() {
        for harness in [ProxyHarness(), .stateless()] {
            let request = RequestText("BYE") {
                $0.via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnat;rport"
                $0.to = "Bob <sip:bob@example.com>;tag=b1"
                $0.headers = ["Route: <sip:192.0.2.1;lr;r2=on>", "Route: <sip:[2001:db8::1];lr;r2=on>"]
            }
            let source = SocketAddress("192.0.2.100:40005")!
            let out = harness.receive(request, from: source)
            #expect(out.requests[0].message["Route"].isEmpty)
            #expect(out.requests[0].message["Via"][1].contains(";rport=40005"))
            #expect(out.requests[0].message["Via"][1].contains(";received=192.0.2.100"))
            #expect(answer(harness, out)?.destination == source)
        }
    }
}
