import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Requests between proxies that share state: who marks what, who believes whom.
struct MarkerTests {
    /// alice's side is 192.0.2.101, a trusted proxy; bob's 192.0.2.200, another one. carol is a stranger.
    static let upstream = SocketAddress("192.0.2.101:5060")!

    static func harness(
        _ logic: TestLogic = TestLogic(), dial: PolicyDial = PolicyDial(keep: 1),
        _ configure: (inout ProxySettings) -> Void = { _ in }
    ) -> ProxyHarness {
        ProxyHarness(logic, dial: dial) {
            $0.trustedPeers = [TrustedPeer(upstream), TrustedPeer(Place.bob)]
            $0.logsHolders = true
            configure(&$0)
        }
    }

    /// A request from the trusted proxy upstream.
    static func request(_ marker: String, _ change: (inout RequestText) -> Void = { _ in }) -> RequestText {
        RequestText {
            $0.via = "SIP/2.0/UDP 192.0.2.101:5060;branch=z9hG4bKup1;sv=000012345678\(marker)"
            change(&$0)
        }
    }

    static let toStranger: @Sendable (inout RequestText) -> Void = { $0.uri = "sip:carol@192.0.2.201" }

    @Test("a request held here tells a trusted next hop so, right behind sv, and a stranger nothing")
    func marksHeld() {
        let harness = Self.harness()
        let via = harness.receive(RequestText()).requests[0].message["Via"][0]
        #expect(via.hasSuffix(";svk=held"))
        #expect(via.contains(";sv="))
        let other = Self.harness().receive(RequestText(Self.toStranger)).requests[0].message["Via"][0]
        #expect(!other.contains("svk"))
        #expect(harness.holders.map(\.reason) == [.exit])
    }

    @Test("a request that upstream holds goes on without state and says so")
    func heldUpstream() {
        let harness = Self.harness()
        let sent = harness.receive(Self.request(";svk=held"), from: Self.upstream)
        #expect(sent.summary == ["INVITE"])
        #expect(sent[0].message["Via"][0].hasSuffix(";svk=held"))
        #expect(sent[0].message["Via"][1].hasSuffix(";svk=held"))
        #expect(harness.holders.isEmpty)
        #expect(harness.count(.requestsHeldUpstream) == 1)
    }

    @Test("an open request at its exit is held")
    func openAtExit() {
        let harness = Self.harness()
        let sent = harness.receive(Self.request(";svk=open", Self.toStranger), from: Self.upstream)
        #expect(sent.summary == ["100", "INVITE"])
        #expect(harness.holders.map(\.reason) == [.exit])
    }

    @Test("markers of strangers are ignored, removed and counted", arguments: [";svk=held", ";svk=open;svk-allow=5"])
    func forgedMarker(marker: String) {
        let harness = Self.harness()
        let request = RequestText { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKx\(marker);x=y" }
        let sent = harness.receive(request)
        #expect(sent.summary == ["100", "INVITE"])
        #expect(sent.requests[0].message["Via"][1] == "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKx;x=y")
        #expect(harness.count(.stateSignalsIgnored) == 1)
        #expect(harness.holders.count == 1)
    }

    @Test("ACK and CANCEL that pass through carry no marker, and theirs is not looked at")
    func noMarkerOnAck() {
        let harness = Self.harness()
        for method in ["ACK", "CANCEL"] {
            let sent = harness.receive(Self.request(";svk=held") { $0.method = method }, from: Self.upstream)
            #expect(!sent.requests[0].message["Via"][0].contains("svk"))
        }
        #expect(harness.count(.stateSignalsIgnored) == 0)
    }
}
