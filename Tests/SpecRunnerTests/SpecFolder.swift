import Foundation
import SpecRunner

/// A folder of spec files that goes with the test.
final class SpecFolder {
    let path: String

    init(_ files: [String: String] = [:]) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "specs-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try write(name, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// Runs everything in the folder.
    func run(_ change: (inout SpecRun) -> Void = { _ in }) -> SpecReport {
        var specs = SpecRun(paths: [path])
        change(&specs)
        return specs.run()
    }

    /// Runs one text as a spec file.
    static func run(_ text: String, _ change: (inout SpecRun) -> Void = { _ in }) throws -> SpecReport {
        try SpecFolder(["x_spec.lua": text]).run(change)
    }

    /// Runs statements as a test of a proxy that relays everything; what went wrong, if anything.
    static func problem(_ statements: String, script: String = relay, options: String = "") throws -> String? {
        let report = try run(
            """
            describe("proxy", function()
              local proxy = sip.proxy { source = [[\(script)]], \(options) }
              it("works", function() \(statements) end)
            end)
            """)
        return (report.files[0].problem ?? report.files[0].results.first?.problem)?.message
    }

    static let relay = "function on_request(req) return req:relay() end"
}
