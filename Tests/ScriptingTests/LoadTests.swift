import Scripting
import Testing

@Suite struct LoadTests {
    @discardableResult
    private static func load(_ source: ScriptSource) throws(ScriptError) -> ScriptVM {
        let vm = try ScriptVM(bindings: TestHost.table)
        for (name, value) in source.globals { try vm.setGlobal(name, value) }
        try vm.load(source.text, path: source.path)
        return vm
    }

    @Test("errors of the compiler name file, line and message")
    func syntaxError() throws {
        do {
            try Self.load(ScriptSource(path: "conf/routing.lua", text: "x = 1\nfunction on_request(\n"))
            Issue.record("loaded")
        } catch {
            #expect(error.file == "conf/routing.lua")
            #expect(error.line == 3)
            #expect(error.message.hasPrefix("<name> or '...' expected"))
        }
        let long = "/etc/" + String(repeating: "directory/", count: 12) + "routing.lua"
        do {
            try Self.load(ScriptSource(path: long, text: "x x"))
            Issue.record("loaded")
        } catch {
            #expect(error.file == long)
            #expect(error.line == 1)
        }
    }

    @Test("errors while the script runs have a traceback")
    func loadError() throws {
        do {
            try Self.load(ScriptSource(path: "r.lua", text: "local function f()\n  error('bad route')\nend\nf()"))
            Issue.record("loaded")
        } catch {
            #expect(error.description == "r.lua:2: bad route")
            #expect(error.traceback.contains("r.lua:4"))
        }
        #expect(throws: ScriptError.self) { try Self.load(ScriptSource(path: "r.lua", text: "on_request = 5")) }
        #expect(throws: ScriptError.self) { try Self.load(ScriptSource(path: "r.lua", text: "error()")) }
        #expect(throws: ScriptError.self) { try Self.load(ScriptSource(path: "r.lua", text: "sleep(1)")) }
        #expect(throws: ScriptError.self) { try Self.load(ScriptSource(path: "r.lua", text: "\u{1B}LuaS")) }
    }

    @Test("a handler that waits keeps its VM open")
    func waitingVM() throws {
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
        let vm = try Self.load(
            ScriptSource(
                path: "r.lua", text: "local d = config.domains[2] function on_request() return d .. config.limit end",
                globals: [
                    "config": .record([
                        "domains": .list([.string("example.com"), .string("example.org")]), "limit": .integer(5),
                    ])
                ]))
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
}
