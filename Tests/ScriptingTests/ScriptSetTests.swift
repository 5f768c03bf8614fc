import Scripting
import Testing

@Suite struct ScriptSetTests {
    @Test("errors of the compiler name file, line and message")
    func syntaxError() throws {
        let set = ScriptSet(bindings: TestHost.table)
        do {
            try set.load(ScriptSource(path: "conf/routing.lua", text: "x = 1\nfunction on_request(\n"))
            Issue.record("loaded")
        } catch {
            #expect(error.file == "conf/routing.lua")
            #expect(error.line == 3)
            #expect(error.message.hasPrefix("<name> or '...' expected"))
        }
        let long = "/etc/" + String(repeating: "directory/", count: 12) + "routing.lua"
        do {
            try set.load(ScriptSource(path: long, text: "x x"))
            Issue.record("loaded")
        } catch {
            #expect(error.file == long)
            #expect(error.line == 1)
        }
    }

    @Test("errors while the script runs have a traceback")
    func loadError() throws {
        let set = ScriptSet(bindings: TestHost.table)
        do {
            try set.load(ScriptSource(path: "r.lua", text: "local function f()\n  error('bad route')\nend\nf()"))
            Issue.record("loaded")
        } catch {
            #expect(error.description == "r.lua:2: bad route")
            #expect(error.traceback.contains("r.lua:4"))
        }
        #expect(throws: ScriptError.self) { try set.load(ScriptSource(path: "r.lua", text: "on_request = 5")) }
        #expect(throws: ScriptError.self) { try set.load(ScriptSource(path: "r.lua", text: "error()")) }
        #expect(throws: ScriptError.self) { try set.load(ScriptSource(path: "r.lua", text: "sleep(1)")) }
        #expect(throws: ScriptError.self) { try set.load(ScriptSource(path: "r.lua", text: "\u{1B}LuaS")) }
    }

    @Test("a script that fails leaves the running one alone; an older generation lives as long as its users")
    func generations() throws {
        let set = ScriptSet(bindings: TestHost.table)
        try set.load(ScriptSource(path: "r.lua", text: "function on_request() return 1 end"))
        let first = try #require(set.current)
        first.addUser()
        #expect(throws: ScriptError.self) {
            try set.load(ScriptSource(path: "r.lua", text: "function on_request( end"))
        }
        #expect(set.current === first)
        try set.load(ScriptSource(path: "r.lua", text: "function on_request() return 2 end"))
        #expect(set.retiredCount == 1)
        #expect(first.run(.onRequest) == .finished)
        if case .integer(let value) = first.result(0) { #expect(value == 1) } else { Issue.record("no result") }
        first.removeUser()
        set.sweep()
        #expect(first.isClosed)
        #expect(set.retiredCount == 0)
        #expect(set.generation == 2)
    }

    @Test("a handler that waits keeps its generation open")
    func waitingGeneration() throws {
        let harness = try Harness("function on_request(req) sleep(1) return 3 end")
        guard case .waiting(let run) = harness.request() else {
            Issue.record("not waiting")
            return
        }
        harness.vm.retire()
        #expect(!harness.vm.isClosed)
        #expect(harness.vm.resume(run) == .finished)
        #expect(harness.integer == 3)
        #expect(harness.vm.closeIfUnused())
    }

    @Test("globals such as config are there while the script loads")
    func globals() throws {
        let set = ScriptSet(bindings: TestHost.table)
        try set.load(
            ScriptSource(
                path: "r.lua", text: "local d = config.domains[2] function on_request() return d .. config.limit end",
                globals: [
                    "config": .record([
                        "domains": .list([.string("example.com"), .string("example.org")]), "limit": .integer(5),
                    ])
                ]))
        let vm = try #require(set.current)
        #expect(vm.run(.onRequest) == .finished)
        if case .bytes(let bytes) = vm.result(0) {
            #expect(String(decoding: bytes, as: UTF8.self) == "example.org5")
        } else {
            Issue.record("no result")
        }
        #expect(vm.run(.onReply) == .finished)
        #expect(!vm.hasHook(.onReply))
        #expect(vm.hasHook(.onRequest))
    }

    @Test("ten thousand reloads leave memory as it was")
    func reloads() throws {
        let set = ScriptSet(bindings: TestHost.table)
        let good = ScriptSource(
            path: "r.lua",
            text: "local t = {} for i = 1, 50 do t[i] = 'x' .. i end function on_request(req) return #t end",
            globals: ["config": .record(["a": .integer(1)])])
        let bad = ScriptSource(path: "r.lua", text: "local t = {} for i = 1, 50 do t[i] = 'x' .. i end error(t)")
        func rounds(_ count: Int) throws {
            for round in 0..<count {
                if round % 4 == 3 {
                    #expect(throws: ScriptError.self) { try set.load(bad) }
                    continue
                }
                try set.load(good)
                #expect(set.current?.run(.onRequest, .object(kind: 0, handle: 1)) == .finished)
            }
        }
        try rounds(500)
        ScriptVM.trimMemory()
        let resident = residentBytes()
        let used = set.memoryUsedBytes
        try rounds(10_000)
        ScriptVM.trimMemory()
        #expect(set.memoryUsedBytes <= used + 4096)
        #expect(residentBytes() < resident + (8 << 20))
    }
}
