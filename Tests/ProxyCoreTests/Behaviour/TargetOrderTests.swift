import ProxyCore
import Reactor
import Testing

/// Targets that are tried one after the other: RFC 3261 §16.6 and §16.7.
@Suite struct TargetOrderTests {
    private static let places = [Place.bob, Place.carol, Place.dave]

    /// Relays to three targets in an order.
    private func harness(
        _ order: TargetOrder, preferences: [UInt16] = [1_000, 1_000, 1_000], answerMilliseconds: UInt32 = 0,
        names: [String]? = nil
    ) -> ProxyHarness {
        ProxyHarness(
            TestLogic { request in
                for (index, place) in Self.places.enumerated() {
                    let uri = names?[index] ?? "sip:bob@\(place)"
                    _ = Array(uri.utf8).withUnsafeBytes { request.addTarget(uri: $0, preference: preferences[index]) }
                }
                request.targetOrder = order
                request.answerMilliseconds = answerMilliseconds
                request.relay()
            })
    }

    @Test("serial: each target is tried when the one before has failed, and the first 2xx ends it")
    func serial() {
        let harness = harness(.serial)
        let first = harness.receive(RequestText()).requests
        #expect(first.map(\.destination) == [Place.bob])
        let second = harness.receive(first[0].message.response(486), from: Place.bob)
        #expect(second.summary == ["ACK", "INVITE"])
        #expect(second[1].destination == Place.carol)
        #expect(second[1].message.branch() != first[0].message.branch())
        #expect(
            harness.receive(second[1].message.response(180), from: Place.carol).to(Place.alice).map(\.message.code) == [
                180
            ])
        let up = harness.receive(second[1].message.response(200), from: Place.carol)
        #expect(up.summary == ["200"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("serial: when all have failed the best answer goes up")
    func best() {
        let harness = harness(.serial)
        var sent = harness.receive(RequestText())
        for (code, place) in zip([486, 404, 480], Self.places) {
            let invite = sent.requests.last { $0.message.method == "INVITE" }
            #expect(invite?.destination == place)
            sent = harness.receive(invite!.message.response(code), from: place)
        }
        #expect(sent.to(Place.alice).map(\.message.code) == [404])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("6xx and CANCEL leave the rest untried", arguments: [603, 487])
    func ends(code: Int) {
        let harness = harness(.serial)
        let invite = harness.receive(RequestText()).requests[0].message
        if code == 487 {
            harness.receive(invite.response(180), from: Place.bob)
            harness.receive(RequestText("CANCEL"))
        }
        #expect(harness.receive(invite.response(code), from: Place.bob).summary == ["ACK", "\(code)"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("by q: those as good as the first at once, then the next ones")
    func preference() {
        let harness = harness(.preference, preferences: [900, 900, 300])
        let first = harness.receive(RequestText()).requests
        #expect(first.map(\.destination) == [Place.bob, Place.carol])
        #expect(harness.receive(first[0].message.response(486), from: Place.bob).summary == ["ACK"])
        let next = harness.receive(first[1].message.response(480), from: Place.carol)
        #expect(next.summary == ["ACK", "INVITE"])
        #expect(next[1].destination == Place.dave)
        #expect(
            harness.receive(next[1].message.response(200), from: Place.dave).to(Place.alice).map(\.message.code) == [
                200
            ])
    }

    @Test("failover goes on after 503 and not after 486", arguments: [500, 503, 486])
    func failover(code: Int) {
        let harness = harness(.failover)
        let invite = harness.receive(RequestText()).requests[0].message
        let sent = harness.receive(invite.response(code), from: Place.bob)
        #expect(sent.summary == (code == 486 ? ["ACK", "486"] : ["ACK", "INVITE"]))
    }

    @Test("failover: what the last one tried says decides, not the best so far")
    func failoverLatest() {
        let harness = harness(.failover)
        let first = harness.receive(RequestText()).requests[0].message
        let second = harness.receive(first.response(408), from: Place.bob).requests[1]
        #expect(second.destination == Place.carol)
        // 408 ranks above 486, but carol's gateway has reached the user: she is busy.
        let end = harness.receive(second.message.response(486), from: Place.carol)
        #expect(end.requests.allSatisfy { $0.message.method == "ACK" })
        #expect(end.to(Place.alice).map(\.message.code) == [408])
    }

    @Test("no answer in time counts as 408: the next target's turn; a 100 is an answer")
    func answerTimeout() {
        let harness = harness(.failover, answerMilliseconds: 2_000)
        harness.receive(RequestText())
        let sent = harness.pass(milliseconds: 2_100).map(\.sent)
        let second = sent.requests.last { $0.message.method == "INVITE" }
        #expect(second?.destination == Place.carol)
        harness.receive(second!.message.response(100), from: Place.carol)
        let later = harness.pass(milliseconds: 20_000).map(\.sent)
        #expect(later.requests.isEmpty)
        // The first one answers after all: RFC 6026 has a 2xx go upstream all the same.
        #expect(
            harness.receive(second!.message.response(200), from: Place.carol).to(Place.alice).map(\.message.code) == [
                200
            ])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a target that leads nowhere is passed over")
    func unreachable() {
        let harness = harness(
            .failover, names: ["sip:bob@[2001:db8::7]:0", "sip:bob@nobody.invalid", "sip:bob@\(Place.dave)"])
        let sent = harness.receive(RequestText()).requests
        #expect(sent.map(\.destination).last == Place.dave)
    }

    @Test("non-INVITE requests are tried one after the other too")
    func options() {
        let harness = harness(.failover, answerMilliseconds: 1_000)
        let first = harness.receive(RequestText("OPTIONS")).requests
        #expect(first.map(\.destination) == [Place.bob])
        let second = harness.pass(milliseconds: 1_200).map(\.sent).requests.last
        #expect(second?.destination == Place.carol)
        #expect(
            harness.receive(second!.message.response(200), from: Place.carol).to(Place.alice).map(\.message.code) == [
                200
            ])
        harness.finish()
        #expect(harness.isEmpty)
    }
}
