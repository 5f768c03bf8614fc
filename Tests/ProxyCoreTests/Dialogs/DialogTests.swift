import ProxyCore
import Reactor
import SIPTransaction
import StatePolicy
import Testing

/// RFC 3261 §12 from the proxy on the path: how tracked dialogs begin, are found again, and end.
@Suite struct DialogTests {
    @Test("a call is calling, early, confirmed and gone")
    func life() {
        let calls = DialogHarness()
        let invite = calls.invite()
        #expect(invite["Record-Route"].count == 1)
        #expect(invite["Record-Route"][0].contains(";lr;did="))
        #expect(calls.states == [1, 0, 0])
        calls.first.receive(invite.response(180), from: Place.bob)
        #expect(calls.states == [0, 1, 0])
        let answer = calls.first.receive(invite.response(200), from: Place.bob).to(Place.alice)[0].message
        #expect(calls.states == [0, 0, 1])
        calls.first.receive(calls.withinDialog("ACK", of: answer, cSeq: 1))
        let bye = calls.first.receive(calls.withinDialog("BYE", of: answer)).to(Place.bob)[0].message
        #expect(calls.states == [0, 0, 1], "its answer is waited for")
        calls.first.receive(bye.response(200), from: Place.bob)
        #expect(calls.states == [0, 0, 0])
        #expect(calls.dialogs.count == 0)
        #expect(calls.count(.dialogsTracked) == 1 && calls.count(.dialogsAnswered) == 1)
        #expect(calls.count(.dialogsEnded) == 1)
        calls.finish()
        #expect(calls.first.isEmpty)
    }

    @Test("its INVITE is held, also where everything is stateless")
    func mustHold() {
        let calls = DialogHarness { $0.policy = .stateless }
        _ = calls.invite()
        #expect(calls.count(.requestsMustHold) == 1 && calls.count(.requestsForwardedStateful) == 1)
    }

    @Test("an INVITE that fails is no dialog any more, whoever answers", arguments: [302, 486, 503, 603])
    func failure(code: Int) {
        let calls = DialogHarness()
        calls.options.key = Array("alice".utf8)
        let invite = calls.invite()
        #expect(calls.count(of: "alice") == 1)
        calls.first.receive(invite.response(code), from: Place.bob)
        #expect(calls.dialogs.count == 0 && calls.count(of: "alice") == 0)
        #expect(calls.count(.dialogsFailed) == 1)
    }

    @Test("a cancelled call and one that nobody answers are no dialogs any more")
    func unanswered() {
        let calls = DialogHarness()
        let invite = calls.invite()
        calls.first.receive(invite.response(180), from: Place.bob)
        calls.first.receive(RequestText("CANCEL"))
        calls.first.receive(invite.response(487), from: Place.bob)
        #expect(calls.dialogs.count == 0)
        _ = calls.invite {
            $0.via += "2"; $0.callID = "second"
        }
        calls.first.pass(milliseconds: 32_000)
        #expect(calls.dialogs.count == 0)
        #expect(calls.count(.dialogsFailed) == 2)
    }

    @Test("a handler that asks and then answers or drops leaves nothing", arguments: [true, false])
    func notRelayed(answers: Bool) {
        let calls = DialogHarness()
        calls.options.key = Array("alice".utf8)
        calls.first.logic.request = { request in
            _ = request.trackDialog(calls.options)
            if answers { request.reply(403) } else { request.drop() }
        }
        calls.first.receive(RequestText())
        #expect(calls.dialogs.count == 0 && calls.count(of: "alice") == 0)
    }

    @Test(
        "either side's BYE ends it, by whichever worker it comes, with the parameter or without",
        arguments: [true, false], [true, false])
    func anyWorker(route: Bool, byCallee: Bool) {
        let calls = DialogHarness(workers: 2)
        let answer = calls.answeredCall().answer
        let other = calls.workers[1]
        let request =
            byCallee
            ? calls.fromBob("BYE", of: answer, route: route) : calls.withinDialog("BYE", of: answer, route: route)
        let (source, target) = byCallee ? (Place.bob, Place.alice) : (Place.alice, Place.bob)
        let bye = other.receive(request, from: source).to(target)[0].message
        other.receive(bye.response(200), from: target)
        #expect(calls.dialogs.count == 0)
        #expect(other.count(.dialogsEnded) == 1)
    }

    @Test("a BYE of somebody with other tags ends nothing, whatever parameter it carries")
    func forged() {
        let calls = DialogHarness()
        let answer = calls.answeredCall().answer
        for change in [
            { (bye: inout RequestText) in bye.to = "Bob <sip:bob@example.com>;tag=guess" },
            { $0.from = "Alice <sip:alice@example.com>;tag=guess" }, { $0.callID = "guess" },
        ] {
            let bye = calls.first.receive(calls.withinDialog("BYE", of: answer).with(change)).to(Place.bob)
            if let bye = bye.first { calls.first.receive(bye.message.response(200), from: Place.bob) }
        }
        #expect(calls.states == [0, 0, 1])
    }

    @Test("a parameter that names another dialog does not mislead")
    func wrongParameter() {
        let calls = DialogHarness()
        let first = calls.answeredCall().answer
        let second = calls.answeredCall {
            $0.via += "2"; $0.callID = "second"
        }.answer
        let request = calls.withinDialog("BYE", of: first).with {
            $0.headers = second["Record-Route"].map { "Route: \($0)" }
        }
        let bye = calls.first.receive(request).to(Place.bob)[0].message
        calls.first.receive(bye.response(200), from: Place.bob)
        #expect(calls.dialogs.contents.map(\.callID) == ["second"])
    }

    @Test(
        "a BYE that is challenged does not end it; any other answer does",
        arguments: [(401, 1), (407, 1), (481, 0), (500, 0)])
    func byeAnswers(code: Int, left: Int) {
        let calls = DialogHarness()
        let answer = calls.answeredCall().answer
        let bye = calls.first.receive(calls.withinDialog("BYE", of: answer)).to(Place.bob)[0].message
        calls.first.receive(bye.response(code), from: Place.bob)
        #expect(calls.dialogs.count == left)
    }

    @Test("a BYE that nobody answers ends it (§15.1.1)")
    func byeTimeout() {
        let calls = DialogHarness()
        let answer = calls.answeredCall().answer
        calls.first.receive(calls.withinDialog("BYE", of: answer))
        calls.first.pass(milliseconds: 33_000)
        #expect(calls.dialogs.count == 0)
    }

    // MARK: Forks

    @Test("early dialogs of several branches are one call; the branch that answers makes the dialog")
    func forkedEarly() {
        let calls = DialogHarness()
        calls.first.logic.request = { request in
            if request.isInitialInvite {
                _ = request.trackDialog(calls.options)
                request.addTarget("sip:bob@192.0.2.200")
                request.addTarget("sip:carol@192.0.2.201")
            }
            request.relay()
        }
        let sent = calls.first.receive(RequestText())
        let (bob, carol) = (sent.to(Place.bob)[0].message, sent.to(Place.carol)[0].message)
        calls.first.receive(bob.response(180, tag: "bob"), from: Place.bob)
        calls.first.receive(carol.response(183, tag: "carol"), from: Place.carol)
        #expect(calls.states == [0, 1, 0])
        let answer = calls.first.receive(carol.response(200, tag: "carol"), from: Place.carol).to(Place.alice)[0]
            .message
        calls.first.receive(bob.response(487, tag: "bob"), from: Place.bob)
        #expect(calls.states == [0, 0, 1])
        let bye = calls.first.receive(
            calls.withinDialog("BYE", of: answer).with { $0.uri = "sip:carol@192.0.2.201" }
        ).to(Place.carol)[0].message
        calls.first.receive(bye.response(200), from: Place.carol)
        #expect(calls.dialogs.count == 0)
    }

    @Test("two branches that answer are two dialogs (§13.2.2.4), and retransmitted answers none")
    func twoAnswers() {
        let calls = DialogHarness()
        calls.options.key = Array("alice".utf8)
        let invite = calls.invite()
        var answers: [WireMessage] = []
        for tag in ["one", "one", "two", "two", "one"] {
            answers += calls.first.receive(invite.response(200, tag: tag), from: Place.bob).to(Place.alice).map(
                \.message)
        }
        #expect(calls.states == [0, 0, 2])
        #expect(calls.count(of: "alice") == 2 && calls.count(.dialogsTracked) == 2)
        for (left, answer) in zip([1, 0], [answers[0], answers[2]]) {
            let request = calls.withinDialog("BYE", of: answer, cSeq: 3 - left)
            let bye = calls.first.receive(request).to(Place.bob)[0].message
            calls.first.receive(bye.response(200), from: Place.bob)
            #expect(calls.dialogs.count == left)
        }
        #expect(calls.count(of: "alice") == 0)
    }

    @Test("an INVITE that comes by twice on its way is one dialog")
    func spiral() {
        let calls = DialogHarness()
        let first = calls.invite()
        let again = first.text.split(separator: "\r\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
            .replacing("INVITE sip:bob@192.0.2.200", with: "INVITE sip:bob2@192.0.2.200")
        let second = calls.first.receive(again, from: Place.carol).to(Place.bob)[0].message
        #expect(calls.dialogs.count == 1)
        #expect(calls.admissions == [.tracked, .tracked])
        #expect(second["Record-Route"].count == 2)
    }

    // MARK: Limits

    @Test("a key has no more dialogs than its limit, and room again when one has ended")
    func limit() {
        let calls = DialogHarness(workers: 2)
        calls.options.key = Array("alice".utf8)
        calls.options.limit = 2
        func call(_ number: Int) -> [Sent] {
            calls.workers[number % 2].receive(
                RequestText {
                    $0.via += "-\(number)"
                    $0.callID = "call-\(number)"
                })
        }
        let invites = (0..<2).map { call($0).to(Place.bob)[0].message }
        #expect(call(2).to(Place.alice).map(\.message.code) == [486])
        #expect(calls.count(of: "alice") == 2)
        calls.workers[0].receive(invites[0].response(480), from: Place.bob)
        #expect(call(3).to(Place.bob).count == 1)
        #expect(call(4).to(Place.alice).map(\.message.code) == [486])
        #expect(calls.count(.dialogsLimited) == 2)
    }

    @Test("the table has its limit, and so has one Call-ID")
    func full() {
        let calls = DialogHarness(dialogsMax: 3)
        for number in 0..<5 {
            _ = calls.invite {
                $0.via += "-\(number)"; $0.callID = "call-\(number)"
            }
        }
        #expect(calls.dialogs.count == 3 && calls.count(.dialogsRefused) == 2)
        let others = DialogHarness()
        for number in 0..<70 {
            _ = others.invite {
                $0.via += "-\(number)"; $0.cSeq = number + 1
            }
        }
        #expect(others.dialogs.count == 64 && others.count(.dialogsRefused) == 6)
    }

    @Test("without room for the transaction there is no dialog")
    func noTransaction() {
        let calls = DialogHarness { $0.limits.transactionsMax = 1 }
        _ = calls.invite()
        let refused = calls.first.receive(
            RequestText {
                $0.via += "2"; $0.callID = "second"
            })
        #expect(refused.summary == ["503"])
        #expect(calls.dialogs.count == 1)
    }
}

extension DialogTable {
    /// Call-ID and what is known of the state, for tests.
    var contents: [(callID: String, state: DialogState)] {
        summaries().map { ($0.callID, $0.state) }
    }
}
