import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Neighbours that restart or fall silent, tables that are full, overload.
struct NeighbourTests {
    /// Sends a call to bob and answers it with feedback.
    @discardableResult
    private func call(_ harness: ProxyHarness, _ number: Int, feedback: String? = nil) -> Sent {
        let sent = harness.receive(
            RequestText {
                $0.via += "n\(number)"
                $0.callID = "n\(number)"
            }
        ).requests[0]
        let answer = FeedbackTests.response(sent.message, adding: feedback ?? "")
        harness.receive(answer, from: Place.bob)
        return sent
    }

    private func isOpen(_ sent: Sent) -> Bool { sent.message["Via"][0].hasSuffix(";svk=open") }

    private func delegatingHarness() -> ProxyHarness {
        let harness = MarkerTests.harness(dial: PolicyDial(keep: 0))
        call(harness, 0, feedback: ";svk-allow=any;svk-price=0;svk-seq=7.5")
        harness.tick()
        return harness
    }

    @Test("a next hop that has said nothing for three seconds gets nothing more")
    func silence() {
        let harness = delegatingHarness()
        #expect(isOpen(call(harness, 1)))
        for _ in 0..<14 { harness.tick() }
        #expect(isOpen(call(harness, 2)))
        harness.tick()
        #expect(!isOpen(call(harness, 3)))
    }

    @Test("a next hop that restarted gets nothing until it is known again; older words are not listened to")
    func restart() {
        let harness = delegatingHarness()
        call(harness, 1, feedback: ";svk-allow=9;svk-price=0;svk-seq=7.4")
        call(harness, 2, feedback: ";svk-allow=9;svk-price=0;svk-seq=6.900")
        #expect(harness.count(.stateSignalsIgnored) == 2)
        harness.tick()
        #expect(isOpen(call(harness, 3, feedback: ";svk-allow=any;svk-price=0;svk-seq=8.1")))
        harness.tick()
        #expect(!isOpen(call(harness, 4, feedback: ";svk-allow=any;svk-price=0;svk-seq=8.2")))
        harness.tick()
        #expect(isOpen(call(harness, 5)))
        #expect(harness.node.snapshot().nextHops[0].epoch == 8)
    }

    @Test("a clock set back is believed after three seconds of silence")
    func clockSetBack() {
        let harness = delegatingHarness()
        for _ in 0..<16 { harness.tick() }
        call(harness, 1, feedback: ";svk-allow=any;svk-price=0;svk-seq=3.1")
        #expect(harness.count(.stateSignalsIgnored) == 0)
        harness.tick()
        #expect(harness.node.snapshot().nextHops[0].epoch == 3)
    }

    @Test("with the table of neighbours full another proxy counts as outside: its word isn't taken, and it is counted")
    func neighboursFull() {
        let dial = PolicyDial(keep: 1)
        let harness = MarkerTests.harness(dial: dial) {
            $0.trustedPeers = [TrustedPeer(network: SocketAddress("198.51.100.0:0")!, prefixBits: 23)]
        }
        for number in 0..<300 {
            let source = SocketAddress(ipv4: 0xC633_6400 + UInt32(number), port: 5_060)
            harness.receive(
                MarkerTests.request(";svk=held") {
                    $0.via = $0.via.replacing("bKup1", with: "bKup\(number)")
                }, from: source)
        }
        #expect(harness.count(.requestsHeldUpstream) == 256)
        #expect(harness.count(.stateNeighboursRefused) == 44)
        #expect(harness.holders.count == 44)
        harness.tick()
        #expect(dial.lastSample?.paths.reduce(0) { $0 + $1.total } == 300)
    }

    @Test("more paths than are told apart still count every request")
    func pathsFull() {
        let dial = PolicyDial(keep: 1)
        let harness = MarkerTests.harness(dial: dial) {
            $0.trustedPeers = [TrustedPeer(network: SocketAddress("198.51.100.0:0")!, prefixBits: 24)]
        }
        let hops = (0..<6).map { SocketAddress(ipv4: 0xC633_6401 + UInt32($0), port: 5_060) }
        var number = 0
        func request(from source: SocketAddress, to hop: Int, _ marker: String) -> [Sent] {
            number += 1
            return harness.receive(
                MarkerTests.request(marker) {
                    $0.uri = "sip:x@198.51.100.\(1 + hop)"
                    $0.via = $0.via.replacing("bKup1", with: "bKup\(number)")
                }, from: source)
        }
        for (index, hop) in hops.enumerated() {
            let sent = request(from: Place.alice, to: index, "").requests[0].message
            harness.receive(FeedbackTests.response(sent, adding: FeedbackTests.feedback), from: hop)
        }
        for upstream in 0..<240 {
            for hop in 0..<6 {
                _ = request(
                    from: SocketAddress(ipv4: 0xC633_6400 + UInt32(10 + upstream), port: 5_060), to: hop, ";svk=held")
            }
        }
        harness.tick()
        let paths = dial.lastSample?.paths ?? []
        #expect(paths.reduce(0) { $0 + $1.total } == UInt64(number))
        #expect(paths.count > 900)
        #expect(paths.reduce(0) { $0 + $1.heldUpstream } == 1_440)
    }

    @Test("under overload a fraction of new calls from outside gets 503, nobody else")
    func refusal() {
        let dial = PolicyDial(keep: 1)
        dial.set { $0.refuse = 0.25 }
        let harness = MarkerTests.harness(dial: dial)
        harness.tick()
        for number in 0..<200 {
            let change: (inout RequestText) -> Void = {
                $0.via += "\(number)"
                $0.callID = "r\(number)"
            }
            harness.receive(RequestText(change))
            let inDialog = harness.receive(
                RequestText("BYE") {
                    change(&$0); $0.to += ";tag=x"
                })
            #expect(inDialog.summary == ["BYE"])
            let trusted = harness.receive(
                MarkerTests.request(";svk=open") {
                    $0.via = $0.via.replacing("bKup1", with: "bKup\(number)")
                    $0.callID = "r\(number)"
                }, from: MarkerTests.upstream)
            #expect(trusted.responses.allSatisfy { $0.message.code == 100 })
        }
        let refused = harness.count(.overloadRefusals)
        #expect(refused > 25 && refused < 80, "\(refused) of 200")
    }

    @Test("an open request that finds no room at its exit gets 503; one that upstream holds goes on")
    func noRoom() {
        let harness = MarkerTests.harness { $0.limits.transactionsMax = 1 }
        harness.receive(RequestText { $0.callID = "first" })
        for marker in ["", ";svk=open"] {
            let sent = harness.receive(
                MarkerTests.request(marker) { $0.via = $0.via.replacing("up1", with: "up\(marker.count)") },
                from: MarkerTests.upstream)
            #expect(sent.summary == ["503"])
            #expect(sent[0].message["Retry-After"] == ["1"])
        }
        let held = harness.receive(
            MarkerTests.request(";svk=held") { $0.via = $0.via.replacing("up1", with: "up99") },
            from: MarkerTests.upstream)
        #expect(held.summary == ["INVITE"])
    }

    @Test("an INVITE that forks behind a proxy that left it open is held there, with every branch marked")
    func forked() {
        let harness = MarkerTests.harness(
            TestLogic {
                $0.addTarget("sip:bob@192.0.2.200")
                $0.addTarget("sip:bob2@192.0.2.200")
                $0.relay()
            })
        let sent = harness.receive(MarkerTests.request(";svk=open"), from: MarkerTests.upstream)
        #expect(sent.summary == ["100", "INVITE", "INVITE"])
        #expect(sent.requests.allSatisfy { $0.message["Via"][0].hasSuffix(";svk=held") })
        #expect(harness.holders.map(\.reason) == [.mustHold])
    }
}
