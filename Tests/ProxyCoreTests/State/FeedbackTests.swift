import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Feedback: what a next hop says, and what upstream is told.
struct FeedbackTests {
    /// The response to a forwarded request with something added to its top Via.
    static func response(_ request: WireMessage, _ code: Int = 200, adding text: String, toVia index: Int = 0) -> String
    {
        var lines = request.response(code).split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        lines[1 + index] += text
        return lines.joined(separator: "\r\n")
    }

    static let feedback = ";svk-allow=250;svk-price=31000;svk-seq=7.1"

    @Test("a next hop that gave feedback gets what the policy leaves to it; nothing before")
    func delegation() {
        let dial = PolicyDial(keep: 0)
        let harness = MarkerTests.harness(dial: dial)
        var sent = harness.receive(RequestText()).requests
        #expect(sent[0].message["Via"][0].hasSuffix(";svk=held"))
        harness.tick()
        sent = harness.receive(RequestText { $0.via += "2" }).requests
        #expect(sent[0].message["Via"][0].hasSuffix(";svk=held"), "no feedback yet")
        harness.receive(Self.response(sent[0].message, adding: Self.feedback), from: Place.bob)
        #expect(harness.count(.stateFeedbackReceived) == 1)
        harness.tick()
        sent = harness.receive(RequestText { $0.via += "3" })
        #expect(sent.summary == ["INVITE"])
        #expect(sent[0].message["Via"][0].hasSuffix(";svk=open"))
        #expect(harness.count(.requestsDelegated) == 1)
        let report = harness.node.snapshot()
        #expect(report.nextHops.map(\.address) == [Place.bob])
        #expect(report.nextHops[0].allowance == 250)
        #expect(abs(report.nextHops[0].price - 31e-6) < 1e-9)
        #expect(dial.lastSample?.feedback == [Feedback(allowance: 250, price: 31e-6, epoch: 7, sequence: 1)])
    }

    @Test("upstream is told what it may send, at most every 50 ms, in its own Via, also by a 100")
    func told() {
        let dial = PolicyDial(keep: 1)
        dial.set {
            $0.allowance = 99.7; $0.price = 0.000_031
        }
        let harness = MarkerTests.harness(dial: dial)
        func request(_ number: Int) -> [Sent] {
            harness.receive(
                MarkerTests.request(";svk=open") {
                    $0.via = $0.via.replacing("bKup1", with: "bKup\(number)")
                    MarkerTests.toStranger(&$0)
                }, from: MarkerTests.upstream)
        }
        #expect(!request(1)[0].message["Via"][0].contains("svk-"), "nothing was decided yet")
        harness.tick()
        let trying = request(2)
        #expect(trying[0].message.code == 100)
        #expect(trying[0].message["Via"][0].hasSuffix(";svk=open;svk-allow=99;svk-price=31000;svk-seq=1000.1"))
        #expect(!request(3)[0].message["Via"][0].contains("svk-"), "told a moment ago")
        harness.pass(milliseconds: 50)
        let answer = harness.receive(trying[1].message.response(200), from: Place.carol)
        #expect(answer[0].message["Via"].count == 1)
        #expect(answer[0].message["Via"][0].hasSuffix(";svk-allow=99;svk-price=31000;svk-seq=1000.1"))
        #expect(harness.count(.stateFeedbackSent) == 2)
    }

    @Test("what downstream writes into the upstream's Via never gets there")
    func smuggled() {
        for marker in [";svk=held", ";svk=open"] {
            let harness = MarkerTests.harness()
            let sent = harness.receive(MarkerTests.request(marker), from: MarkerTests.upstream).requests
            let answer = harness.receive(
                Self.response(sent[0].message, adding: Self.feedback, toVia: 1), from: Place.bob)
            #expect(answer[0].message["Via"] == [sent[0].message["Via"][1]])
            #expect(harness.count(.stateSignalsIgnored) == 1)
        }
    }

    @Test("feedback from another address than the request went to is ignored and counted")
    func forgedFeedback() {
        let harness = MarkerTests.harness(dial: PolicyDial(keep: 0))
        let sent = harness.receive(RequestText()).requests
        harness.receive(Self.response(sent[0].message, 180, adding: Self.feedback), from: Place.carol)
        harness.receive(Self.response(sent[0].message, 183, adding: Self.feedback), from: MarkerTests.upstream)
        #expect(harness.count(.stateSignalsIgnored) == 2)
        #expect(harness.count(.stateFeedbackReceived) == 0)
        harness.tick()
        #expect(harness.node.snapshot().nextHops.isEmpty)
    }
}
