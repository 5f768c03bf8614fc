import Scripting
import Testing

@Suite struct BindingTests {
    @Test("properties, parts and methods of an object work")
    func objects() throws {
        let harness = try Harness(
            """
            function on_request(req)
              req.uri.user = "bob"
              req:copy():reply(404, "Not Here")
              return req.method .. " " .. req.uri.user .. "@" .. req.uri.host, req.handle
            end
            """)
        #expect(harness.request(42) == .finished)
        #expect(harness.text == "INVITE bob@example.com")
        #expect(harness.host.replies.first?.code == 404)
        #expect(harness.host.replies.first?.reason == "Not Here")
        #expect(harness.vm.objectsLive == 0)
    }

    @Test(
        "argument errors name the function, the argument, what was expected and what was given",
        arguments: [
            ("req:reply('x')", "req:reply: argument 1 (code): expected integer 100…699, got string"),
            ("req:reply(42)", "req:reply: argument 1 (code): expected integer 100…699, got 42"),
            ("req:reply(404.5)", "req:reply: argument 1 (code): expected integer 100…699, got 404.5"),
            ("req:reply()", "req:reply: argument 1 (code): expected integer 100…699, got no value"),
            ("req:reply(404, print, {})", "req:reply: argument 2 (reason): expected string, got function"),
            ("req:reply(404, {}, 3)", "req:reply: too many arguments (2 expected, 3 given)"),
            ("req:reply(404, 'a', {to_tag = req})", "req:reply: option to_tag: expected string, got request"),
            ("req:reply(404, 'a', {totag = 1})", "req:reply: no option 'totag'; did you mean 'to_tag'?"),
            ("req:reply(404, 'a', {}, 9)", "req:reply: too many arguments (3 expected, 4 given)"),
            ("req:reply(404, {to_tag = 'x'}, 9)", "req:reply: too many arguments (2 expected, 3 given)"),
            ("req.reply(404)", "req:reply: called without its request; write req:reply(…), with a colon"),
            (
                "req:relay {state = 'staeful'}",
                "req:relay: option state: expected one of \"auto\", \"stateful\", \"stateless\", got \"staeful\""
            ),
            ("req:relay {targets = {{{{{1}}}}}}", "req:relay: a table is nested too deeply (limit 4)"),
            ("req:relay {targets = {print}}", "req:relay: a table holds a function, which cannot be used there"),
            ("req:relay(5)", "req:relay: argument 1 (options): expected table, got number"),
            ("req.max_forwards = 256", "req.max_forwards: expected integer 0…255, got 256"),
            ("req.max_forwards = nil", "req.max_forwards: expected integer 0…255, got nil"),
            ("req.method = 'BYE'", "req.method: is read-only"),
            ("req.reply = 1", "req:reply: is a function and cannot be set"),
            ("return req.metod", "req.metod: request has no such field; did you mean 'method'?"),
            ("req.uri.hst = 'x'", "uri.hst: uri has no such field; did you mean 'host'?"),
            ("return req[1]", "req: cannot read a field by a number"),
            ("return req.completely_else", "req.completely_else: request has no such field"),
            ("test.sum(1, 'a')", "test.sum: argument 2 (number): expected integer, got string"),
            ("test.fail('line busy')", "line busy"),
            ("sleep(-1)", "sleep: argument 1 (milliseconds): expected integer 0…60000, got -1"),
        ])
    func messages(body: String, expected: String) throws {
        let message = try Harness.message(body)
        #expect(message == expected)
    }

    @Test("what a phase does not allow is refused by name")
    func phases() throws {
        #expect(
            try Harness.message("req:relay()", phase: .onReply)
                == "req:relay cannot be used in on_reply (allowed in: on_request)")
        #expect(
            try Harness.message("req.max_forwards = 3", phase: .onReply)
                == "req.max_forwards cannot be set in on_reply (allowed in: on_request)")
        #expect(try Harness.message("req:relay()") == "finished")
    }

    @Test("options may be left out, and may follow optional parameters that are left out")
    func options() throws {
        let harness = try Harness(
            "function on_request(req) req:reply(404, {to_tag = 'x'}) req:reply(405) req:reply(406, nil, nil) end")
        #expect(harness.request() == .finished)
        #expect(harness.host.replies.map(\.code) == [404, 405, 406])
    }

    @Test("tables arrive with their structure and go back with it")
    func tables() throws {
        let harness = try Harness(
            """
            function on_request(req)
              req:relay { targets = { "sip:a@example.com", { uri = "sip:b@example.com", q = 0.5, weights = { 1, 2 } } } }
              local t = test.echo { list = { 1, 2.5, "x" }, flag = true, empty = {} }
              return t.list[1] .. " " .. t.list[2] .. " " .. t.list[3] .. " " .. tostring(t.flag) .. " " .. #test.names(5000)
            end
            """)
        #expect(harness.request() == .finished)
        #expect(
            harness.host.lastValue
                == .list([
                    .string("sip:a@example.com"),
                    .record([
                        "uri": .string("sip:b@example.com"), "q": .number(0.5),
                        "weights": .list([.integer(1), .integer(2)]),
                    ]),
                ]))
        #expect(harness.text == "1 2.5 x true 5000")
        #expect(
            try Harness.message("local t = {} for i = 1, 5000 do t[i] = i end req:relay { targets = t }")
                == "req:relay: a table has too many values (limit 4096)")
    }

    @Test("a stale object is refused wherever it is used")
    func staleObjects() throws {
        let harness = try Harness(
            """
            function on_request(req)
              if not saved then saved, part = req, req.uri return end
              local messages = {}
              for _, use in ipairs { function() return saved.method end, function() saved.max_forwards = 1 end,
                                     function() saved:reply(404) end, function() return part.host end } do
                local ok, message = pcall(use)
                messages[#messages + 1] = tostring(ok) .. message:match(": (.*)")
              end
              return table.concat(messages, "|"), saved == req
            end
            """)
        #expect(harness.request() == .finished)
        #expect(harness.request() == .finished)
        let ended = "request is no longer valid: on_request has ended"
        #expect(
            harness.text
                == "falsereq.method: \(ended)|falsereq.max_forwards: \(ended)|falsereq:reply: \(ended)|"
                + "falseuri.host: uri is no longer valid: on_request has ended")
        if case .boolean(let same) = harness.vm.result(1) { #expect(!same) } else { Issue.record("no second result") }
    }

    @Test("functions that a call keeps run later, others are let go")
    func functions() throws {
        let harness = try Harness(
            """
            count = 0
            function on_request(req)
              req:relay { on_failure = function(r) count = count + 1 return count + r.handle end }
              pcall(req.relay, req, { on_failure = function() end, state = "bad" })
            end
            """)
        #expect(harness.request() == .finished)
        let function = try #require(harness.host.kept.first)
        harness.vm.collectGarbage()
        #expect(harness.vm.run(function, as: .onFailure, [.object(kind: 0, handle: 10)]) == .finished)
        #expect(harness.integer == 11)
        harness.vm.release(function)
        harness.host.kept = []
        harness.vm.collectGarbage()
        let before = harness.vm.memoryUsedBytes
        for _ in 0..<10_000 {
            #expect(harness.request() == .finished)
            for function in harness.host.kept { harness.vm.release(function) }
            harness.host.kept = []
        }
        harness.vm.collectGarbage()
        #expect(harness.vm.memoryUsedBytes < before + 8192)
    }

    @Test("a handler may be started inside a call, with its own arguments and budget")
    func nested() throws {
        let harness = try Harness(
            """
            function on_branch(req) local t = test.echo { 1, 2, 3 } return #t end
            function on_reply(req) while true do end end
            function on_request(req) test.nested() return req.method .. (test.echo { "z" })[1] end
            """)
        var inner: [RunStatus] = []
        let vm = harness.vm
        harness.host.nested = {
            inner.append(vm.run(.onBranch, .object(kind: 0, handle: 1)))
            inner.append(vm.run(.onReply, .object(kind: 0, handle: 1)))
        }
        #expect(harness.request() == .finished)
        #expect(harness.text == "INVITEz")
        #expect(inner == [.finished, .killed(.instructions)])
        harness.host.nested = { inner.append(vm.run(.onRequest, .object(kind: 0, handle: 1))) }
        inner = []
        #expect(harness.request() == .finished)
        #expect(inner.count == 8)
        #expect(inner.first == .failed)
        harness.host.nested = nil
    }

    @Test("globals made by a handler are reported once and print reaches the host")
    func events() throws {
        let harness = try Harness(
            "known = 1 function on_request(req) known = 2 leaked = (leaked or 0) + 1 print('a', nil, leaked) end")
        #expect(harness.request() == .finished)
        #expect(harness.request() == .finished)
        #expect(harness.host.globals == ["leaked"])
        #expect(harness.host.prints == ["a\tnil\t1", "a\tnil\t2"])
    }
}
