import Foundation
import ProxyCore
import Reactor
import Scripting
import StatePolicy
import Synchronization
import Testing

@Suite(.serialized) struct SIPFailureTests {
    @Test("a failed on_request is answered with 500, logged with traceback and Call-ID, and counted")
    func failure() throws {
        let harness = try SIPHarness(
            """
            local function inner() error("oops") end
            function on_request(req)
              req:record_route()
              req.headers:set("X-A", "1")
              req:relay { on_failure = function() end }
              inner()
            end
            """)
        let sent = harness.receive()
        #expect(sent.map(\.startLine) == ["SIP/2.0 500 Server Internal Error"])
        #expect(sent[0].destination == SIPPlace.caller)
        #expect(harness.log.lines.count == 1)
        #expect(harness.log.lines[0].callID == "call-1@192.0.2.100")
        #expect(harness.log.errors[0].hasPrefix("on_request: routing.lua:1: oops\n"))
        #expect(harness.log.errors[0].contains("routing.lua:6:"))
        #expect(harness.count(.scriptFailures) == 1)
        #expect(harness.isEmpty)
    }

    @Test(
        "every way to fail is a 500",
        arguments: [
            "error()", "error(nil)", "error({})", "error('x', 0)", "local x = nil + 1", "req.nothing()", "string.rep()",
            "while true do end", "pcall(function() while true do end end)",
            "local t = {} while true do t[#t + 1] = {} end",
            "local s = 'x' while true do s = s .. s end", "coroutine.yield()",
            "local function f() return f() + 1 end f()",
            "setmetatable({}, { __index = function() error('x') end }).x()", "req.headers:get(nil)", "log.info({})",
        ])
    func everyFailure(statements: String) throws {
        var limits = ScriptLimits()
        limits.handlerInstructionsMax = 50_000
        limits.handlerBytesMax = 1 << 20
        let harness = try SIPHarness("function on_request(req) \(statements) end", limits: limits)
        for index in 0..<3 {
            let sent = harness.receive(SIPText(branch: "z9hG4bK-caller-\(index)", callID: "\(index)"))
            #expect(sent.map(\.code) == [500])
        }
        #expect(harness.count(.scriptFailures) == 3)
        // A budget may be exceeded at one place and another.
        #expect((1...2).contains(harness.log.errors.count))
    }

    @Test("a script that filled its VM rests for a second, answered with 503, and serves again once there is room")
    func fullVM() throws {
        var limits = ScriptLimits()
        limits.vmBytesMax = 2 << 20
        limits.handlerInstructionsMax = 100_000_000
        limits.handlerMilliseconds = 60_000
        let harness = try SIPHarness(
            """
            local kept, runs = nil, 0
            function on_request(req)
              runs = runs + 1
              log.info(runs)
              if req.call_id == "free" then kept = nil end
              if req.call_id == "fill" then while true do kept = { kept } end end
              req:reply(200)
            end
            """, limits: limits)
        var sequence = 0
        func code(_ callID: String) -> Int? {
            sequence += 1
            return harness.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-\(sequence)", callID: callID)).first?
                .code
        }
        #expect(code("other") == 200)
        #expect(code("fill") == 500)
        #expect(code("other") == 503)
        harness.now += 999
        #expect(code("free") == 503)
        #expect(harness.count(.scriptFailures) == 3)
        let told = harness.log.errors.filter {
            $0.contains("of the 2097152 bytes its Lua VM may have (lua.vm_memory_bytes)")
        }
        #expect(told.count == 1)
        harness.now += 1
        #expect(code("free") == 200)
        #expect(code("other") == 200)
        // Lua ran four times: neither of the requests in the rest reached it.
        #expect(harness.log.lines.filter { $0.level == .info }.map(\.text) == ["1", "2", "3", "4"])
    }

    @Test("a handler that goes over its own memory budget in a VM with room brings no rest")
    func handlerMemory() throws {
        var limits = ScriptLimits()
        limits.handlerBytesMax = 1 << 20
        let harness = try SIPHarness(
            "function on_request(req) local kept while req.call_id == 'fill' do kept = { kept } end req:reply(200) end",
            limits: limits)
        #expect(harness.receive(SIPText(method: "MESSAGE", callID: "fill")).map(\.code) == [500])
        #expect(harness.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-2")).map(\.code) == [200])
    }

    @Test("an ACK whose handler fails is dropped")
    func acknowledgement() throws {
        let harness = try SIPHarness("function on_request(req) error('oops') end")
        #expect(harness.receive(SIPText(method: "ACK")).isEmpty)
        #expect(harness.count(.scriptFailures) == 1)
    }

    @Test("the same error is logged in full once, then at most once a second with a count")
    func throttled() throws {
        let harness = try SIPHarness("function on_request(req) error('about ' .. req.call_id) end")
        func fail(_ count: Int) {
            for _ in 0..<count { harness.receive(SIPText(method: "MESSAGE")) }
        }
        fail(100)
        #expect(harness.log.errors.count == 1)
        #expect(harness.log.errors[0].contains("\n"))
        harness.now += 1_000
        fail(100)
        #expect(harness.log.errors.count == 2)
        #expect(
            harness.log.errors[1]
                == "on_request: routing.lua:1: about call-1@192.0.2.100 (99 more since the last such line)")
        harness.now += 1_000
        fail(1)
        #expect(harness.log.errors.last?.hasSuffix("(99 more since the last such line)") == true)
        harness.now += 1_000
        fail(1)
        #expect(harness.log.errors.last == "on_request: routing.lua:1: about call-1@192.0.2.100")
    }

    @Test("errors at many places do not flood the log either")
    func throttledPlaces() throws {
        let lines = (0..<60).map { "if n == \($0) then error('e') end" }.joined(separator: "\n")
        let harness = try SIPHarness("local n = 0\nfunction on_request(req)\nn = (n + 1) % 60\n\(lines)\nend")
        for index in 0..<600 { harness.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-\(index)")) }
        #expect(harness.log.errors.count == 20)
        harness.now += 1_000
        for index in 0..<600 { harness.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-\(index)")) }
        #expect(harness.log.errors.count == 40)
    }

    @Test("a million failing handlers leave memory where it was")
    func million() throws {
        #if DEBUG
            let total = 200_000
        #else
            let total = 1_000_000
        #endif
        let harness = try SIPHarness(
            """
            local n = 0
            function on_request(req)
              n = n + 1
              local kind = n % 8
              req.headers:set("X-A", "1")
              if kind == 0 then error("text") end
              if kind == 1 then error({}) end
              if kind == 2 then error(nil) end
              if kind == 3 then local x = req.nothing end
              if kind == 4 then req:relay { on_failure = function() return n end } req:relay() end
              if kind == 5 then pcall(error, "x") req:reply(1000) end
              if kind == 6 then local co = coroutine.wrap(function() error("inner") end) co() end
              req:reply(404, "a\\nb")
            end
            """)
        harness.sink.onlyCounts = true
        var bytes = Array(SIPText(method: "MESSAGE").text.utf8)
        func fail(_ count: Int) {
            bytes.withUnsafeMutableBytes {
                for _ in 0..<count { harness.proxy.received($0, from: SIPPlace.caller, listener: 0, now: harness.now) }
            }
        }
        fail(total / 10)
        let growth = leastGrowth { fail(total * 3 / 10) }
        #expect(harness.sink.sentCount == total)
        #expect(harness.count(.scriptFailures) == total)
        #expect(harness.routing.memoryUsedBytes < 2 << 20)
        // Sixteen bytes a failure would show.
        #expect(growth < total * 3 / 10 * 16 / 1_024)
    }

    @Test("a script that does not load says where and why")
    func loadErrors() {
        func error(_ text: String) -> String {
            do {
                _ = try ScriptRouting.load(ScriptSource(path: "routing.lua", text: text))
                return "loads"
            } catch {
                return "\(error)"
            }
        }
        let minimal = "function on_request(req) end "
        #expect(error(minimal) == "loads")
        #expect(error("function on_request(req) reurn end").hasPrefix("routing.lua:1: syntax error"))
        #expect(error("\n\nerror('oops')") == "routing.lua:3: oops")
        #expect(error("x = 5") == "routing.lua: defines no function on_request(req), so it could route nothing")
        #expect(error(minimal + "function on_start() error('not today') end") == "routing.lua:1: not today")
        #expect(error(minimal + "function on_start() log.info('x') end") == "loads")
        #expect(error(minimal + "function on_start() req = nil end") == "loads")
        #expect(error(minimal + "while true do end").contains("routing.lua:1:"))
    }

    @Test("globals given to a script are there, and its log has no Call-ID before the first request")
    func globals() throws {
        let log = SIPLog()
        _ = try ScriptRouting.load(
            ScriptSource(
                path: "routing.lua",
                text:
                    "function on_request(req) end function on_start() log.warning('gateway', config.gateway) print('a', 1) end",
                globals: ["config": .record(["gateway": .string("192.0.2.9")])]), log: log.log)
        #expect(
            log.lines == [
                SIPLog.Line(level: .warning, text: "gateway 192.0.2.9", callID: ""),
                SIPLog.Line(level: .info, text: "a\t1", callID: ""),
            ])
    }

    @Test("log joins values of all kinds and cuts long lines")
    func logging() throws {
        #expect(
            try SIPHarness.value("'a', 1, -2, 1.5, true, nil, req.uri, req.from, req, req.contact")
                == "a 1 -2 1.5 true nil sip:bob@192.0.2.200 sip:alice@example.com request nil")
        #expect(try SIPHarness.value("('x'):rep(10000)").count == 4_096)
        let harness = try SIPHarness(
            "function on_request(req) log.debug('d') log.info('i') log.notice('n') log.warning('w') log.error('e') print('p') req:drop() end"
        )
        harness.receive()
        #expect(harness.log.lines.map(\.level) == [.debug, .info, .notice, .warning, .error, .info])
        #expect(harness.log.texts == ["d", "i", "n", "w", "e", "p"])
    }

    @Test("a global written by a handler is reported once")
    func globalWritten() throws {
        let harness = try SIPHarness("function on_request(req) leaked = 1 req:drop() end")
        for _ in 0..<3 { harness.receive() }
        #expect(harness.log.lines.count == 1)
        #expect(harness.log.lines[0].level == .notice)
        #expect(harness.log.texts[0].contains("the global 'leaked'"))
    }

    @Test("a global made again and again is reported once a second, and clearing an absent one never")
    func globalWrittenAgain() throws {
        let harness = try SIPHarness("function on_request(req) absent = nil tmp = 1 tmp = nil req:drop() end")
        for _ in 0..<3 { harness.receive() }
        #expect(harness.log.lines.count == 1)
        harness.now += 1_000
        for _ in 0..<3 { harness.receive() }
        #expect(harness.log.lines.count == 2)
        #expect(harness.log.texts[1].hasSuffix("(2 more since the last such line)"))
        #expect(!harness.log.texts.contains { $0.contains("absent") })
    }

    @Test("a level can be switched on and off while scripts run, and one that is off costs no line")
    func logLevels() throws {
        let isDebugging = Mutex(false)
        let written = Mutex<[String]>([])
        let log = ScriptLog(isEnabled: { level in level > .debug || isDebugging.withLock { $0 } }) { _, text, _ in
            written.withLock { $0.append(String(decoding: text, as: UTF8.self)) }
        }
        func load(_ text: String) throws {
            _ = try ScriptRouting.load(
                ScriptSource(
                    path: "routing.lua",
                    text: "function on_request(req) end function on_start() log.debug('\(text)') log.info('i') end"),
                log: log)
        }
        try load("a")
        isDebugging.withLock { $0 = true }
        try load("b")
        #expect(written.withLock { $0 } == ["i", "b", "i"])
    }

    @Test("a reload between live transactions leaves each with the script it began with")
    func reload() throws {
        let harness = try SIPHarness(
            """
            function on_request(req) return req:relay { on_failure = function(req) return req:reply(480, "Old") end } end
            """)
        let old = harness.receive().last!
        let log = SIPLog()
        for generation in 1...100 {
            let next = try ScriptRouting.load(
                ScriptSource(
                    path: "routing.lua",
                    text:
                        "function on_request(req) return req:relay { on_failure = function(req) return req:reply(480, 'New \(generation)') end } end"
                ),
                log: log.log)
            #expect(harness.proxy.install(next))
        }
        #expect(harness.proxy.generationsInUse == 2)
        let new = harness.receive(SIPText(branch: "z9hG4bK-caller-2", callID: "2")).last!
        #expect(
            harness.receive(new.response(486), from: SIPPlace.callee).filter { !$0.isRequest }.map(\.startLine)
                == ["SIP/2.0 480 New 100"])
        #expect(
            harness.receive(old.response(486), from: SIPPlace.callee).filter { !$0.isRequest }.map(\.startLine)
                == ["SIP/2.0 480 Old"])
        harness.pass(milliseconds: 600_000)
        #expect(harness.isEmpty)
        #expect(harness.proxy.generationsInUse == 1)
    }

    @Test("ten thousand reloads leave memory where it was")
    func manyReloads() throws {
        let harness = try SIPHarness("function on_request(req) return req:drop() end")
        func reload(_ count: Int) throws {
            for _ in 0..<count {
                let next = try ScriptRouting.load(
                    ScriptSource(
                        path: "routing.lua",
                        text:
                            "local t = {} for i = 1, 100 do t[i] = {} end function on_request(req) return req:drop() end"
                    ))
                #expect(harness.proxy.install(next))
                harness.receive()
            }
        }
        try reload(1_000)
        let growth = try leastGrowth { try reload(3_000) }
        // A kilobyte a reload would show; a VM has thirty.
        #expect(growth < 3_000)
    }
}

/// Kilobytes that resident memory grows by while `body` runs: the least of three rounds, for other tests run beside.
private func leastGrowth(_ body: () throws -> Void) rethrows -> Int {
    var least = Int.max
    for _ in 0..<3 {
        let before = residentKilobytes()
        try body()
        least = min(least, residentKilobytes() - before)
    }
    return least
}

/// Resident memory of this process.
private func residentKilobytes() -> Int {
    guard let file = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    let pages = Int(file.split(separator: " ")[1]) ?? 0
    return pages * 4
}
