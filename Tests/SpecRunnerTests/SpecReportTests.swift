import Foundation
import SpecRunner
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("Reports of specs")
struct SpecReportTests {
    private static let script = """
        local gold = { alice = true }

        local function never(req)
          log.info("never")
          return req:drop()
        end

        function on_request(req)
          if req.method == "OPTIONS" then
            return req:reply(200)
          elseif req.method == "MESSAGE" then
            for index = 1, 3 do
              never(req)
            end
          end
          return req:relay {
            on_failure = function(req, code)
              return req:reply(480)
            end,
          }
        end
        """

    @Test("coverage knows the lines that hold code and those that ran")
    func coverage() throws {
        let folder = try SpecFolder([
            "routing.lua": Self.script,
            "a_spec.lua": """
            it("answers", function()
              local proxy = sip.proxy { script = "routing.lua" }
              proxy:receive { method = "OPTIONS", uri = "sip:192.0.2.1" }
            end)
            """,
            "b_spec.lua": """
            it("relays", function()
              local proxy = sip.proxy { script = "routing.lua" }
              proxy:receive { uri = "sip:192.0.2.200" }
            end)
            """,
        ])
        let report = folder.run { $0.coverage = true }
        #expect(report.exitCode == 0)
        let script = try #require(report.coverage?.first)
        #expect(report.coverage?.count == 1)
        #expect(script.missed == [4, 5, 12, 13, 18], "\(script)")
        #expect(script.missedText == "4-5, 12-13, 18")
        #expect(script.percent > 50 && script.percent < 90)
        #expect(report.summary[0].contains("% of \(script.executable) lines, never run: 4-5, 12-13, 18"))
        #expect(folder.run().coverage == nil)
    }

    @Test("modules of scripts are covered and watched too")
    func modules() throws {
        let folder = try SpecFolder([
            "lua/prices.lua": "return {\n  of = function(number)\n    return 1\n  end\n}",
            "routing.lua": "local prices = require 'prices'\n\(SpecFolder.relay)",
            "x_spec.lua": "it('x', function() sip.proxy { script = 'routing.lua' } end)",
        ])
        let report = folder.run { $0.coverage = true }
        #expect(report.exitCode == 0, "\(report.files[0].lines)")
        #expect(report.coverage?.map { ($0.path as NSString).lastPathComponent } == ["prices.lua", "routing.lua"])
        #expect(report.coverage?.first?.missed == [3])
        #expect(folder.run().read.contains { $0.hasSuffix("lua/prices.lua") })
    }

    @Test("JUnit XML has every test, and whatever text they show")
    func junit() throws {
        let folder = try SpecFolder([
            "a_spec.lua": """
            it("passes & <smiles>", function() end)
            it("fails", function() expect("a\\0b<&>").to_be("\\27]]>") end)
            it("is wrong", function() error("oops") end)
            pending("later")
            """,
            "b_spec.lua": "it(",
        ])
        let document = try XMLDocument(xmlString: folder.run().junit)
        let root = try #require(document.rootElement())
        #expect(root.attribute(forName: "tests")?.stringValue == "5")
        #expect(root.attribute(forName: "failures")?.stringValue == "1")
        #expect(root.attribute(forName: "errors")?.stringValue == "2")
        #expect(root.attribute(forName: "skipped")?.stringValue == "1")
        let cases = try document.nodes(forXPath: "//testcase/@name").compactMap(\.stringValue)
        #expect(cases == ["passes & <smiles>", "fails", "is wrong", "later", "the file"])
        #expect(try document.nodes(forXPath: "//failure").count == 1)
        #expect(try document.nodes(forXPath: "//error").count == 2)
        #expect(try document.nodes(forXPath: "//skipped").count == 1)
    }

    @Test("a changed or new file changes the stamp that watching looks at")
    func stamp() throws {
        let folder = try SpecFolder([
            "routing.lua": SpecFolder.relay,
            "a_spec.lua": "local proxy = sip.proxy { script = 'routing.lua' }\nit('x', function() end)",
        ])
        let specs = SpecRun(paths: [folder.path])
        let report = specs.run()
        let stamp = specs.stamp(of: report)
        #expect(specs.stamp(of: report) == stamp)
        #expect(stamp.keys.contains { $0.hasSuffix("routing.lua") })
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: folder.path + "/routing.lua")
        #expect(specs.stamp(of: report) != stamp)
        try folder.write("b_spec.lua", "")
        #expect(specs.stamp(of: report).count == stamp.count + 1)
    }
}
