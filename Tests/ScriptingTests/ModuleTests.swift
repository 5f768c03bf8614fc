import Scripting
import Testing

@Suite("Modules of scripts") struct ModuleTests {
    private static let end = "\nfunction on_request(req) return req:drop() end"

    /// Lines that a script with modules logs when it is loaded.
    private func run(_ script: String, _ modules: [String: String] = [:]) throws -> [String] {
        let log = SIPLog()
        let source = ScriptSource(
            path: "routing.lua", text: script + Self.end,
            modules: modules.map { ScriptModule(name: $0.key, path: "lua/\($0.key).lua", text: $0.value) })
        do {
            var limits = ScriptLimits()
            limits.loadMilliseconds = 500
            _ = try ScriptRouting.load(source, limits: limits, log: log.log)
        } catch {
            return log.texts + ["\(error)"]
        }
        return log.texts
    }

    @Test("a module runs once, and gives what it returns")
    func once() throws {
        #expect(
            try run(
                "local a = require 'a' log.info(a == require 'a', a.value, require 'b', require 'c.d')",
                [
                    "a": "log.info('a runs', ...) return { value = 7 }", "b": "x = 1",
                    "c.d": "return require('a').value + 1",
                ])
                == ["a runs a", "true 7 true 8"])
    }

    @Test("a script's own module comes before the program's of that name")
    func precedence() throws {
        #expect(try run("log.info(require 'json')", ["json": "return 'mine'"]) == ["mine"])
    }

    @Test("what is wrong with modules is told with file and line")
    func mistakes() throws {
        for (script, modules, message) in [
            (
                "require 'nothing'", [:],
                "routing.lua:1: no module 'nothing': neither the program nor the folder lua.modules has it"
            ),
            ("require 'a'", ["a": "\nlocal x = = 1"], "lua/a.lua:2: unexpected symbol near '='"),
            ("require 'a'", ["a": "\n\nerror('oops')"], "lua/a.lua:3: oops"),
            ("require 'a'", ["a": "require 'b'", "b": "require 'a'"], "lua/b.lua:1: module 'a' is required by itself"),
            ("require 'a'", ["a": "while true do end"], "stopped"),
            ("log.info(pcall(require, 'a')) log.info(pcall(require, 'a'))", ["a": "error('again', 0)"], "false again"),
        ] {
            let lines = try run(script, modules)
            #expect(lines.last?.contains(message) == true, "\(lines)")
        }
    }

    @Test("JSON goes out as it came in")
    func json() throws {
        let text =
            #"{"a":[1,2.5,-3,1e+20],"b":{"c":"\"\\\\/\\b\\u0001é😀","d":null},"e":[],"f":true,"g":false,"h":"","i":{}}"#
            .replacing("\\\\", with: "\\")
        #expect(
            try run(
                "local json = require 'json' log.info(json.encode(json.decode([==[\(text)]==])) == [==[\(text)]==])")
                == ["true"])
        #expect(
            try run(
                #"""
                local json = require "json"
                local value = json.decode [==[ { "list" : [ "\ud83d\ude00" , null , 12 ] , "x\/y" : 1.0 } ]==]
                log.info(value.list[1], value.list[2] == json.null, #value.list, math.type(value.list[3]), math.type(value["x/y"]))
                log.info(json.encode { 1, { z = 1, a = json.null }, json.array() })
                """#) == ["😀 true 3 integer float", #"[1,{"a":null,"z":1},[]]"#])
    }

    @Test(
        "what is no JSON is refused with its place",
        arguments: [
            "", " ", "{", "[1,]", "[1 2]", "{\"a\" 1}", "{a:1}", "tru", "01", "1.", "-", "\"", "\"\\x\"", "\"\\ud800\"",
            "1 2",
            "\"\u{1}\"", String(repeating: "[", count: 200), "nan", "+1",
        ])
    func notJSON(text: String) throws {
        let lines = try run(
            "local json = require 'json' local text = ... local ok, message = pcall(json.decode, [==[\(text)]==]) log.info(ok, message)"
        )
        #expect(
            lines.count == 1 && lines[0].hasPrefix("false json.decode: ") && lines[0].contains("at byte"), "\(lines)")
    }

    @Test("what JSON cannot say is refused")
    func unspeakable() throws {
        for (value, message) in [
            ("print", "a function cannot be written"), ("0/0", "is no JSON number"), ("1/0", "is no JSON number"),
            ("{ [true] = 1 }", "a key of type boolean"),
            ("(function() local t = {} t.t = t return t end)()", "in each other"),
        ] {
            let lines = try run("local json = require 'json' log.info(pcall(json.encode, \(value)))")
            #expect(lines.first?.hasPrefix("false json.encode: ") == true && lines[0].contains(message), "\(lines)")
        }
    }
}
