import Scripting
import Testing

@Suite struct SandboxTests {
    @Test(
        "what could reach the system or break the sandbox is absent or refused",
        arguments: [
            ("return tostring(io) .. tostring(debug) .. tostring(package)", "nilnilnil"),
            (
                "return select(2, pcall(require, 'os'))",
                "no module 'os': neither the program nor the folder lua.modules has it"
            ),
            ("return tostring(require('openser') == require('openser'))", "true"),
            (
                "return tostring(os.execute) .. tostring(os.getenv) .. tostring(os.exit) .. tostring(os.remove)",
                "nilnilnilnil"
            ),
            (
                "return tostring(dofile) .. tostring(loadfile) .. tostring(string.dump) .. tostring(warn)",
                "nilnilnilnil"
            ),
            (
                "return tostring(getmetatable('')) .. tostring(getmetatable(req)) .. tostring(getmetatable(_G))",
                "falsefalsefalse"
            ),
            ("local f, m = load('\\27Lua', 'x', 'b') return tostring(f) .. m", "nilonly text chunks can be loaded"),
            (
                "local f, m = load('\\27Lua') return tostring(f) .. m:match('attempt.*')",
                "nilattempt to load a binary chunk (mode is 't')"
            ),
            ("return tostring(pcall(setmetatable, {}, {__gc = function() end}))", "false"),
            ("return tostring(pcall(setmetatable, _G, {}))", "false"),
            ("return tostring(pcall(collectgarbage, 'stop'))", "false"),
            ("local f = load('return a', 'x', 't', {a = 'env'}) return f()", "env"),
            ("local n = 0 local f = load(function() n = n + 1 return ({'return ', '4', '2'})[n] end) return f()", "42"),
            ("local f, m = load('x x') return m", "[string \"x x\"]:1: syntax error near 'x'"),
            ("return type(os.time()) .. type(os.clock()) .. os.date('!%Y', 0)", "numbernumber1970"),
            ("return type(req) .. (tostring(req):match('^request') or '')", "userdatarequest"),
        ])
    func sandbox(body: String, expected: String) throws {
        #expect(try Harness.value(body) == expected)
    }

    @Test(
        "library functions written anew behave as the manual says",
        arguments: [
            ("local t = {1, 2, 3} table.insert(t, 4) table.insert(t, 1, 0) return table.concat(t, ',')", "0,1,2,3,4"),
            (
                "local t = {1, 2, 3} local a, b = table.remove(t), table.remove(t, 1) return a .. b .. #t .. t[1]",
                "3112"
            ),
            ("return tostring(table.remove({}))", "nil"),
            (
                "return select('#', pcall(table.insert, {1}, 5, 2)) .. select(2, pcall(table.insert, {1}, 5, 2))",
                "2bad argument #2 to 'table.insert' (position out of bounds)"
            ),
            ("return table.concat(table.move({1, 2, 3, 4}, 2, 4, 1), ',')", "2,3,4,4"),
            ("return table.concat(table.move({1, 2, 3, 4}, 1, 3, 2), ',')", "1,1,2,3"),
            ("return table.concat(table.move({1, 2}, 1, 2, 3, {7, 8}), ',')", "7,8,1,2"),
            ("return table.concat({table.unpack({1, 2, 3}, 2)}, ',')", "2,3"),
            ("return table.concat({1, 'a', 2.5}, '-', 2, 3)", "a-2.5"),
            ("return select(2, pcall(table.concat, {1, {}, 3}))", "invalid value (at index 2) in table for 'concat'"),
            ("return select(2, pcall(table.unpack, {}, 1, 1 << 40))", "too many results to unpack (limit 65536)"),
            ("return ('ab'):rep(3, '-') .. ('x'):rep(0) .. ('x'):rep(-1) .. (''):rep(1 << 62)", "ab-ab-ab"),
            ("return select(2, pcall(string.rep, 'x', 1 << 40))", "resulting string too large"),
            ("local ok, m = pcall(error, {code = 5}) return m.code", "5"),
            ("local ok, m = pcall(error) return tostring(ok) .. tostring(m)", "falsenil"),
            ("return select('#', pcall(function() return 1, nil, 3 end))", "4"),
            ("return table.concat({xpcall(function(...) return ... end, print, 1, 2)}, ',', 2)", "1,2"),
            ("local ok, m = xpcall(error, function(m) return m .. '!' end, 'x') return m", "x!"),
            (
                "local ok, m = pcall(coroutine.wrap(function() error('in') end)) return m:gsub('[^%a]', '')",
                "routingluain"
            ),
            (
                "local c = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b end)"
                    + " local _, x = coroutine.resume(c, 1) local _, y = coroutine.resume(c, 'z')"
                    + " return x .. y .. coroutine.status(c) .. tostring(coroutine.resume(c))", "2zdeadfalse"
            ),
            (
                "local c = coroutine.create(function() coroutine.yield() end) coroutine.resume(c)"
                    + " return tostring(coroutine.close(c)) .. coroutine.status(c)", "truedead"
            ),
            (
                "local t = {} for w in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do t[#t + 1] = w end"
                    + " return table.concat(t)", "123"
            ),
        ])
    func library(body: String, expected: String) throws {
        let value = try Harness.value(body)
        #expect(value == expected)
    }

    @Test("sort puts random values in order, with and without a comparison")
    func sort() throws {
        let harness = try Harness(
            """
            function on_request(req)
              for size = 0, 60 do
                local t, u = {}, {}
                for i = 1, size do t[i] = math.random(0, 20) u[i] = tostring(t[i]) end
                local sum = 0
                for _, v in ipairs(t) do sum = sum + v end
                table.sort(t)
                table.sort(u, function(a, b) return a > b end)
                for i = 2, size do assert(t[i - 1] <= t[i] and u[i - 1] >= u[i]) end
                for _, v in ipairs(t) do sum = sum - v end
                assert(sum == 0)
              end
              table.sort({3, 1, 2, 5, 9, 7}, function() return true end)
              assert(not pcall(table.sort, {1, "x"}))
            end
            """)
        let status = harness.request()
        #expect(status == .finished, "\(status == .finished ? "" : harness.vm.lastError.description)")
    }

    @Test(
        "patterns match as the manual says",
        arguments: [
            ("('hello world'):find('o w')", "5,7"), ("('hello'):find('l')", "3,3"),
            ("('a.b'):find('.', 1, true)", "2,2"),
            ("('hello'):find('')", "1,0"), ("('hello'):find('', 6)", "6,5"), ("('hello'):find('', 7)", "nil"),
            ("('hello'):find('l', -2)", "4,4"), ("('hello'):find('xyz')", "nil"), ("('abc'):find('b', -100)", "2,2"),
            ("('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key,value"),
            ("('  trim  '):match('^%s*(.-)%s*$')", "trim"),
            ("('2024-01-02'):match('(%d+)-(%d+)-(%d+)')", "2024,01,02"),
            ("('abc'):match('()b()')", "2,3"), ("('abc'):match('((a)(b))')", "ab,a,b"),
            ("('f(a(b)c)d'):match('%b()')", "(a(b)c)"), ("('THE (quick) fox'):find('%((%a+)%)')", "5,11,quick"),
            ("('THE (quick) fox'):gsub('%f[%a]%a+', 'W')", "W (W) W,3"),
            ("('[[x]]'):match('[]]+')", "]]"), ("('a-b'):match('[a%-]+')", "a-"), ("('x^y'):match('[x^]+')", "x^"),
            ("('abc123'):match('[^%d]+')", "abc"), ("('a]b'):match('[^]]')", "a"),
            ("('09az'):match('[0-9a-f]+')", "09a"),
            ("('aaa'):match('a-b')", "nil"), ("('aaab'):match('a-b')", "aaab"), ("('ab'):match('a?b?c?')", "ab"),
            ("('abab'):match('(ab)%1')", "ab"), ("('a$'):match('a$')", "nil"), ("('a$'):match('a%$')", "a$"),
            ("('a$b'):match('a$b')", "a$b"), ("('x'):match('^^')", "nil"), ("('\\0a'):match('%z?a')", "a"),
            ("('hello'):gsub('l', 'L')", "heLLo,2"), ("('hello'):gsub('l', 'L', 1)", "heLlo,1"),
            ("('hello'):gsub('', '-')", "-h-e-l-l-o-,6"), ("('abc'):gsub('%w', '%0%0')", "aabbcc,3"),
            ("('ab cd'):gsub('(%w)(%w)', '%2%1')", "ba dc,2"), ("('abc'):gsub('b*', '-')", "-a-c-,3"),
            ("('$x $y'):gsub('%$(%w)', {x = 1})", "1 $y,2"),
            ("('abc'):gsub('.', function(c) if c == 'b' then return 'X' end end)", "aXc,3"),
            ("('abc'):gsub('^a', 'x')", "xbc,1"), ("('aaa'):gsub('^a', 'x')", "xaa,1"),
            ("('abc'):gsub('()', '%1')", "1a2b3c4,4"),
            ("('a,b,,c'):gsub(',', ';')", "a;b;;c,3"), ("('abc'):gsub('c$', '%%')", "ab%,1"),
            ("('one two'):gmatch('%a+')()", "one"), ("('k=v'):gmatch('(%w)=(%w)')()", "k,v"),
        ])
    func patterns(expression: String, expected: String) throws {
        let body = """
            local r = table.pack(\(expression))
            for i = 1, r.n do r[i] = tostring(r[i]) end
            return table.concat(r, ",", 1, r.n)
            """
        #expect(try Harness.value(body) == expected)
    }

    @Test(
        "malformed patterns are errors of the script",
        arguments: [
            ("('x'):find('[a')", "malformed pattern (missing ']')"),
            ("('x'):find('[%')", "malformed pattern (missing ']')"),
            ("('x'):find('%')", "malformed pattern (ends with '%')"), ("('x'):find('x(')", "unfinished capture"),
            ("('x'):find('%a)')", "invalid pattern capture"), ("('x'):find('%1')", "invalid capture index %1"),
            ("('x'):find('%b')", "malformed pattern (missing arguments to '%b')"),
            ("('x'):find('%fx')", "missing '[' after '%f' in pattern"),
            ("('x'):gsub('x', '%')", "invalid use of '%' in replacement string"),
            ("('x'):gsub('x', '%2')", "invalid capture index %2"),
            ("('x'):gsub('x', function() return {} end)", "invalid replacement value (a table)"),
            ("('x'):find(('()'):rep(33))", "too many captures"),
        ])
    func malformedPatterns(expression: String, expected: String) throws {
        #expect(try Harness.message("return \(expression)") == expected)
    }

    @Test("gmatch walks over every match, empty ones too")
    func gmatch() throws {
        #expect(
            try Harness.value(
                "local t = {} for a, b in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = a .. b end return table.concat(t, ';')"
            )
                == "a1;b2")
        #expect(
            try Harness.value("local n = 0 for p in ('abc'):gmatch('()') do n = n * 10 + p end return n") == "1234")
        #expect(try Harness.value("local n = 0 for p in ('abc'):gmatch('b*') do n = n + 1 end return n") == "3")
    }
}
