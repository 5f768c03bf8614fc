import ProxyCore
import Reactor
import SIPTransaction
import StatePolicy
import Testing

/// Names that have to be looked up: RFC 3263 as a worker sees it.
@Suite struct NameTests {
    private let names = FakeNames()
    private let invite = RequestText { $0.uri = "sip:bob@example.com" }
    private let bob = [ResolvedTarget(Place.bob)]

    private func harness(
        _ logic: TestLogic = TestLogic(), _ configure: (inout ProxySettings) -> Void = { _ in }
    ) -> ProxyHarness {
        ProxyHarness(logic, names: names, configure)
    }

    @Test("an INVITE to a name gets its 100, waits for the address, absorbs retransmissions and goes on")
    func waits() {
        let harness = harness()
        #expect(harness.receive(invite).summary == ["100"])
        #expect(names.asked.map(\.name) == ["example.com"])
        #expect(names.asked[0].port == 0 && !names.asked[0].isTransportGiven)
        #expect(harness.receive(invite).summary == ["100"])
        #expect(harness.logic.requestsSeen == 1)
        let sent = names.answer("example.com", bob, to: harness)
        #expect(sent.summary == ["INVITE"])
        #expect(sent[0].destination == Place.bob)
        #expect(sent[0].message.uri == "sip:bob@example.com")
        #expect(sent[0].message["Max-Forwards"] == ["69"])
        #expect(sent[0].message["Via"].count == 2)
        #expect(harness.receive(sent[0].message.response(200), from: Place.bob).summary == ["200"])
        harness.finish()
        #expect(harness.isEmpty)
        #expect(harness.count(.branchesWaiting) == 0)
        #expect(harness.count(.namesPending) == 0)
    }

    @Test("what is known goes on at once, until its time to live is over")
    func cached() {
        let harness = harness()
        harness.receive(invite)
        _ = names.answer("example.com", bob, ttlSeconds: 60, to: harness)
        harness.pass(milliseconds: 59_000)
        let second = invite.with { $0.via += "2" }
        #expect(harness.receive(second).summary == ["100", "INVITE"])
        harness.pass(milliseconds: 1_001)
        #expect(harness.receive(invite.with { $0.via += "3" }).summary == ["100"])
        #expect(names.asked.count == 2)
    }

    @Test("a name's case makes no difference; a port, or the transport, does")
    func keys() {
        let harness = harness()
        harness.receive(invite)
        harness.receive(
            invite.with {
                $0.uri = "sip:bob@EXAMPLE.com"; $0.via += "2"
            })
        #expect(names.asked.count == 1)
        harness.receive(
            invite.with {
                $0.uri = "sip:bob@example.com:5080"; $0.via += "3"
            })
        harness.receive(
            invite.with {
                $0.uri = "sip:bob@example.com;transport=UDP"; $0.via += "4"
            })
        #expect(names.asked.map(\.port) == [0, 5_080, 0])
        #expect(names.asked.map(\.isTransportGiven) == [false, false, true])
    }

    @Test("times to live are kept within their bounds")
    func bounds() {
        let harness = harness(TestLogic()) {
            $0.names.ttlSecondsMin = 5
            $0.names.ttlSecondsMax = 20
        }
        harness.receive(invite)
        _ = names.answer("example.com", bob, ttlSeconds: 0, to: harness)
        harness.pass(milliseconds: 4_999)
        #expect(harness.receive(invite.with { $0.via += "2" }).summary == ["100", "INVITE"])
        harness.pass(milliseconds: 1)
        harness.receive(invite.with { $0.via += "3" })
        #expect(names.asked.count == 2)
        _ = names.answer("example.com", bob, ttlSeconds: 1_000_000, to: harness)
        harness.pass(milliseconds: 20_000)
        harness.receive(invite.with { $0.via += "4" })
        #expect(names.asked.count == 3)
    }

    @Test("requests for one name wait for one look-up")
    func joined() {
        let harness = harness()
        for number in 0..<5 { harness.receive(invite.with { $0.via += "-\(number)" }) }
        #expect(names.asked.count == 1)
        #expect(names.answer("example.com", bob, to: harness).summary == Array(repeating: "INVITE", count: 5))
    }

    @Test("a name that leads nowhere is a 503 of the branch, and 500 upstream (RFC 3261 §16.9, §16.7 step 6)")
    func nowhere() {
        let harness = harness()
        harness.receive(invite)
        let sent = names.answer("example.com", [], to: harness)
        #expect(sent.map(\.message.startLine) == ["SIP/2.0 500 Unresolvable Destination"])
        // That is remembered too.
        #expect(harness.receive(invite.with { $0.via += "2" }).summary.contains("500"))
        #expect(names.asked.count == 1)
        harness.pass(milliseconds: 10_000)
        harness.receive(invite.with { $0.via += "3" })
        #expect(names.asked.count == 2)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("without an answer in time it is the same, and a late answer serves the next request")
    func timeout() {
        let harness = harness()
        harness.receive(invite)
        let sent = harness.pass(milliseconds: 5_000)
        #expect(sent.map(\.sent.message.code) == [500])
        #expect(sent.map(\.at) == [5_000])
        #expect(names.answer("example.com", bob, to: harness).isEmpty)
        #expect(harness.count(.namesAnsweredLate) == 1)
        #expect(harness.receive(invite.with { $0.via += "2" }).summary == ["100", "INVITE"])
    }

    @Test("CANCEL while waiting: 200, then 487, and nothing is ever sent downstream")
    func cancelled() {
        let harness = harness()
        harness.receive(invite)
        let sent = harness.receive(RequestText("CANCEL") { $0.uri = "sip:bob@example.com" })
        #expect(sent.summary == ["200", "487"])
        #expect(names.answer("example.com", bob, to: harness).isEmpty)
        harness.receive(
            RequestText("ACK") {
                $0.uri = invite.uri; $0.to = sent[1].message["To"][0]
            })
        harness.finish()
        #expect(harness.isEmpty)
        #expect(harness.count(.branchesWaiting) == 0)
    }

    @Test("a fork: the known branch rings while the other waits; its 200 ends the waiting")
    func fork() {
        let harness = harness(
            TestLogic { request in
                request.addTarget("sip:carol@192.0.2.201")
                request.addTarget("sip:bob@example.com")
                request.relay()
            })
        let first = harness.receive(invite).requests
        #expect(first.map(\.destination) == [Place.carol])
        #expect(harness.receive(first[0].message.response(200), from: Place.carol).summary == ["200"])
        #expect(names.answer("example.com", bob, to: harness).isEmpty)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a fork whose first branch fails waits for the second's name; both have their own branch")
    func forkFailure() {
        let harness = harness(
            TestLogic { request in
                request.addTarget("sip:bob@example.com")
                request.addTarget("sip:carol@192.0.2.201")
                request.relay()
            })
        let first = harness.receive(invite).requests
        #expect(harness.receive(first[0].message.response(404), from: Place.carol).summary == ["ACK"])
        let second = names.answer("example.com", bob, to: harness)
        #expect(second.summary == ["INVITE"])
        #expect(second[0].message.uri == "sip:bob@example.com")
        #expect(second[0].message.branch() != first[0].message.branch())
        #expect(harness.receive(second[0].message.response(200), from: Place.bob).summary == ["200"])
    }

    @Test("a Route names the next hop by name; the branch's edits survive the waiting")
    func route() {
        let logic = TestLogic { request in
            request.recordsRoute = true
            request.relay()
        }
        logic.hooks = .onBranch
        logic.branch = { addHeader("X-Branch: one", to: $0.edits, of: $0.message) }
        let harness = harness(logic)
        harness.receive(
            RequestText { $0.headers = ["Route: <sip:192.0.2.1;lr>", "Route: <sip:edge.example.com;lr>"] })
        #expect(names.asked.map(\.name) == ["edge.example.com"])
        let sent = names.answer("edge.example.com", bob, to: harness)
        #expect(sent.map(\.destination) == [Place.bob])
        #expect(sent[0].message["Route"] == ["<sip:edge.example.com;lr>"])
        #expect(sent[0].message["X-Branch"] == ["one"])
        #expect(sent[0].message["Record-Route"].count == 1)
    }

    @Test("without state a request that must wait is held; one that need not is not")
    func stateless() {
        let harness = harness(TestLogic()) { $0.policy = .stateless }
        harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@example.com" })
        #expect(harness.proxy.transactionsInUse == 1)
        #expect(names.answer("example.com", bob, to: harness).summary == ["OPTIONS"])
        harness.finish()
        #expect(harness.isEmpty)
        harness.receive(RequestText { $0.via += "x" })
        #expect(harness.isEmpty)
    }

    @Test("an ACK and a CANCEL without transaction are dropped while their name is unknown, and known the next time")
    func noTransaction() {
        let harness = harness()
        let ack = RequestText("ACK") {
            $0.uri = "sip:bob@example.com"; $0.to += ";tag=uas"
        }
        #expect(harness.receive(ack).isEmpty)
        #expect(harness.receive(RequestText("CANCEL") { $0.uri = "sip:bob@example.com" }).isEmpty)
        #expect(harness.count(.requestsDroppedUnresolved) == 2)
        #expect(names.answer("example.com", bob, to: harness).isEmpty)
        #expect(harness.receive(ack).summary == ["ACK"])
        #expect(harness.isEmpty)
    }

    @Test("beyond the limit of look-ups a request gets 503 with Retry-After, and is counted")
    func tableFull() {
        let harness = harness(TestLogic()) { $0.names.pendingMax = 2 }
        for number in 0..<2 {
            harness.receive(
                invite.with {
                    $0.uri = "sip:bob@d\(number).example.com"; $0.via += "-\(number)"
                })
        }
        let sent = harness.receive(
            invite.with {
                $0.uri = "sip:bob@d2.example.com"; $0.via += "-2"
            })
        #expect(sent.map(\.message.code) == [503])
        #expect(sent[0].message["Retry-After"] == ["1"])
        #expect(harness.count(.namesRefused) == 1)
        names.isFull = true
        harness.pass(milliseconds: 5_000)
        #expect(
            harness.receive(
                invite.with {
                    $0.uri = "sip:bob@d3.example.com"; $0.via += "-3"
                }
            ).summary == ["503"])
        #expect(harness.count(.namesPending) == 0)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("more branches than may wait for one name: the others fail")
    func waitingFull() {
        let harness = harness(TestLogic()) { $0.names.pendingMax = 2 }
        let all = (0..<3).map { number in harness.receive(invite.with { $0.via += "-\(number)" }) }
        #expect(all.map(\.summary) == [["100"], ["100"], ["100", "500"]])
        #expect(names.answer("example.com", bob, to: harness).summary == ["INVITE", "INVITE"])
    }

    @Test("a failure handler may go to a name as well")
    func failureHandler() {
        let logic = TestLogic()
        logic.hooks = .onFailure
        logic.failure = { request in
            request.addTarget("sip:backup@example.org")
            request.relay()
        }
        let harness = harness(logic)
        harness.receive(invite)
        #expect(names.answer("example.com", [], to: harness).isEmpty)
        #expect(names.asked.map(\.name) == ["example.com", "example.org"])
        logic.failure = { _ in }
        #expect(names.answer("example.org", bob, to: harness).summary == ["INVITE"])
    }

    @Test("what is no host name is not asked for", arguments: ["a..b", "-", "x_y.example.com", "exa%6dple.com"])
    func strange(_ host: String) {
        let harness = harness()
        harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@\(host)" })
        for question in names.asked {
            #expect(!question.name.contains("..") && !question.name.contains("%"))
        }
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("random names, answers, cancels and silence leave nothing behind")
    func soup() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("NameTests.soup"))
        let harness = harness(TestLogic()) {
            $0.names.entriesMax = 8
            $0.names.pendingMax = 6
        }
        for number in 0..<2_000 {
            let name = "d\(random.next() % 20).example.com"
            let request = invite.with {
                $0.uri = "sip:bob@\(name)"; $0.via += "-\(number)"
            }
            harness.receive(request)
            if random.chance(perMille: 200) {
                harness.receive(request.with { $0.method = "CANCEL" })
            }
            if random.chance(perMille: 500), let question = names.asked.randomElement(using: &random) {
                let targets = random.chance(perMille: 700) ? bob : []
                _ = names.answer(question.name, targets, ttlSeconds: UInt32(random.next() % 4), to: harness)
            }
            harness.pass(milliseconds: random.next() % 400)
        }
        harness.finish()
        #expect(harness.isEmpty)
        #expect(harness.count(.branchesWaiting) == 0)
        #expect(harness.count(.namesPending) == 0)
        #expect(harness.count(.requestsOpen) == 0)
    }
}
