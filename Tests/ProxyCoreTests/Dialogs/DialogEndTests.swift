import ProxyCore
import Reactor
import SIPTransaction
import Testing

/// Dialogs that the proxy ends: too long ones, and those that the operator wants to end.
@Suite struct DialogEndTests {
    @Test("after its longest duration a dialog is over, to the second", arguments: [5, 700, 43_200])
    func timeout(seconds: UInt64) {
        let calls = DialogHarness()
        calls.options.durationMilliseconds = seconds * 1_000
        _ = calls.answeredCall()
        calls.first.pass(milliseconds: seconds * 1_000 - 1)
        #expect(calls.dialogs.count == 1)
        let sent = calls.first.pass(milliseconds: 2_000)
        #expect(calls.dialogs.count == 0)
        #expect(calls.count(.dialogsTimedOut) == 1)
        #expect(!sent.contains { $0.sent.message.isRequest })
    }

    @Test("any worker ends them")
    func anyWorker() {
        let calls = DialogHarness(workers: 2)
        calls.options.durationMilliseconds = 10_000
        _ = calls.answeredCall()
        calls.workers[1].pass(milliseconds: 12_000)
        #expect(calls.dialogs.count == 0)
        calls.workers[0].pass(milliseconds: 12_000)
        #expect(calls.count(.dialogsTimedOut) == 1)
    }

    @Test("BYE goes both ways, each in the other's name, along the recorded routes")
    func byes() throws {
        let calls = DialogHarness()
        calls.options.durationMilliseconds = 10_000
        calls.options.byeOnTimeout = true
        let invite = calls.invite {
            $0.headers += ["Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51;lr>"]
            $0.cSeq = 17
        }
        let routes = ["<sip:192.0.2.61;lr>, <sip:192.0.2.60;lr>"] + invite["Record-Route"]
        let text = invite.response(200, headers: ["Contact: <sip:bob@192.0.2.200:5070>"])
        let own = "Record-Route: " + invite["Record-Route"][0]
        calls.first.receive(
            text.replacing(own, with: "Record-Route: \(routes[0])\r\n\(own)"), from: Place.bob)
        let sent = calls.first.pass(milliseconds: 12_000).map(\.sent).filter { $0.message.method == "BYE" }
        #expect(sent.count >= 2)
        let toAlice = try #require(sent.first { $0.destination == SocketAddress("192.0.2.50:5060")! }).message
        #expect(toAlice.uri == "sip:alice@192.0.2.100:5060")
        #expect(toAlice["Route"] == ["<sip:192.0.2.50;lr>, <sip:192.0.2.51;lr>"])
        #expect(toAlice["From"] == ["Bob <sip:bob@example.com>;tag=uas"])
        #expect(toAlice["To"] == ["Alice <sip:alice@example.com>;tag=a1"])
        #expect(toAlice["CSeq"] == ["1 BYE"])
        #expect(toAlice["Call-ID"] == invite["Call-ID"])
        #expect(toAlice["Via"].count == 1)
        let toBob = try #require(sent.first { $0.destination == SocketAddress("192.0.2.60:5060")! }).message
        #expect(toBob.uri == "sip:bob@192.0.2.200:5070")
        #expect(toBob["Route"] == ["<sip:192.0.2.60;lr>, <sip:192.0.2.61;lr>"])
        #expect(toBob["From"] == ["Alice <sip:alice@example.com>;tag=a1"])
        #expect(toBob["To"] == ["Bob <sip:bob@example.com>;tag=uas"])
        #expect(toBob["CSeq"] == ["18 BYE"])
        #expect(calls.count(.byesSent) == 2)
    }

    @Test("our BYEs are repeated until they are answered, and their answers go no further")
    func byeAnswers() {
        let calls = DialogHarness()
        calls.options.durationMilliseconds = 10_000
        calls.options.byeOnTimeout = true
        _ = calls.answeredCall()
        let byes = calls.first.pass(milliseconds: 10_400).map(\.sent).filter { $0.message.method == "BYE" }
        #expect(byes.count >= 2)
        let again = calls.first.pass(milliseconds: 700).map(\.sent).filter { $0.message.method == "BYE" }
        #expect(again.count >= 2)
        for bye in [byes[0], byes[1]] {
            #expect(calls.first.receive(bye.message.response(200), from: bye.destination).isEmpty)
        }
        #expect(!calls.first.pass(milliseconds: 40_000).contains { $0.sent.message.method == "BYE" })
        #expect(calls.count(.responsesStray) == 0)
        calls.finish()
        #expect(calls.first.isEmpty)
    }

    @Test("their CSeq goes beyond what the sides have used, their target is the latest Contact")
    func refreshed() throws {
        let calls = DialogHarness()
        let answer = calls.answeredCall().answer
        for (request, source, target) in [
            (calls.withinDialog("INFO", of: answer, cSeq: 9), Place.alice, Place.bob),
            (
                calls.fromBob("INVITE", of: answer, cSeq: 41).with {
                    $0.headers += ["Contact: <sip:bob@192.0.2.200:5099>"]
                },
                Place.bob, Place.alice
            ),
        ] {
            let passed = calls.first.receive(request, from: source).to(target)[0].message
            calls.first.receive(
                passed.response(200, headers: ["Contact: <sip:alice@192.0.2.100:5088>"]), from: target)
        }
        let dialog = try #require(calls.dialogs.summaries().first)
        #expect(calls.first.terminate(dialog.id))
        let byes = calls.first.sink.sent.filter { $0.message.method == "BYE" }.map(\.message)
        #expect(byes.map(\.uri) == ["sip:alice@192.0.2.100:5088", "sip:bob@192.0.2.200:5099"])
        #expect(byes.map { $0["CSeq"] } == [["42 BYE"], ["10 BYE"]])
        #expect(calls.count(.dialogsTerminated) == 1 && calls.dialogs.count == 0)
        #expect(!calls.first.terminate(dialog.id))
    }

    @Test("a strict router gets its own address as the Request-URI, and the target in the Route (§12.2.1.1)")
    func strictRoute() throws {
        let calls = DialogHarness()
        let invite = calls.invite { $0.headers += ["Record-Route: <sip:192.0.2.50>"] }
        calls.first.receive(invite.response(200, headers: ["Contact: <sip:bob@192.0.2.200>"]), from: Place.bob)
        #expect(calls.first.terminate(try #require(calls.dialogs.summaries().first).id))
        let bye = try #require(calls.first.sink.sent.to(SocketAddress("192.0.2.50:5060")!).first).message
        #expect(bye.uri == "sip:192.0.2.50")
        #expect(bye["Route"] == ["<sip:alice@192.0.2.100:5060>"])
    }

    @Test("a target with a name nobody has looked up: BYE goes where the messages came from")
    func unknownName() throws {
        let calls = DialogHarness()
        let invite = calls.invite { $0.headers = ["Contact: <sip:alice@client.example.com>"] }
        calls.first.receive(invite.response(200), from: Place.bob)
        #expect(calls.first.terminate(try #require(calls.dialogs.summaries().first).id))
        let byes = calls.first.sink.sent.filter { $0.message.method == "BYE" }
        #expect(byes.map(\.destination) == [Place.alice, Place.bob])
    }

    @Test("a call that only rings is cancelled, and the caller gets 487")
    func terminateEarly() throws {
        let calls = DialogHarness()
        let invite = calls.invite()
        calls.first.receive(invite.response(180), from: Place.bob)
        #expect(calls.first.terminate(try #require(calls.dialogs.summaries().first).id))
        #expect(calls.first.sink.sent.map(\.message.method) == ["CANCEL"])
        let sent = calls.first.receive(invite.response(487), from: Place.bob)
        #expect(sent.to(Place.alice).map(\.message.code) == [487])
        #expect(calls.dialogs.count == 0)
    }
}

extension ProxyHarness {
    /// Ends a dialog; what is sent is in `sink`.
    func terminate(_ id: DialogID) -> Bool {
        sink.sent.removeAll()
        return proxy.terminateDialog(id, now: now)
    }
}
