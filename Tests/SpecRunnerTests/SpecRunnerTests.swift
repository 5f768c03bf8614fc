import Foundation
import SpecRunner
import Testing

@Suite("Spec files")
struct SpecRunnerTests {
    private static let gateways = """
        local function second(req, code)
          log.warning("first gateway answered", code)
          return req:relay { to = "192.0.2.20:5060" }
        end
        function on_request(req)
          return req:relay { to = "192.0.2.10:5060", on_failure = second }
        end
        """

    @Test("a proxy is given messages and time, and asked what it sent")
    func example() throws {
        let folder = try SpecFolder([
            "config/routing.lua": Self.gateways,
            "spec/routing_spec.lua": """
            describe("calls to sales", function()
              local proxy = sip.proxy { script = "../config/routing.lua", config = { domains = { "example.org" } } }
              it("tries the second gateway when the first is down", function()
                local sent = proxy:receive { method = "INVITE", uri = "sip:5550100@example.org",
                  from = "192.0.2.100:5060", headers = { ["X-Note"] = "1" } }
                expect(sent[1].code).to_be(100)
                expect(proxy:last_request().destination).to_be("192.0.2.10:5060")
                expect(proxy:last_request():header("x-note")).to_be("1")
                proxy:respond(503)
                expect(proxy:last_request("INVITE").destination).to_be("192.0.2.20:5060")
                proxy:advance(2)
                expect(proxy:metric("transactions_created")).to_be(1)
                expect(proxy:log()).to_contain("first gateway answered 503")
                expect(proxy:state()).to_be("stateful")
              end)
              it("begins anew in each test", function()
                expect(proxy:metric("transactions_created")).to_be(0)
                expect(proxy:sent()).to_equal({})
              end)
            end)
            """,
        ])
        let report = folder.run()
        #expect(report.files.map(\.lines).joined().joined(separator: "\n").contains("2 passed"))
        #expect(report.files[0].lines.count == 1, "\(report.files[0].lines.joined(separator: "\n"))")
        #expect(report.exitCode == 0)
    }

    @Test("a failure names its line, what was expected, what came, and the messages")
    func failure() throws {
        let report = try SpecFolder.run(
            """
            local proxy = sip.proxy { source = "function on_request(req) log.info('here') return req:reply(404) end" }
            it("finds somebody", function()
              proxy:receive { uri = "sip:bob@192.0.2.200" }
              expect(proxy:last_response().code).to_be(200)
            end)
            it("goes on", function() end)
            """)
        #expect(report.exitCode == 1)
        let file = report.files[0]
        #expect((file.passed, file.failed, file.errors) == (1, 1, 0))
        let problem = try #require(file.results[0].problem)
        #expect(problem.message == "expected 200\n     got 404")
        #expect(problem.file == file.path && problem.line == 4, "\(problem.place)")
        #expect(file.results[0].line == 2)
        #expect(
            problem.traffic == [
                "<- 192.0.2.100:5060  INVITE sip:bob@192.0.2.200 SIP/2.0",
                "-> 192.0.2.100:5060  SIP/2.0 404 Not Found",
            ])
        #expect(problem.log == ["info: here"])
        #expect(file.lines.joined(separator: "\n").contains("x_spec.lua:4: finds somebody"))
    }

    @Test(
        "what is wrong in a spec itself is an error, with its line",
        arguments: [
            ("it('x', function() local a = nil; a.b = 1 end)", "attempt to index a nil value (local 'a')"),
            ("it('x', function() expect(1).to_bee(1) end)", "expect has no 'to_bee'; there are to_be,"),
            ("it('x', function() sip.prxy {} end)", "sip has no 'prxy'; there are proxy"),
            ("it('x', function() sip.proxy { scrpt = 1 } end)", "sip.proxy: unknown option 'scrpt'; there are config,"),
            ("it('x', function() sip.proxy { script = 'absent.lua' } end)", "absent.lua: cannot be read"),
            ("it('x', function() sip.proxy {} end)", "proxy: needs script, source or config"),
            ("it('x', function() describe('y', function() end) end)", "describe stands in describe or at the top"),
            ("it('x')", "it: expected a function, got nil"),
            ("it('x', function()", "'end' expected near <eof>"),
            (
                "it('x', function() sip.proxy { source = 'x', config = { lsten = 1 } } end)",
                "config: lsten: unknown key, did you mean \"listen\"?"
            ),
        ])
    func errors(_ text: String, _ message: String) throws {
        let report = try SpecFolder.run("\n" + text)
        #expect(report.exitCode == 2)
        let problem = try #require(report.files[0].problem ?? report.files[0].results[0].problem)
        #expect(problem.message.contains(message), "\(problem.message)")
        #expect(problem.place.hasSuffix("x_spec.lua:2"), "\(problem.place)")
    }

    @Test("a script in error is reported with its own line")
    func scriptError() throws {
        let folder = try SpecFolder([
            "routing.lua": "function on_request(req)\n  return req:relay(\nend",
            "x_spec.lua": "it('x', function() sip.proxy { script = 'routing.lua' } end)",
        ])
        let problem = try #require(folder.run().files[0].results[0].problem)
        #expect(problem.message.contains("routing.lua:3: unexpected symbol near 'end'"), "\(problem.message)")
    }

    @Test("before_each runs from the outside in, after_each from the inside out and after failures too")
    func around() throws {
        let report = try SpecFolder.run(
            """
            local order = {}
            local function note(text) return function() order[#order + 1] = text end end
            before_each(note "outer")
            after_each(note "last")
            describe("a", function()
              before_each(note "inner")
              after_each(note "first")
              it("fails", function() order[#order + 1] = "test"; expect(1).to_be(2) end)
            end)
            it("has seen them", function()
              expect(order).to_equal { "outer", "inner", "test", "first", "last", "outer" }
            end)
            pending("comes later")
            """)
        let file = report.files[0]
        #expect((file.passed, file.failed, file.errors, file.pending) == (1, 1, 0, 1), "\(file.lines)")
        #expect(file.results[0].title == "a › fails")
        #expect(file.lines[0].contains("1 passed, 1 failed, 1 pending"))
    }

    @Test("the filter takes tests by a part of their title")
    func filter() throws {
        let report = try SpecFolder.run(
            """
            describe("calls", function() it("one", function() end) it("two", function() error("no") end) end)
            """
        ) { $0.filter = "calls › o" }
        #expect(report.files[0].results.map(\.title) == ["calls › one"])
        let none = try SpecFolder.run("it('x', function() end)") { $0.filter = "y" }
        #expect(none.exitCode == 2 && none.summary == ["no test has that in its title"])
    }

    @Test("helpers are required from beside the spec")
    func helpers() throws {
        let folder = try SpecFolder([
            "support/calls.lua": "return { number = 7 }",
            "x_spec.lua":
                "local calls = require 'support.calls'\nit('x', function() expect(calls.number).to_be(7) end)"
                + "\nit('y', function() expect(require('json')).to_be_truthy() end)",
        ])
        let report = folder.run()
        #expect(report.exitCode == 0, "\(report.files[0].lines)")
        #expect(report.read.contains { $0.hasSuffix("support/calls.lua") })
    }

    @Test("expectations and their opposites")
    func expectations() throws {
        let report = try SpecFolder.run(
            """
            it("hold", function()
              expect(1).to_be(1.0)
              expect({ a = { 1, 2 } }).to_equal { a = { 1, 2 } }
              expect({ a = 1 }).not_to_equal { a = 1, b = 2 }
              expect({}).not_to_be({})
              expect("abc").to_match("^a.c$")
              expect("abc").to_contain("bc")
              expect({ "a", { 1 } }).to_contain { 1 }
              expect({ "a" }).not_to_contain("b")
              expect(nil).to_be_nil()
              expect(1).to_be_between(0, 1)
              expect(2).not_to_be_between(0, 1)
              expect(1):to_be_truthy()
              expect({ 1, 2 }).to_have_length(2)
              expect(function() error("went wrong") end).to_fail_with("wrong")
              expect(function() end).not_to_fail_with()
            end)
            it("show tables", function() expect({ code = 200, list = { 1 } }).to_equal { code = 404 } end)
            """)
        let file = report.files[0]
        #expect(file.passed == 1, "\(file.lines.joined(separator: "\n"))")
        #expect(
            file.results[1].problem?.message == "expected { code = 404 }\n     got { code = 200, list = { 1 } }")
    }

    @Test("a test without an end is stopped")
    func endless() throws {
        let report = try SpecFolder.run("it('x', function() while true do end end)\nit('y', function() end)") {
            $0.testMillisecondsMax = 50
        }
        #expect(report.files[0].results[0].problem?.message.contains("was stopped") == true)
        #expect(report.files[0].passed == 1)
    }

    @Test("without a spec the run has not passed")
    func nothing() throws {
        #expect(try SpecFolder().run().exitCode == 2)
        let report = SpecRun(paths: ["absent_spec.lua"]).run()
        #expect(report.exitCode == 2)
        #expect(report.files[0].problem?.place == "absent_spec.lua")
    }
}
