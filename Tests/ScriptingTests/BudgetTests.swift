import Scripting
import Testing

@Suite struct BudgetTests {
    static let limits: ScriptLimits = {
        var limits = ScriptLimits()
        limits.handlerInstructionsMax = 200_000
        return limits
    }()

    /// Runs a body that must be stopped, and then that the VM still works.
    static func killed(_ body: String, prelude: String = "", limits: ScriptLimits = limits) throws -> RunStatus {
        let harness = try Harness(
            "\(prelude)\nfunction on_request(req) \(body) end function on_reply(r) return 1 + 1 end", limits: limits)
        let status = harness.request()
        #expect(harness.vm.objectsLive == 0)
        #expect(harness.vm.run(.onReply) == .finished, "the VM does not serve on")
        #expect(harness.integer == 2)
        return status
    }

    @Test(
        "an endless loop ends, wherever it is",
        arguments: [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "while true do pcall(error) end",
            "while true do xpcall(function() error('x') end, function() while true do end end) end",
            "xpcall(function() while true do end end, function() while true do end end)",
            "xpcall(function() local t = nil; t() end, function(m) while true do end end)",
            "local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
            "while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end",
            "local function f() return pcall(f) end while true do f() end",
            "local function f() local ok = pcall(f) ok = pcall(f) return ok end f()",
            "local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
            "local t = setmetatable({}, {__eq = function() while true do end end}) return t == setmetatable({}, getmetatable(t))",
            "local t = setmetatable({}, {__tostring = function() while true do end end}) return tostring(t)",
            "error(setmetatable({}, {__tostring = function() while true do end end}))",
            "local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x')",
            "local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
            """
            local m = {} m.__close = function() for i = 1, 3 do local a <close> = setmetatable({}, m) end
              local b <close> = setmetatable({}, m) while true do end end
            local x <close> = setmetatable({}, m) while true do end
            """,
            """
            local function tree(n) for i = 1, 2 do coroutine.wrap(function() tree(n + 1) end)() end end
            while true do pcall(tree, 1) end
            """,
            """
            local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() while true do end end})
              coroutine.yield() end)
            coroutine.resume(co) coroutine.close(co)
            """,
            "for _ in function() return 1 end do end",
            "table.sort({3, 1, 2, 5, 4}, function() while true do end end)",
            "('x'):rep(100):gsub('.', function() while true do end end)",
            "load(function() while true do end end)",
            "goto a ::a:: goto a",
            "local function f() return f() end f()",
            "repeat until false",
            "print(setmetatable({}, {__tostring = function() while true do end end}))",
            "for i = 1, math.huge do local s = 'a' .. i end",
            "table.concat(setmetatable({}, {__index = function() return '' end}), '', 1, 1 << 60)",
        ])
    func loops(body: String) throws {
        let status = try Self.killed(body)
        // A loop in the __tostring or __close of an error comes after the failure was found.
        let isLate = body.hasPrefix("error(setmeta") || body.hasSuffix("error('x')")
        #expect(status == .killed(.instructions) || (isLate && status == .failed))
    }

    @Test(
        "work that C functions do for one instruction is charged",
        arguments: [
            "(''):rep(1 << 62):rep(1 << 62) while true do ('x'):rep(1 << 20) end",
            "table.move({}, 1, 1 << 60, 1, {})",
            "table.move({}, 1, 1 << 60, 2)",
            "table.insert(setmetatable({}, {__len = function() return 1 << 50 end}), 1, 'x')",
            "table.remove(setmetatable({}, {__len = function() return 1 << 50 end}), 1)",
            "table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end}), rawequal)",
            "local s = ('x'):rep(1000000) local t = {} for i = 1, 10000 do t[i] = s end table.sort(t)",
            "local s = ('a'):rep(100000) return s:find('.-.-.-.-b')",
            "local s = ('a'):rep(100000) return s:match('(.-)(.-)(.-)%1%2%3b')",
            "local s = ('a'):rep(100000) return s:gsub('a*a*a*a*b', '')",
            "local s = ('a'):rep(100000) for m in s:gmatch('a-a-a-b') do end",
            "local s = ('('):rep(300000) while true do s:find('%b()') end",
            "local s = ('x'):rep(1000000) local t = s .. '' while true do local e = (s .. 'a') < (t .. 'b') end",
            "local s = ('1'):rep(1000000) while true do tonumber(s) end",
            "local s = ('x'):rep(1000000) while true do utf8.len(s) end",
            "local s = ('x'):rep(1000000) while true do s:upper() end",
            "local s = ('x'):rep(1000000) local t = {} for i = 1, 60000 do t[i] = 'x' end while true do table.concat(t) end",
            "local s = ('%s'):rep(200) local t = {} for i = 1, 200 do t[i] = ('x'):rep(4000) end while true do s:format(table.unpack(t)) end",
            "local s = ('x'):rep(500000) while true do load('return [[' .. s .. ']]') end",
            "while true do collectgarbage() end",
        ])
    func chargedWork(body: String) throws {
        let status = try Self.killed(body)
        #expect(status == .killed(.instructions), "\(status)")
    }

    @Test(
        "walking over a long pattern is charged, whatever walks",
        arguments: [
            // A frontier looks at its set twice and finds its end once, at each place of the subject.
            "return s:find('%f[' .. b .. ']')",
            "return s:find('[' .. b .. ']')",
            "return s:find('[' .. b .. ']*c')",
            "for i = 1, 100 do pcall(string.find, s, '[' .. b) end",
            // Not plain, but only its last character says so.
            "for i = 1, 100 do s:find(b .. '.') end",
        ])
    func longPatterns(body: String) throws {
        let prelude = "local s, b = ('a'):rep(1100), ('b'):rep(2^20 - 8)"
        var limits = Self.limits
        limits.handlerInstructionsMax = 1_000_000
        limits.handlerBytesMax = 64 << 20
        #expect(try Self.killed(body, prelude: prelude, limits: limits) == .killed(.instructions))
    }

    @Test(
        "memory without bound ends the handler, also under pcall",
        arguments: [
            "local t = {} while true do t[#t + 1] = {} end",
            "local t = {} pcall(function() while true do t[#t + 1] = {} end end) while true do end",
            "local s = 'x' while true do s = s .. s end",
            "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
            "local t = {} xpcall(function() while true do t[#t + 1] = {} end end, function() while true do end end)",
            "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
            "local t = {} coroutine.wrap(function() while true do t[#t + 1] = {} end end)()",
            "local function f(...) return f(1, 2, 3, ...) end f()",
            "local t = {} for i = 1, 1 << 40 do t[i] = i end",
        ])
    func memory(body: String) throws {
        var limits = Self.limits
        limits.handlerInstructionsMax = 100_000_000
        limits.handlerBytesMax = 2 << 20
        #expect(try Self.killed(body, limits: limits) == .killed(.memory))
    }

    @Test(
        "recursion ends in an error of the script, not of the process",
        arguments: [
            "local function f() return 1 + f() end f()",
            "local function f() f() end f()",
            "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end return t[1]",
            "local function f() return coroutine.wrap(f)() end f()",
            "local function f() return pcall(f) end f() error('x')",
            "local function f(s) return s:gsub('.', f) end f('a')",
            "local s = ('('):rep(10000) .. ('a') local f, m = load('return ' .. s) error(m)",
            "return (('a'):rep(500)):find(('a?'):rep(500))",
            "local function f() table.sort({1, 2, 3}, f) end f()",
            "xpcall(error, function(m) error(m) end) error('x')",
            "local t = {} for i = 1, 300 do t = {t} end test.echo(t)",
            """
            local function chain() local co = coroutine.create(function()
                local x <close> = setmetatable({}, {__close = function() local c = chain() assert(coroutine.close(c)) end})
                coroutine.yield() end)
              coroutine.resume(co) return co end
            assert(coroutine.close(chain()))
            """,
        ])
    func recursion(body: String) throws {
        var limits = Self.limits
        limits.handlerInstructionsMax = 20_000_000
        limits.vmBytesMax = 256 << 20
        limits.handlerBytesMax = 200 << 20
        let status = try Self.killed(body, limits: limits)
        #expect(status == .failed, "\(status)")
    }

    @Test("running time is a budget of its own")
    func time() throws {
        var limits = ScriptLimits()
        limits.handlerInstructionsMax = 1 << 40
        limits.handlerMilliseconds = 50
        let harness = try Harness("function on_request() while true do end end function on_reply() end", limits: limits)
        harness.clock.step = 1_000_000
        #expect(harness.request() == .killed(.time))
        #expect(harness.vm.lastError.message == "on_request was stopped: it ran longer than 50 ms")
        #expect(harness.vm.lastError.line == 1)
    }

    @Test("a killed handler names the place and the way there")
    func place() throws {
        let harness = try Harness(
            """
            local function spin()
              while true do end
            end
            function on_request(req)
              pcall(spin)
            end
            """, limits: Self.limits)
        #expect(harness.request() == .killed(.instructions))
        let error = harness.vm.lastError
        #expect(error.file == "routing.lua")
        #expect(error.line == 2)
        #expect(error.killed == .instructions)
        #expect(error.message == "on_request was stopped: more than 200000 instructions")
        #expect(error.traceback.contains("routing.lua:5"))
    }

    @Test("a coroutine that was killed cannot be used by the next handler")
    func killedCoroutine() throws {
        let harness = try Harness(
            """
            local co
            function on_request(req)
              co = coroutine.create(function()
                local x <close> = setmetatable({}, {__close = function() while true do end end})
                while true do end
              end)
              coroutine.resume(co)
            end
            function on_reply(r)
              return coroutine.status(co) .. tostring(coroutine.resume(co)) .. tostring(coroutine.close(co))
            end
            """, limits: Self.limits)
        #expect(harness.request() == .killed(.instructions))
        #expect(harness.vm.run(.onReply) == .finished)
        #expect(harness.text == "deadfalsefalse")
    }

    @Test("loading has budgets too")
    func loading() throws {
        var limits = ScriptLimits()
        limits.loadInstructionsMax = 100_000
        #expect(throws: ScriptError.self) { try Harness("while true do end", limits: limits) }
        limits = ScriptLimits()
        limits.vmBytesMax = 1 << 20
        do {
            _ = try Harness("local t = {} while true do t[#t + 1] = {} end", limits: limits)
            Issue.record("loaded")
        } catch let error as ScriptError {
            #expect(error.killed == .memory)
        }
        limits.vmBytesMax = 4000
        #expect(throws: ScriptError.self) { try Harness("", limits: limits) }
    }

    @Test("any memory limit gives an error, never a crash")
    func everyMemoryLimit() throws {
        for bytes in stride(from: 1000, through: 120_000, by: 997) {
            var limits = ScriptLimits()
            limits.vmBytesMax = bytes
            guard
                let harness = try? Harness(
                    """
                    local keep = {}
                    function on_request(req)
                      local co = coroutine.create(function() end) coroutine.resume(co)
                      for i = 1, 3000 do keep[i] = { i } pcall(coroutine.resume, co) pcall(error, {}) end
                      return req.uri.user .. "x"
                    end
                    """, limits: limits)
            else { continue }
            for _ in 0..<3 { _ = harness.request() }
            #expect(harness.vm.memoryUsedBytes <= bytes)
            #expect(harness.vm.objectsLive == 0)
        }
    }
}
