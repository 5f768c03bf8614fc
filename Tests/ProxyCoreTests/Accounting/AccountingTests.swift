import ProxyCore
import Reactor
import SIPMessage
import StatePolicy
import Testing

/// Which transactions make which records, and when.
@Suite struct AccountingTests {
    let books = Books()

    private func invite(_ harness: ProxyHarness) -> WireMessage { harness.receive(RequestText()).requests[0].message }

    @Test("an answered INVITE makes one record with what OpenSER's columns hold")
    func answered() {
        let harness = ProxyHarness.accounting(books)
        let invite = invite(harness)
        harness.receive(invite.response(180), from: Place.bob)
        #expect(books.queue.count == 0)
        harness.pass(milliseconds: 700)
        harness.receive(invite.response(200, "Fine"), from: Place.bob)
        let records = books.take()
        #expect(
            records == [
                .transaction(
                    TransactionRecord(
                        method: Array("INVITE".utf8), callID: Array("call1@192.0.2.100".utf8),
                        fromTag: Array("a1".utf8), toTag: Array("uas".utf8), code: 200, reason: Array("Fine".utf8),
                        at: harness.now))
            ])
        harness.receive(invite.response(200, "Fine"), from: Place.bob)
        harness.finish()
        #expect(books.queue.count == 0 && harness.isEmpty)
    }

    @Test("retransmissions of request and answer make no second record")
    func retransmissions() {
        let harness = ProxyHarness.accounting(books)
        let invite = invite(harness)
        for _ in 0..<3 { harness.receive(RequestText()) }
        for _ in 0..<3 { harness.receive(invite.response(486, "Busy"), from: Place.bob) }
        harness.receive(RequestText())
        #expect(books.rows() == ["acc INVITE 486 Busy"])
        let bye = RequestText("BYE") { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-bye" }
        let sent = harness.receive(bye).requests[0].message
        for _ in 0..<3 { harness.receive(bye) }
        for _ in 0..<3 { harness.receive(sent.response(202, "Gone"), from: Place.bob) }
        harness.receive(bye)
        #expect(books.rows() == ["acc BYE 202 Gone"])
    }

    @Test("ACK and CANCEL are not accounted, and go as they would")
    func acknowledgements() {
        let harness = ProxyHarness.accounting(books)
        let invite = invite(harness)
        let answer = harness.receive(invite.response(200), from: Place.bob).to(Place.alice)[0].message
        _ = books.take()
        let ack = RequestText("ACK") {
            $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-ack"
            $0.to = answer["To"][0]
        }
        #expect(harness.receive(ack).summary == ["ACK"])
        let cancel = RequestText("CANCEL") { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-other" }
        #expect(harness.receive(cancel).summary == ["CANCEL"])
        #expect(books.queue.count == 0)
    }

    @Test("a cancelled INVITE is a missed call with 487, and its CANCEL none")
    func cancelled() {
        let harness = ProxyHarness.accounting(books, .withMissed)
        let invite = invite(harness)
        harness.receive(invite.response(180), from: Place.bob)
        harness.receive(RequestText("CANCEL"))
        #expect(books.queue.count == 0)
        harness.receive(invite.response(487, "Request Terminated"), from: Place.bob)
        #expect(books.rows() == ["missed INVITE 487 Request Terminated"])
    }

    @Test("nobody answers: 408, with the reason that the caller was told")
    func timeout() {
        let harness = ProxyHarness.accounting(books, .withMissed)
        _ = invite(harness)
        harness.pass(milliseconds: 33_000)
        #expect(books.rows() == ["missed INVITE 408 Request Timeout"])
        harness.receive(RequestText("MESSAGE"))
        harness.pass(milliseconds: 33_000)
        #expect(books.rows() == ["acc MESSAGE 408 Request Timeout"], "though no 408 is sent (RFC 4320 §4.2)")
    }

    @Test(
        "a forked INVITE makes one record, with the code that went upstream",
        arguments: [
            ([486, 200, 404], "acc INVITE 200 Some Reason"), ([486, 404, 503], "missed INVITE 404 Some Reason"),
            ([503, 503, 503], "missed INVITE 500 Server Internal Error"),
            ([603, 487, 487], "missed INVITE 603 Some Reason"),
        ])
    func forked(codes: [Int], row: String) {
        let harness = ProxyHarness.accounting(books, .withMissed) { request in
            for host in 200...202 { request.addTarget("sip:bob@192.0.2.\(host)") }
            request.relay()
        }
        for (branch, code) in zip(harness.receive(RequestText()).requests, codes) {
            harness.receive(branch.message.response(code, tag: "t\(code)"), from: branch.destination)
        }
        harness.finish()
        #expect(books.rows() == [row])
    }

    @Test("after a second try the last answer counts, whoever gave it")
    func secondTry() {
        let harness = ProxyHarness.accounting(books)
        harness.logic.hooks = [.onFailure]
        harness.logic.failure = {
            $0.addTarget("sip:bob@192.0.2.201")
            $0.relay()
        }
        let invite = invite(harness)
        let sent = harness.receive(invite.response(503), from: Place.bob).to(Place.carol)[0].message
        harness.receive(sent.response(200, "From Carol"), from: Place.carol)
        #expect(books.rows() == ["acc INVITE 200 From Carol"])
    }

    @Test("replies of the script are held for the record, and their retransmissions answered alike")
    func localReply() {
        let harness = ProxyHarness.accounting(books, .withMissed) { $0.reply(403, "Not You") }
        let first = harness.receive(RequestText())
        #expect(first.summary == ["403"])
        #expect(harness.receive(RequestText()).map(\.message.text) == first.map(\.message.text))
        let ack = RequestText("ACK") { $0.to = first[0].message["To"][0] }
        #expect(harness.receive(ack).isEmpty)
        #expect(books.rows() == ["missed INVITE 403 Not You"])
        #expect(harness.receive(RequestText("MESSAGE")).summary == ["403"])
        #expect(books.rows() == ["acc MESSAGE 403 Not You"])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("with no room for a transaction the answer is recorded all the same")
    func noRoom() {
        let harness = ProxyHarness.accounting(books, configure: { $0.limits.transactionsMax = 1 })
        _ = invite(harness)
        let second = RequestText { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-2" }
        #expect(harness.receive(second).summary == ["503"])
        #expect(books.rows() == ["acc INVITE 503 Transaction Limit Reached"])
        harness.logic.request = {
            _ = $0.account(.usual)
            $0.reply(486, "Busy")
        }
        #expect(harness.receive(second).summary == ["486"])
        #expect(books.rows() == ["acc INVITE 486 Busy"])
    }

    @Test("accounting holds the transaction whatever policy and script say")
    func mustHold() {
        let harness = ProxyHarness.accounting(books) {
            $0.stateDemand = .stateless
            $0.relay()
        } configure: {
            $0.policy = .stateless
        }
        harness.receive(RequestText("MESSAGE"))
        #expect(harness.proxy.transactionsInUse == 2)
        #expect(harness.count(.requestsMustHold) == 1)
    }

    @Test("without a sink nothing is marked and nothing is held")
    func noSink() {
        var isMarked = true
        let harness = ProxyHarness(
            TestLogic { request in
                isMarked = request.account(.usual)
                request.writeRecord(code: 200, reason: UnsafeRawBufferPointer(start: nil, count: 0))
                request.relay()
            }
        ) { $0.policy = .stateless }
        harness.receive(RequestText())
        #expect(!isMarked && harness.proxy.transactionsInUse == 0)
    }

    @Test("early media makes a record of its own, once")
    func early() {
        let harness = ProxyHarness.accounting(books, [.answered, .early])
        let invite = invite(harness)
        harness.receive(invite.response(180), from: Place.bob)
        let progress = invite.response(183, "Session Progress").replacing(
            "Content-Length: 0\r\n\r\n", with: "Content-Length: 4\r\n\r\nv=0\n")
        for _ in 0..<2 { harness.receive(progress, from: Place.bob) }
        harness.receive(invite.response(200, "OK"), from: Place.bob)
        #expect(books.rows() == ["acc INVITE 183 Session Progress", "acc INVITE 200 OK"])
    }

    private static let failures: [(options: AccountingOptions, invite: [String], message: [String])] = [
        (.usual, ["acc INVITE 486 Busy"], ["acc MESSAGE 486 Busy"]),
        (.withMissed, ["missed INVITE 486 Busy"], ["acc MESSAGE 486 Busy"]),
        ([.answered], [], []),
        ([.missed], ["missed INVITE 486 Busy"], []),
        ([.missed, .failedInvite], ["acc INVITE 486 Busy", "missed INVITE 486 Busy"], []),
    ]

    @Test("options choose the rows of a failure", arguments: failures)
    func options(options: AccountingOptions, invite: [String], message: [String]) {
        let harness = ProxyHarness.accounting(books, options)
        for (method, rows) in [("INVITE", invite), ("MESSAGE", message)] {
            let sent = harness.receive(RequestText(method)).requests[0].message
            harness.receive(sent.response(486, "Busy"), from: Place.bob)
            #expect(books.rows() == rows)
        }
    }

    @Test("a full queue drops and counts, and the calls go on")
    func fullQueue() {
        let books = Books(recordsMax: 3)
        let harness = ProxyHarness.accounting(books)
        for number in 0..<5 {
            let sent = harness.receive(
                RequestText("MESSAGE") { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-\(number)" }
            ).requests[0].message
            #expect(harness.receive(sent.response(200), from: Place.bob).summary == ["200"])
        }
        #expect(books.queue.count == 3 && books.queue.droppedCount == 2)
    }
}

/// The further columns of `accounting.fields`.
@Suite struct AccountingFieldTests {
    private func values(
        _ sources: [String], given: RequestContext.GivenValues = [:], _ request: RequestText,
        _ prepare: @escaping (RequestContext) -> Void = { _ in }
    ) -> [String] {
        let books = Books(fields: sources.map { AccountingField(name: "f", source: AccountingField.Source($0)!) })
        let harness = ProxyHarness(
            TestLogic { context in
                prepare(context)
                _ = context.account(.usual, given: given)
                context.relay()
            }, ledger: books.ledger)
        let sent = harness.receive(request).requests[0]
        harness.receive(sent.message.response(200), from: sent.destination)
        guard case .transaction(let row)? = books.take().first else { return [] }
        return row.fields.map(\.text)
    }

    @Test("each source gives what it says")
    func sources() {
        let request = RequestText {
            $0.headers = ["User-Agent: x, \"y\"", "Contact: <sip:alice@192.0.2.100:5060>;q=1", "X-Long: one\r\n two"]
        }
        let expected = [
            "from_uri": "sip:alice@example.com", "to_uri": "sip:bob@example.com", "request_uri": "sip:bob@192.0.2.201",
            "contact_uri": "sip:alice@192.0.2.100:5060", "source_ip": "192.0.2.100", "source_port": "5060",
            "source_transport": "udp", "local_ip": "192.0.2.1", "local_port": "5060", "auth_user": "",
            "next_hop": "192.0.2.201:5060", "script": "given", "header:User-Agent": "x, \"y\"", "header:Subject": "",
            "header:x-long": "one two",
        ]
        let names = expected.keys.sorted()
        let script = names.firstIndex(of: "script")!
        let found = values(names, given: [script: Array("given".utf8)], request) {
            $0.setRequestURI("sip:bob@192.0.2.201")
        }
        #expect(found == names.map { expected[$0]! })
        #expect(Set(AccountingField.Source.words).isSubset(of: names))
    }

    @Test("a long value is cut off, and the script's goes before the source's")
    func limits() {
        let long = String(repeating: "x", count: 5_000)
        let found = values(
            ["header:X", "from_uri"], given: [1: Array("given".utf8)], RequestText { $0.headers = ["X: \(long)"] })
        #expect(found == [String(long.prefix(AccountingLimits.valueBytesMax)), "given"])
    }

    @Test("what is no source is none", arguments: ["", "from", "header:", "header:a b", "User-Agent", "From_uri"])
    func noSource(text: String) { #expect(AccountingField.Source(text) == nil) }

    @Test("a source reads back from its text", arguments: AccountingField.Source.words + ["header:X-Y"])
    func text(word: String) { #expect(AccountingField.Source(word)?.text == word) }
}
