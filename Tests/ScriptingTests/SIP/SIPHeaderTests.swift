import Testing

@Suite struct SIPHeaderTests {
    @Test(
        "headers can be set, added and removed",
        arguments: [
            ("req.headers:set('X-A', '1')", "X-A", ["1"]),
            ("req.headers:set('X-A', 5)", "X-A", ["5"]),
            ("req.headers:set('x-old', 'new')", "X-Old", ["new"]),
            ("req.headers:set('Subject', 'new')", "s", ["new"]),
            ("req.headers:set('X-Empty', 'full')", "X-Empty", ["full"]),
            ("req.headers:set('X-Old', '')", "X-Old", [""]),
            ("req.headers:add('X-Old', 'third')", "X-Old", ["first", "second", "third"]),
            ("req.headers:remove('X-Old')", "X-Old", []),
            ("req.headers:remove('Absent')", "X-Old", ["first", "second"]),
            ("req.headers:set('X-A', '1') req.headers:set('X-A', '2')", "X-A", ["2"]),
            ("req.headers:add('X-A', '1') req.headers:set('X-A', '2')", "X-A", ["2"]),
            ("req.headers:add('X-A', '1') req.headers:add('X-A', '2')", "X-A", ["1", "2"]),
            ("req.headers:add('X-A', '1') req.headers:remove('X-A')", "X-A", []),
            ("req.headers:set('X-Old', '1') req.headers:remove('X-Old')", "X-Old", []),
            ("req.headers:remove('X-Old') req.headers:add('X-Old', '1')", "X-Old", ["1"]),
            ("req.headers:set('Max-Forwards', 9)", "Max-Forwards", ["8"]),
            ("req.headers:set('Contact', '<sip:carol@192.0.2.9>')", "Contact", ["<sip:carol@192.0.2.9>"]),
            ("for i = 1, 200 do req.headers:add('X-A', i) end req.headers:remove('X-A')", "X-A", []),
            ("for i = 1, 200 do req.headers:add('X-A', i) end req.headers:set('X-A', 'one')", "X-A", ["one"]),
        ])
    func edited(statements: String, name: String, expected: [String]) throws {
        let request = SIPText(extra: [
            "X-Old: first", "X-Empty:", "X-Old: second", "s: old", "Contact: <sip:a@192.0.2.3>",
        ])
        let sent = try SIPHarness.relayed(statements, request)
        #expect(sent[name] == expected)
        #expect(sent["Via"].count == 2)
        #expect(sent["Call-ID"] == ["call-1@192.0.2.100"])
    }

    @Test(
        "a later read sees what was written",
        arguments: [
            ("req.headers:set('X-A', '1')", "req.headers:get('x-a')", "1"),
            (
                "req.headers:add('X-A', '1') req.headers:add('X-A', '2')", "table.concat(req.headers:all('X-A'), ',')",
                "1,2"
            ),
            ("req.headers:remove('User-Agent')", "req.headers:get('User-Agent')", "nil"),
            (
                "req.headers:set('Contact', '<sip:carol@192.0.2.9;ob>')", "req.contact.uri.text, req.contact.uri.user",
                "sip:carol@192.0.2.9;ob carol"
            ),
            ("req.headers:add('Route', '<sip:192.0.2.9;lr>')", "req:loose_route()", "true"),
            ("req.headers:set('Max-Forwards', 9)", "req.max_forwards", "9"),
            ("req.body = 'new body'", "req.body, req.headers:get('Content-Length')", "new body 8"),
            ("req.body = ''", "#req.body, req.headers:get('l')", "0 0"),
            ("req.body = 'a' req.body = ('b'):rep(30000)", "#req.body, req.headers:get('l')", "30000 30000"),
        ])
    func readsAfterWrites(statements: String, expression: String, expected: String) throws {
        let request = SIPText(extra: ["User-Agent: Example/1.0", "Contact: <sip:a@192.0.2.3>"], body: "old")
        #expect(try SIPHarness.value(expression, in: request, after: statements) == expected)
    }

    @Test("a body is sent with its length")
    func body() throws {
        let sent = try SIPHarness.relayed(
            "req.body = 'hello' req.headers:set('Content-Type', 'text/plain')", SIPText(body: "old body"))
        #expect(sent.body == "hello")
        #expect(sent["Content-Length"] == ["5"])
        #expect(sent["Content-Type"] == ["text/plain"])
    }

    @Test(
        "the proxy's own headers are refused with the reason",
        arguments: [
            ("Via", "replies find their way back by it"), ("v", "replies find their way back by it"),
            ("Call-ID", "it names the call"), ("i", "it names the call"), ("cseq", "replies are matched by it"),
            ("From", "its tag names the dialog"), ("f", "its tag names the dialog"),
            ("To", "its tag names the dialog"), ("t", "its tag names the dialog"),
            ("Content-Length", "assign body instead"), ("l", "assign body instead"),
        ])
    func protected(name: String, reason: String) throws {
        for statement in [
            "req.headers:set('\(name)', 'x')", "req.headers:add('\(name)', 'x')", "req.headers:remove('\(name)')",
            "req:reply(404, 'No', { headers = { ['\(name)'] = 'x' } })",
        ] {
            let error = try SIPHarness.failure(statement)
            #expect(error.contains(reason), "\(statement): \(error)")
        }
    }

    @Test(
        "headers that would break the message are refused",
        arguments: [
            ("req.headers:set('X-A', 'a\\r\\nVia: b')", "the value holds a line end or a zero byte"),
            ("req.headers:add('X-A', 'a\\nb')", "the value holds a line end or a zero byte"),
            ("req.headers:add('X-A', 'a\\rb')", "the value holds a line end or a zero byte"),
            ("req.headers:set('X-A', 'a\\0b')", "the value holds a line end or a zero byte"),
            ("req.headers:set('X A', 'a')", "is not a header name"),
            ("req.headers:set('', 'a')", "is not a header name"),
            ("req.headers:set('X:A', 'a')", "is not a header name"),
            ("req.headers:set('X-\\r\\n', 'a')", "is not a header name"),
            ("req.headers:set(('x'):rep(200), 'a')", "is not a header name"),
            ("req.headers:set('X-A', ('x'):rep(20000))", "the value has 20000 bytes (limit 16384)"),
            ("req.headers:set('Max-Forwards', 256)", "Max-Forwards is a number 0…255"),
            ("req.headers:set('Max-Forwards', 'x')", "Max-Forwards is a number 0…255"),
            ("req.headers:add('Max-Forwards', 9)", "a message has one Max-Forwards"),
            ("req.headers:add('Route', 'nonsense')", "Route is one \"<sip:host;lr>\""),
            ("req.headers:set('X-A')", "argument 2 (value): expected string"),
            ("req.headers:get()", "argument 1 (name): expected string"),
            ("req.headers:set('X-A', {})", "argument 2 (value): expected string, got table"),
        ])
    func refused(statement: String, expected: String) throws {
        let error = try SIPHarness.failure(statement)
        #expect(error.contains(expected), "\(error)")
    }

    @Test("edits that do not fit a datagram end the request with 513, also when the script catches the error")
    func tooLarge() throws {
        for wrap in ["%", "pcall(function() % end)"] {
            let edit = "for i = 1, 10 do req.headers:add('X-A', ('x'):rep(16000)) end"
            let body = wrap.replacing("%", with: edit)
            let harness = try SIPHarness("function on_request(req) \(body) return req:relay() end")
            #expect(harness.receive().map(\.code) == [513])
            #expect(harness.log.errors.count == 1)
            #expect(harness.log.errors[0].contains("would not fit a datagram"))
        }
        let harness = try SIPHarness("function on_request(req) req.body = ('x'):rep(66000) end")
        #expect(harness.receive().map(\.code) == [500])
        #expect(harness.log.errors[0].contains("a body of 66000 bytes does not fit a datagram"))
    }

    @Test("edits while our own Route is being removed keep to their place")
    func ownRoute() throws {
        let request = SIPText(extra: ["Route: <sip:192.0.2.1;lr>, <sip:192.0.2.250;lr>", "X-A: 1"])
        let sent = try SIPHarness.relayed("req.headers:set('X-A', '2')", request)
        #expect(sent["Route"] == ["<sip:192.0.2.250;lr>"])
        #expect(sent["X-A"] == ["2"])
        #expect(
            try SIPHarness.value("req:loose_route(), #req.headers:all('Route'), req.headers:get('Route')", in: request)
                == "true 1 <sip:192.0.2.250;lr>")
        let added = try SIPHarness.relayed("req.headers:add('Route', '<sip:192.0.2.9;lr>')", request)
        #expect(added["Route"] == ["<sip:192.0.2.250;lr>", "<sip:192.0.2.9;lr>"])
    }
}
