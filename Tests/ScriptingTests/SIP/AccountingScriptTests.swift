import ProxyCore
import Scripting
import StatePolicy
import Testing

/// `acc.request`, `acc.log` and `dialog.track { cdr = true }` as scripts use them.
@Suite("Accounting in scripts") struct AccountingScriptTests {
    private let books = ScriptBooks()

    private func harness(_ statements: String, policy: PolicyName = .stateful) throws -> SIPHarness {
        try SIPHarness("function on_request(req) \(statements) end", policy: policy, ledger: books.ledger)
    }

    private func answer(_ harness: SIPHarness, _ request: SIPText = SIPText(), code: Int) {
        let sent = harness.receive(request).last!
        harness.receive(sent.response(code), from: SIPPlace.callee)
    }

    @Test(
        "options choose the rows",
        arguments: [
            ("acc.request(req)", 200, ["acc INVITE 200"]), ("acc.request(req)", 486, ["acc INVITE 486"]),
            ("acc.request(req, { missed = true })", 486, ["missed_calls INVITE 486"]),
            ("acc.request(req, { missed = true })", 200, ["acc INVITE 200"]),
            (
                "acc.request(req, { missed = true, failed = true })", 486,
                ["acc INVITE 486", "missed_calls INVITE 486"]
            ),
            ("acc.request(req, { failed = false })", 486, []),
            ("acc.request(req, { answered = false, missed = true })", 200, []),
            ("acc.log(req, 'Mark', 299)", 486, ["acc INVITE 299"]),
            ("acc.log(req, 'Mark', { missed = true })", 486, ["missed_calls INVITE 200"]),
        ])
    func rows(statement: String, code: Int, rows: [String]) throws {
        let harness = try harness("\(statement) return req:relay()")
        answer(harness, code: code)
        #expect(books.rows() == rows)
        #expect(harness.log.texts == [])
    }

    @Test(
        "a handler that waits has its request accounted all the same, marked before or after, and once",
        arguments: [
            "acc.request(req) sleep(1) return req:relay()", "sleep(1) acc.request(req) return req:relay()",
            "acc.request(req) sleep(1) acc.request(req) return req:relay()",
            "acc.request(req) req:relay_and_wait() sleep(1)", "sleep(1) acc.request(req) req:relay_and_wait()",
        ])
    func waiting(statements: String) throws {
        let harness = try harness(statements)
        var sent = harness.receive(SIPText(method: "MESSAGE"))
        if sent.isEmpty { sent = harness.pass(milliseconds: 1_000) }
        harness.receive(try #require(sent.last).response(200), from: SIPPlace.callee)
        harness.pass(milliseconds: 60_000)
        #expect(books.rows() == ["acc MESSAGE 200"])
        #expect(harness.isEmpty && harness.log.texts == [])
    }

    @Test("extra values go into their columns, numbers and booleans as text")
    func extra() throws {
        let harness = try harness(
            "acc.request(req, { extra = { customer = 4711, agent = true, source = 'gateway' } }) return req:relay()")
        answer(harness, code: 200)
        #expect(books.fields() == ["sip:alice@example.com", "gateway", "true", "4711", ""])
    }

    @Test("headers are recorded as the script has left them")
    func edited() throws {
        let harness = try harness(
            "req.headers:set('User-Agent', 'masked') acc.request(req) return req:relay()")
        answer(harness, SIPText(extra: ["User-Agent: phone"]), code: 200)
        #expect(books.fields()[2] == "masked")
    }

    @Test("acc.request says whether the request will be accounted")
    func result() throws {
        let statements = "log.info(acc.request(req)) return req:relay()"
        let harness = try harness(statements)
        harness.receive()
        harness.receive(SIPText(method: "ACK", branch: "z9hG4bK-ack"))
        #expect(harness.log.texts == ["true", "false"])
        let without = try SIPHarness("function on_request(req) \(statements) end", policy: .stateless)
        without.receive()
        #expect(without.log.texts == ["false"] && without.isEmpty)
    }

    @Test("the transaction is held under any policy, and counts as must-hold")
    func holds() throws {
        let harness = try harness("acc.request(req) return req:relay()", policy: .stateless)
        harness.receive(SIPText(method: "MESSAGE"))
        #expect(harness.proxy.transactionsInUse == 2 && harness.count(.requestsMustHold) == 1)
    }

    @Test("what is asked for last counts")
    func again() throws {
        let harness = try harness(
            "acc.request(req, { extra = { customer = 1 } }) acc.request(req, { missed = true, extra = { customer = 2 } }) return req:relay()"
        )
        answer(harness, code: 486)
        guard case .missedCall(let row)? = books.take().first else {
            Issue.record("no missed call")
            return
        }
        #expect(row.fields[3] == Array("2".utf8) && books.take().isEmpty)
    }

    @Test("a handler that fails is recorded with its 500")
    func failure() throws {
        let harness = try harness("acc.request(req) error('late')")
        #expect(harness.receive().map(\.code) == [500])
        #expect(books.rows() == ["acc INVITE 500"])
    }

    @Test("a request that is dropped makes no record, nor does the next one")
    func dropped() throws {
        let harness = try harness(
            "if req.method == 'INVITE' then acc.request(req) return req:drop() end return req:relay()")
        harness.receive()
        answer(harness, SIPText(method: "MESSAGE", branch: "z9hG4bK-2"), code: 200)
        #expect(books.rows() == [])
    }

    @Test(
        "what cannot be is told",
        arguments: [
            ("acc.request(req) req:forward()", "a request that is to be accounted needs state"),
            ("acc.request(req) req:relay { state = 'stateless' }", "a request that is to be accounted needs state"),
            ("req:drop() acc.request(req)", "already decided to drop"),
            ("acc.request(req, { extra = { costumer = 1 } })", "no field of accounting.fields"),
            ("acc.request(req, { extra = { customer = {} } })", "a value is a string, a number or a boolean"),
            ("acc.log(req)", "text"), ("acc.log(req, 'x', 99)", "code"),
        ])
    func mistakes(statements: String, message: String) throws {
        let harness = try harness(statements)
        harness.receive()
        #expect(harness.log.errors.first?.contains(message) == true, "\(harness.log.texts)")
    }

    @Test("a tracked dialog makes its record when it ends")
    func call() throws {
        let harness = try harness(
            """
            if req.method == "INVITE" then dialog.track(req, { cdr = true, extra = { customer = "c" } }) end
            return req:relay()
            """)
        answer(harness, code: 200)
        harness.pass(milliseconds: 30_000)
        var bye = SIPText(method: "BYE", branch: "z9hG4bK-bye")
        bye.to += ";tag=callee"
        answer(harness, bye, code: 200)
        guard case .call(let row)? = books.take().first else {
            Issue.record("no record")
            return
        }
        #expect(row.durationMilliseconds == 30_000 && row.endedBy == .caller)
        #expect(String(decoding: row.fields[3], as: UTF8.self) == "c")
    }
}
