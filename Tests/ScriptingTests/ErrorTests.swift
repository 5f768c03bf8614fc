import Foundation
import Scripting
import Testing

@Suite(.serialized) struct ErrorTests {
    static let kinds = """
        local kinds = {
          function(req) error("plain") end,
          function(req) error({ code = 5 }) end,
          function(req) error(nil) end,
          function(req) error(setmetatable({}, { __tostring = function() return "described" end })) end,
          function(req) error(setmetatable({}, { __tostring = function() error("again") end })) end,
          function(req) pcall(error, "under pcall") error("after") end,
          function(req) xpcall(error, function(m) error(m) end, "x") error("after xpcall") end,
          function(req) coroutine.wrap(function() error("in coroutine") end)() end,
          function(req) local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() error("closing") end }) error("in") end)
            coroutine.resume(co) assert(coroutine.close(co)) end,
          function(req) req:reply("bad") end,
          function(req) req.uri.nothing = 1 end,
          function(req) test.fail("from Swift") end,
          function(req) local t = nil return t.x end,
          function(req) local x <close> = setmetatable({}, { __close = function() error("close") end }) error("body") end,
          function(req) return #5 + {} end,
          function(req) string.rep() end,
          function(req) req:relay { on_failure = function() end, targets = { print } } end,
          function(req) assert(load("x x")) end,
          function(req) local function f() return 1 + f() end f() end,
          function(req) for i = 1, 10 do pcall(req.reply, req, i) end error(req) end,
        }
        local n = 0
        function on_request(req) n = n % #kinds + 1 kinds[n](req) end
        function memory(req) local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end
        on_reply = memory
        function on_branch(req) while true do pcall(error) end end
        """

    @Test("errors of every kind in great number leak nothing, and the VM serves on")
    func errors() throws {
        var limits = ScriptLimits()
        limits.handlerBytesMax = 256 << 10
        limits.handlerInstructionsMax = 200_000
        let harness = try Harness(Self.kinds, limits: limits)
        // Every kind comes up a thousand times; SCRIPTING_ERRORS=1000000 is the long run.
        let count = Int(ProcessInfo.processInfo.environment["SCRIPTING_ERRORS"] ?? "") ?? 20_000
        func rounds(_ count: Int) {
            for _ in 0..<count {
                let status = harness.request()
                if status == .finished || harness.vm.objectsLive != 0 {
                    Issue.record("an error went missing")
                    return
                }
            }
        }
        func kills(_ count: Int) {
            for _ in 0..<count {
                let status = harness.vm.run(.onReply, .object(kind: 0, handle: 1))
                if status != .killed(.memory) {
                    Issue.record("no end by memory: \(status) \(harness.vm.lastError)")
                    return
                }
                if harness.vm.run(.onBranch, .object(kind: 0, handle: 1)) != .killed(.instructions) {
                    Issue.record("no end by instructions")
                    return
                }
            }
        }
        rounds(2_000)
        kills(100)
        harness.vm.collectGarbage()
        ScriptVM.trimMemory()
        let used = harness.vm.memoryUsedBytes
        let resident = residentBytes()
        rounds(count)
        kills(count / 100)
        harness.vm.collectGarbage()
        ScriptVM.trimMemory()
        #expect(harness.vm.memoryUsedBytes <= used + 4096, "\(used) \(harness.vm.memoryUsedBytes)")
        // Of the whole process: other suites at work beside this one would count.
        if ProcessInfo.processInfo.environment["MEASURE_RESIDENT"] != nil {
            #expect(residentBytes() < resident + (8 << 20))
        }
        #expect(harness.vm.runsActive == 0)
    }

    @Test("in steady state handlers make no coroutine and memory stands still")
    func steadyState() throws {
        let harness = try Harness(
            "function on_request(req) req.uri.user = 'bob' if req.method == 'INVITE' then req:reply(200, 'OK') end return req.uri.host end"
        )
        for _ in 0..<1000 { #expect(harness.request() == .finished) }
        harness.vm.collectGarbage()
        let used = harness.vm.memoryUsedBytes
        let threads = harness.vm.threadsMade
        for _ in 0..<100_000 where harness.request() != .finished { Issue.record("failed") }
        harness.vm.collectGarbage()  // of strings that bindings returned
        #expect(harness.vm.threadsMade == threads)
        #expect(harness.vm.memoryUsedBytes == used)
    }

    @Test("error messages keep place and traceback, whatever was raised")
    func messages() throws {
        let harness = try Harness(
            """
            function on_request(req)
              local function inner() error("boom") end
              inner()
            end
            function on_reply(r) error({ code = 1 }) end
            function on_branch(r) error(setmetatable({}, { __tostring = function() return "described" end })) end
            function on_failure(r) error() end
            """)
        #expect(harness.request() == .failed)
        #expect(harness.vm.lastError.description == "routing.lua:2: boom")
        #expect(harness.vm.lastError.traceback.contains("routing.lua:3"))
        #expect(harness.vm.run(.onReply) == .failed)
        #expect(harness.vm.lastError.description == "routing.lua:5: (error object is a table value)")
        #expect(harness.vm.run(.onBranch) == .failed)
        #expect(harness.vm.lastError.message == "described")
        #expect(harness.vm.run(.onFailure) == .failed)
        #expect(harness.vm.lastError.message == "(error object is a nil value)")
    }
}
