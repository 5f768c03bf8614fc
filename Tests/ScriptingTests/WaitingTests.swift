import Scripting
import Testing

@Suite struct WaitingTests {
    private func waiting(_ status: RunStatus) throws -> RunIdentifier {
        guard case .waiting(let run) = status else {
            Issue.record("not waiting: \(status)")
            throw ScriptFailure("not waiting")
        }
        return run
    }

    @Test("a handler that waits goes on with its locals and the results")
    func locals() throws {
        let harness = try Harness(
            """
            function on_request(req)
              local before = req.handle
              local a, b = sleep(5)
              return before .. a .. b .. req.method
            end
            """)
        let first = try waiting(harness.request(1))
        let second = try waiting(harness.request(2))
        #expect(harness.vm.runsActive == 2)
        #expect(harness.vm.objectsLive == 2)
        let text: StaticString = "x"
        let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: 1)
        #expect(harness.vm.resume(second, [.integer(7), .bytes(bytes)]) == .finished)
        #expect(harness.text == "27xINVITE")
        #expect(harness.vm.resume(first, [.bytes(bytes), .integer(8)]) == .finished)
        #expect(harness.text == "1x8INVITE")
        #expect(harness.vm.resume(first) == .failed)
        #expect(harness.vm.lastError.message == "the handler is not waiting")
        #expect(harness.vm.runsActive == 0)
        #expect(harness.vm.threadsMade == 2)
    }

    @Test("waiting passes through pcall and the script's own coroutines up to the handler")
    func throughCoroutines() throws {
        let harness = try Harness(
            """
            function on_request(req)
              local co = coroutine.wrap(function(a)
                local ok, value = pcall(function() return sleep(1) + a end)
                local second = coroutine.yield(value)
                return second + sleep(2)
              end)
              local inner = coroutine.create(function() local x = co(10) return x, co(100) end)
              local ok, x, y = coroutine.resume(inner)
              return tostring(ok) .. " " .. tostring(x) .. " " .. tostring(y)
            end
            """)
        let run = try waiting(harness.request())
        #expect(harness.vm.resume(run, [.integer(1)]) == .waiting(run))
        #expect(harness.vm.resume(run, [.integer(2)]) == .finished)
        #expect(harness.text == "true 11 102")
    }

    @Test("an error given to a waiting handler is raised at the call that waits")
    func failure() throws {
        let harness = try Harness(
            "function on_request(req)\n local ok, message = pcall(sleep, 1)\n sleep(2)\n return message\nend")
        let run = try waiting(harness.request())
        _ = try waiting(harness.vm.resume(run, failure: ScriptFailure("no answer")))
        #expect(harness.vm.resume(run, failure: ScriptFailure("no route")) == .failed)
        #expect(harness.vm.lastError.description == "routing.lua:3: no route")
    }

    @Test("waiting where Lua cannot yield is an error that says so")
    func unyieldable() throws {
        for body in [
            "table.sort({3, 2, 1}, function(a, b) sleep(1) return a < b end)",
            "('x'):gsub('x', function() sleep(1) end)",
            "('x'):gsub('x', function() coroutine.wrap(function() sleep(1) end)() end)",
            "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() sleep(1) end})"
                + " coroutine.yield() end) coroutine.resume(co) assert(coroutine.close(co))",
        ] {
            let message = try Harness.message(body)
            #expect(message.contains("sleep: cannot wait here"), "\(message)")
        }
    }

    @Test("only the proxy resumes what waits for it")
    func foreignResume() throws {
        let harness = try Harness(
            """
            function on_request(req)
              co = coroutine.create(function() return sleep(1) end)
              return coroutine.resume(co)
            end
            function on_reply(r)
              local ok, message = coroutine.resume(co)
              return message:match(": (.*)")
            end
            """)
        let run = try waiting(harness.request())
        #expect(harness.vm.run(.onReply) == .finished)
        #expect(harness.text == "this coroutine waits for the proxy; only the proxy can resume it")
        #expect(harness.vm.resume(run, [.integer(1)]) == .finished)
        if case .boolean(let resumed) = harness.vm.result(0) { #expect(!resumed) } else { Issue.record("no result") }
    }

    @Test("the script never gets hold of the thread its handler runs on")
    func handlerThread() throws {
        let value = try Harness.value(
            """
            local thread, isMain = coroutine.running()
            local ok, message = pcall(coroutine.yield, 1)
            return tostring(thread) .. tostring(isMain) .. tostring(coroutine.isyieldable()) .. tostring(ok) .. message
            """)
        #expect(value == "niltruefalsefalseattempt to yield from outside a coroutine")
    }

    @Test("the time a handler waits is not running time")
    func waitingTime() throws {
        var limits = ScriptLimits()
        limits.handlerMilliseconds = 50
        let harness = try Harness(
            "function on_request(req) for i = 1, 3000 do end sleep(1) for i = 1, 3000 do end return 1 end",
            limits: limits)
        let run = try waiting(harness.request())
        harness.clock.now += 10_000_000_000
        #expect(harness.vm.resume(run) == .finished)
        let again = try waiting(harness.request())
        harness.clock.step = 6_000_000
        #expect(harness.vm.resume(again) == .killed(.time))
    }

    @Test("a waiting handler that is given up leaves nothing behind")
    func abandon() throws {
        var limits = ScriptLimits()
        limits.runsMax = 4
        let harness = try Harness("function on_request(req) sleep(1) end", limits: limits)
        for _ in 0..<1000 {
            let runs = try (0..<4).map { try waiting(harness.request(UInt64($0))) }
            #expect(harness.request() == .failed)
            for run in runs { harness.vm.abandon(run) }
        }
        harness.vm.collectGarbage()
        #expect(harness.vm.runsActive == 0)
        #expect(harness.vm.objectsLive == 0)
        #expect(harness.vm.memoryUsedBytes < 200_000)
    }
}
