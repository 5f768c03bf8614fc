import ProxyCore
import Scripting
import Testing

/// `timer.every` and `timer.after`: docs/waiting.md#timers.
@Suite("Timers of scripts") struct SIPTimerTests {
    private static let rest = "\nfunction on_request(req) return req:reply(404) end"

    @Test("functions are called when their time has come, again and again or once")
    func calls() throws {
        let proxy = try SIPHarness(
            """
            local ticks = 0
            timer.every(1, function() ticks = ticks + 1 log.info("tick", ticks) end)
            function on_start() timer.after(2.5, function() log.info("once") end) end
            """ + Self.rest)
        proxy.pass(milliseconds: 999)
        #expect(proxy.log.texts == [])
        proxy.pass(milliseconds: 3_001)
        #expect(proxy.log.texts == ["tick 1", "tick 2", "once", "tick 3", "tick 4"])
        #expect(proxy.count(.timersRun) == 5)
    }

    @Test("a handler sets a timer that outlives its request, and sees its locals")
    func fromHandler() throws {
        let proxy = try SIPHarness(
            """
            function on_request(req)
              local id = req.call_id
              timer.after(5, function() log.info(id, pcall(function() return req.method end)) end)
              return req:reply(404)
            end
            """)
        #expect(proxy.receive().map(\.code) == [404])
        proxy.pass(milliseconds: 5_000)
        #expect(proxy.log.texts.count == 1)
        #expect(proxy.log.texts[0].contains("call-1@192.0.2.100 false"))
        #expect(proxy.log.texts[0].contains("request is no longer valid: on_request has ended"))
    }

    @Test("of several workers one runs it, or all do, as the script says")
    func workers() throws {
        for (worker, expected) in [(0, ["every", "every all"]), (1, ["every all"])] {
            var services = ScriptServices()
            services.worker = worker
            let proxy = try SIPHarness(
                """
                timer.every(1, function() log.info("every") end)
                timer.every(1, function() log.info("every all") end, { workers = "all" })
                """ + Self.rest, services: services)
            proxy.pass(milliseconds: 1_000)
            #expect(proxy.log.texts.sorted() == expected)
        }
    }

    @Test("shared dictionaries and sets are within reach, messages and waiting are not")
    func reach() throws {
        let services = ScriptServices(dictionaries: [SharedDictionary(name: "d", bytesMax: 1 << 20)])
        let proxy = try SIPHarness(
            """
            timer.after(1, function() log.info(shared.d:incr("n", 1, { ttl = 10 }), shared.d:ttl("n")) end)
            timer.after(2, function() sleep(1) end)
            timer.after(3, function() registrar.lookup("sip:bob@example.org") end)
            timer.after(4, function() error("oops") end)
            """ + Self.rest, services: services)
        proxy.pass(milliseconds: 4_000)
        let lines = proxy.log.texts.map { String($0.prefix { $0 != "\n" }) }
        #expect(
            lines == [
                "1 10",
                "on_timer: routing.lua:2: sleep cannot be used in on_timer (allowed in: on_request, on_failure)",
                "on_timer: routing.lua:3: registrar.lookup cannot be used in on_timer (allowed in: on_request, on_branch, on_failure, choose_state_mode)",
                "on_timer: routing.lua:4: oops",
            ])
    }

    @Test("a reload ends the timers of the old script, and those of the new one begin")
    func reload() throws {
        let proxy = try SIPHarness("timer.every(1, function() log.info('old') end)" + Self.rest)
        proxy.pass(milliseconds: 1_000)
        let new = try ScriptRouting.load(
            ScriptSource(path: "new.lua", text: "timer.every(1, function() log.info('new') end)" + Self.rest),
            log: proxy.log.log)
        #expect(proxy.proxy.install(new))
        proxy.pass(milliseconds: 2_000)
        #expect(proxy.log.texts == ["old", "new", "new"])
    }

    @Test("a function that fails, loops or eats memory is stopped, and called again all the same")
    func failing() throws {
        for body in ["error('no')", "while true do end", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) end"] {
            let proxy = try SIPHarness("timer.every(1, function() \(body) end)" + Self.rest)
            proxy.pass(milliseconds: 3_000)
            #expect(proxy.count(.timersRun) == 3, "\(body)")
            #expect(proxy.log.errors.count >= 1)
            #expect(proxy.receive(SIPText(method: "OPTIONS")).map(\.code) == [404])
        }
    }

    @Test("times and numbers of timers are limited")
    func limits() throws {
        #expect(throws: (any Error).self) { try SIPHarness("timer.every(0, function() end)" + Self.rest) }
        var limits = ScriptLimits()
        limits.handlerMilliseconds = 60_000
        let proxy = try SIPHarness(
            """
            function on_request(req)
              local set = 0
              while pcall(timer.after, 1, function() end) do set = set + 1 end
              log.info(set)
              return req:reply(404)
            end
            """, limits: limits)
        proxy.receive(SIPText(method: "OPTIONS"))
        #expect(proxy.log.texts == ["10000"])
        proxy.pass(milliseconds: 1_000)
        proxy.receive(SIPText(method: "OPTIONS", branch: "z9hG4bK-2"))
        #expect(proxy.log.texts == ["10000", "10000"])
    }
}
