import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Peers that mean harm or are broken: nothing traps, nothing stays, answers stay right for the others.
///
/// `PROXY_HOSTILE` sets the number of datagrams, `PROXY_SEED` the seed.
@Suite struct HostilePeerTests {
    private static let datagrams = environmentNumber("PROXY_HOSTILE", default: isOptimised ? 200_000 : 10_000)

    private func harnesses() -> [ProxyHarness] {
        [ProxyHarness { $0.limits.transactionsMax = 500 }, .stateless()]
    }

    /// Forks to two targets, retries on failure and looks at everything: the most code for a message.
    private func busyHarness() -> ProxyHarness {
        let logic = TestLogic { request in
            request.recordsRoute = true
            if request.methodText == "INVITE" {
                request.addTarget("sip:bob@192.0.2.200")
                request.addTarget("sip:carol@192.0.2.201")
            }
            request.handlers.onFailure = 1
            request.relay()
        }
        logic.hooks = [.onReply, .onBranch]
        logic.reply = { addHeader("X-Reply: 1", to: $0.edits, of: $0.message) }
        logic.branch = { addHeader("X-Branch: 1", to: $0.edits, of: $0.message) }
        logic.failure = { request in
            request.addTarget("sip:dave@192.0.2.202")
            request.relay()
        }
        return ProxyHarness(logic) { $0.limits.transactionsMax = 500 }
    }

    @Test("random bytes")
    func randomBytes() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("randomBytes"))
        for harness in harnesses() + [busyHarness()] {
            for _ in 0..<Self.datagrams / 4 {
                let count = Int(random.next() % 600)
                var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                // Some begin as a message does.
                if random.chance(perMille: 500) {
                    bytes = Array("INVITE sip:bob@192.0.2.200 SIP/2.0\r\nVia: ".utf8) + bytes
                }
                harness.receive(bytes: bytes, from: Place.alice)
            }
            harness.finish()
            #expect(harness.isEmpty)
        }
    }

    /// Valid messages of all kinds that `mutate` starts from.
    private func seeds(_ harness: ProxyHarness) -> [[UInt8]] {
        let invite = RequestText {
            $0.headers = [
                "Route: <sip:192.0.2.1;lr>, <sip:192.0.2.201;lr>", "Record-Route: <sip:p.example.com;lr>",
                "Proxy-Require: ", "Contact: \"A\" <sip:alice@192.0.2.100>",
            ]
        }
        let options = RequestText("OPTIONS") { $0.via = "SIP/2.0/UDP pc.example.com;rport;branch=z9hG4bKo" }
        let strict = RequestText("BYE") {
            $0.uri = "sip:192.0.2.1;lr"
            $0.via = "SIP/2.0/UDP pc.example.com"
            $0.headers = ["Route: <sip:192.0.2.201>", "Route: <sip:bob@192.0.2.200;maddr=192.0.2.202>"]
        }
        let maddr = RequestText("MESSAGE") { $0.uri = "sip:bob@192.0.2.200:5060;maddr=192.0.2.1;transport=udp" }
        var all = [
            invite, invite.with { $0.method = "CANCEL" }, invite.with { $0.method = "ACK" }, options, strict, maddr,
        ]
        .map(\.text)
        for request in harness.receive(invite).requests + harness.receive(options).requests {
            for code in [100, 180, 200, 302, 401, 487, 503, 603] {
                all.append(request.message.response(code, headers: ["WWW-Authenticate: Digest realm=\"example.com\""]))
            }
        }
        return all.map { Array($0.utf8) }
    }

    /// One to four small harms: bytes changed, removed, doubled, pieces of other messages put in.
    private func mutate(_ bytes: inout [UInt8], with all: [[UInt8]], _ random: inout SeededGenerator) {
        let interesting = Array("\r\n\r\n ;,:<>\"@=\\[]0%\u{0}\u{7f}9".utf8)
        for _ in 0...random.next() % 4 where !bytes.isEmpty {
            let place = Int(random.next() % UInt64(bytes.count))
            let length = min(Int(random.next() % 40), bytes.count - place)
            switch random.next() % 7 {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes[place] = interesting[Int(random.next() % UInt64(interesting.count))]
            case 2: bytes.removeSubrange(place..<place + length)
            case 3: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
            case 4: bytes.removeSubrange(place...)
            case 5:
                let other = all[Int(random.next() % UInt64(all.count))]
                let start = Int(random.next() % UInt64(other.count))
                bytes.insert(contentsOf: other[start..<min(start + 60, other.count)], at: place)
            default: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            }
        }
    }

    @Test("mutated messages, with time going by")
    func mutations() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("mutations"))
        for harness in harnesses() + [busyHarness()] {
            let all = seeds(harness)
            let sources = [Place.alice, Place.bob, Place.carol, Place.alice6]
            for _ in 0..<Self.datagrams / 4 {
                var bytes = all[Int(random.next() % UInt64(all.count))]
                mutate(&bytes, with: all, &random)
                harness.receive(bytes: bytes, from: sources[Int(random.next() % 4)])
                if random.chance(perMille: 20) { harness.pass(milliseconds: random.next() % 5_000) }
            }
            harness.finish()
            #expect(harness.isEmpty)
            // It serves on.
            let after = harness.receive(RequestText("OPTIONS") { $0.via += "-after" })
            #expect(after.requests.count == 1)
        }
    }

    @Test("forged responses are never forwarded")
    func forgedResponses() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("forgedResponses"))
        let harness = ProxyHarness()
        let real = harness.receive(RequestText()).requests[0].message
        let digits = Array("0123456789abcdef")
        for _ in 0..<2_000 {
            // A branch of our format, made up.
            var branch = "z9hG4bK"
            while branch.count < 33 { branch.append(digits[Int(random.next() % 16)]) }
            let forged = real.response(200).replacing(real.branch(), with: branch)
            #expect(harness.receive(forged, from: Place.carol).isEmpty)
        }
        #expect(harness.count(.responsesForged) == 2_000)
        // Workers that do not exist, listeners that do not exist.
        for head in ["ff00", "00ff", "ffff"] {
            let sent = harness.receive(real.response(180).replacing(";sv=0000", with: ";sv=\(head)"), from: Place.bob)
            #expect(sent.allSatisfy { $0.destination == Place.alice })
        }
        // The real one still counts.
        #expect(harness.receive(real.response(200), from: Place.bob).to(Place.alice).count == 1)
    }

    @Test("replays after everything has ended do no harm")
    func replays() {
        for harness in harnesses() {
            let invite = harness.receive(RequestText()).requests[0].message
            let messages = [
                RequestText().text, invite.response(180), invite.response(200),
                RequestText("ACK") { $0.via += "a" }.text, RequestText("BYE") { $0.via += "b" }.text,
                RequestText("CANCEL").text, invite.response(487), invite.response(200, method: "CANCEL"),
            ]
            for round in 0..<20 {
                for message in round % 2 == 0 ? messages : messages.reversed() {
                    harness.receive(message, from: message.hasPrefix("SIP") ? Place.bob : Place.alice)
                }
                if round % 3 == 0 { harness.finish() }
            }
            harness.finish()
            #expect(harness.isEmpty)
        }
    }

    @Test("a flood beyond transactionsMax is forwarded or refused, every request counted, and ends in nothing")
    func flood() {
        let count = isOptimised ? 50_000 : 3_000
        let harness = ProxyHarness { $0.limits.transactionsMax = 300 }
        var forwarded = 0
        for number in 0..<count {
            let method = ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"][number % 4]
            let sent = harness.receive(RequestText(method) { $0.via += "-\(number)" })
            let isAnswered = sent.responses.contains { $0.message.code >= 500 }
            #expect(sent.requests.count == 1 || isAnswered)
            forwarded += sent.requests.count
        }
        #expect(forwarded >= 300)
        #expect(
            harness.count(.requestsForwardedStateless) + harness.count(.requestsForwardedStateful) == UInt64(count))
        #expect(harness.count(.transactionsRefused) > 0)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a flood of large bodies beyond the memory limit ends in nothing")
    func memoryFlood() {
        let harness = ProxyHarness { $0.limits.transactionMemoryBytesMax = 4 << 20 }
        let body = String(repeating: "b", count: 20_000)
        for number in 0..<400 {
            let sent = harness.receive(
                RequestText("MESSAGE") {
                    $0.via += "-\(number)"
                    $0.body = body
                })
            #expect(sent.requests.count == 1 || sent.responses.contains { $0.message.code >= 500 })
        }
        #expect(harness.count(.transactionMemoryRefused) > 0)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("many Vias, Routes and challenges at once")
    func longHeaders() {
        for harness in harnesses() + [busyHarness()] {
            let many = RequestText {
                $0.via += String(repeating: ", SIP/2.0/UDP p.example.com;branch=z9hG4bKx", count: 1_000)
                $0.headers = ["Route: " + Array(repeating: "<sip:192.0.2.201;lr>", count: 1_000).joined(separator: ",")]
            }
            let out = harness.receive(many).requests
            #expect(!out.isEmpty)
            for branch in out {
                let challenges = (0..<150).map { "WWW-Authenticate: Digest realm=\"\($0).example.com\"" }
                harness.receive(branch.message.response(401, headers: challenges), from: branch.destination)
            }
            harness.finish()
            #expect(harness.isEmpty)
        }
    }

    @Test("timers at the end of time do not trap")
    func endOfTime() {
        let harness = ProxyHarness()
        harness.now = .max - 10_000_000
        harness.receive(RequestText())
        harness.finish()
        #expect(harness.isEmpty)
    }
}
