import Foundation
import SpecRunner
import Testing

@Suite("Specs that ship and stand in the documentation")
struct SpecDocumentationTests {
    private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

    /// The Lua blocks of a page.
    private static func blocks(of page: String) throws -> [String] {
        let text = try String(contentsOf: root.appending(path: page), encoding: .utf8)
        return text.components(separatedBy: "```lua\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0]
        }
    }

    @Test("the examples of README.md and docs/testing-scripts.md pass with the script of README.md")
    func examples() throws {
        let readme = try Self.blocks(of: "README.md")
        let script = try #require(readme.first { $0.contains("second_gateway") })
        let short = try #require(readme.first { $0.contains("sip.proxy") })
        let long = try #require(try Self.blocks(of: "docs/testing-scripts.md").first)
        let folder = try SpecFolder([
            "config/routing.lua": script, "spec/readme_spec.lua": short, "spec/routing_spec.lua": long,
        ])
        let report = folder.run { $0.coverage = true }
        #expect(report.exitCode == 0, "\(report.files.flatMap(\.lines).joined(separator: "\n"))")
        #expect(report.passed == 3)
        #expect(report.coverage?.count == 1)
    }

    @Test("the specs of config pass, and each script there has one")
    func shipped() throws {
        var specs = SpecRun(paths: [Self.root.appending(path: "config/spec").path])
        specs.coverage = true
        let report = specs.run()
        #expect(report.exitCode == 0, "\(report.files.flatMap(\.lines).joined(separator: "\n"))")
        let policies = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appending(path: "config/policies").path)
        let covered = Set(report.coverage?.map { ($0.path as NSString).lastPathComponent } ?? [])
        #expect(covered == Set(policies).union(["routing.lua"]))
    }

    @Test("the page names every option, method and expectation")
    func complete() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/testing-scripts.md"), encoding: .utf8)
        for statement in ["expect(1).x()", "sip.proxy { x = 1 }", "sip.proxy({ source = '\(SpecFolder.relay)' }):x()"] {
            let report = try SpecFolder.run(
                "it('x', function() local _, problem = pcall(function() \(statement) end) print(problem) end)")
            let text = report.files[0].printed.joined()
            let names = try #require(
                text.components(separatedBy: "there are ").last?.components(separatedBy: ", each"))[0]
            for name in names.split(separator: ", ") where !["received", "invite", "answered"].contains(name) {
                #expect(page.contains("\(name)"), "\(name)")
            }
        }
    }
}
