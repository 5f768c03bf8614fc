import ProxyCore
import Reactor
import SIPTransaction
import Testing

/// Call detail records of tracked dialogs.
@Suite struct CallRecordTests {
    private let books = Books(fields: [
        AccountingField(name: "agent", source: .header("User-Agent")), AccountingField(name: "hop", source: .nextHop),
    ])

    private func harness(_ change: (inout DialogOptions) -> Void = { _ in }) -> DialogHarness {
        let calls = DialogHarness(ledger: books.ledger)
        calls.options.isAccounted = true
        change(&calls.options)
        return calls
    }

    private func end(_ calls: DialogHarness, _ bye: RequestText, from source: SocketAddress, _ code: Int = 200) {
        let target = source == Place.alice ? Place.bob : Place.alice
        let passed = calls.first.receive(bye, from: source).to(target)[0].message
        calls.first.receive(passed.response(code), from: target)
    }

    @Test("an answered call makes a record when it ends: times from the 2xx to the answer of the BYE")
    func record() throws {
        let calls = harness()
        let invite = calls.invite { $0.headers += ["User-Agent: phone"] }
        calls.first.pass(milliseconds: 3_000)
        let answeredAt = calls.first.now
        let answer = calls.first.receive(
            invite.response(200, headers: ["Contact: <sip:bob@192.0.2.200:5060>"]), from: Place.bob
        ).to(Place.alice)[0].message
        calls.first.pass(milliseconds: 61_250)
        #expect(books.queue.count == 0)
        end(calls, calls.withinDialog("BYE", of: answer), from: Place.alice)
        #expect(
            books.take() == [
                .call(
                    CallRecord(
                        callID: Array("call1@192.0.2.100".utf8), fromTag: Array("a1".utf8), toTag: Array("uas".utf8),
                        caller: Array("sip:alice@example.com".utf8), callee: Array("sip:bob@example.com".utf8),
                        startedAt: answeredAt, endedAt: answeredAt + 61_250, endedBy: .caller,
                        fields: [Array("phone".utf8), Array("192.0.2.200:5060".utf8)]))
            ])
    }

    @Test("the callee hangs up; that the BYE is answered 481 changes nothing")
    func callee() {
        let calls = harness()
        let answer = calls.answeredCall().answer
        calls.first.pass(milliseconds: 5_000)
        end(calls, calls.fromBob("BYE", of: answer), from: Place.bob, 481)
        #expect(books.rows() == ["cdr callee 5000"])
    }

    @Test("the longest duration and the administrator end calls too")
    func otherEnds() throws {
        var calls = harness { $0.durationMilliseconds = 10_000 }
        _ = calls.answeredCall()
        calls.first.pass(milliseconds: 10_000)
        #expect(books.rows().map { $0.prefix(11) } == ["cdr timeout"])
        calls = harness()
        _ = calls.answeredCall()
        calls.first.pass(milliseconds: 2_000)
        #expect(calls.first.terminate(try #require(calls.dialogs.summaries().first).id))
        #expect(books.rows() == ["cdr administrator 2000"])
    }

    @Test("a call that nobody answers makes none, nor does one that was not to be accounted")
    func none() {
        var calls = harness()
        let invite = calls.invite()
        calls.first.receive(invite.response(486), from: Place.bob)
        calls = harness { $0.isAccounted = false }
        end(calls, calls.withinDialog("BYE", of: calls.answeredCall().answer), from: Place.alice)
        #expect(books.queue.count == 0)
    }

    @Test("when two branches answer each call has its record (RFC 3261 §13.2.2.4)")
    func twoAnswers() {
        let calls = harness()
        let invite = calls.invite()
        let answers = ["one", "two"].map { tag in
            calls.first.receive(
                invite.response(200, tag: tag, headers: ["Contact: <sip:bob@192.0.2.200:5060>"]), from: Place.bob
            ).to(Place.alice)[0].message
        }
        for (index, answer) in answers.enumerated() {
            calls.first.pass(milliseconds: 1_000)
            end(calls, calls.withinDialog("BYE", of: answer, cSeq: 2 + index), from: Place.alice)
        }
        #expect(books.rows() == ["cdr caller 1000", "cdr caller 2000"])
    }
}
