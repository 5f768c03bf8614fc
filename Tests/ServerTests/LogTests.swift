import Foundation
import Logging
import Server
import Testing

@Suite("Log")
struct LogTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func output(_ change: (inout Configuration.LoggingOptions) -> Void = { _ in }) throws -> LogOutput {
        var options = Configuration.LoggingOptions()
        options.destination = folder.file("proxy.log")
        change(&options)
        return try LogOutput(options)
    }

    /// Closes the log and gives its lines without their times.
    private func lines(_ output: LogOutput) throws -> [String] {
        #expect(output.writer.flush(milliseconds: 10_000))
        output.writer.close()
        return try String(contentsOfFile: folder.file("proxy.log"), encoding: .utf8).split(separator: "\n").map {
            String($0.replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, with: "T"))
        }
    }

    @Test("text lines have a time, a level, a message and sorted fields")
    func text() throws {
        let output = try output()
        let logger = output.logger(label: ServartukaVersion.name)
        logger.info("started", metadata: ["workers": "2", "empty": "", "path": "a b.lua", "equals": "x=y"])
        output.logger(label: "lua").critical("bad")
        #expect(
            try lines(output) == [
                #"T INFO     started empty="" equals="x=y" path="a b.lua" workers=2"#, "T CRITICAL bad logger=lua",
            ])
    }

    @Test("JSON lines are JSON")
    func json() throws {
        let output = try output { $0.format = .json }
        let logger = output.logger(label: ServartukaVersion.name)
        logger.warning("a \"quoted\"\nline", metadata: ["time": "x", "user agent": "\u{1B}[31mred"])
        let line = try #require(try lines(output).first)
        #expect(line.utf8.allSatisfy { $0 >= 0x20 })
        #expect(
            try JSONValue.parse(line) == [
                "time": "T", "level": "warning", "message": "a \"quoted\"\nline", "_time": "x",
                "user_agent": "\u{1B}[31mred",
            ])
    }

    @Test("what a peer sends never breaks a line or drives a terminal")
    func hostile() throws {
        let output = try output()
        let hostile = "x\r\n2026-01-01 INFO forged\u{1B}[2J\u{9B}1m\u{2028}"
        output.logger(label: ServartukaVersion.name).info("got \(hostile)", metadata: ["header": "\(hostile)"])
        let found = try lines(output)
        #expect(found.count == 1)
        #expect(found[0].unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
    }

    @Test("long messages and values are cut, and too many fields left out")
    func long() throws {
        let output = try output()
        var metadata: Logger.Metadata = ["a": "\(String(repeating: "é", count: 10_000))"]
        for number in 0..<100 { metadata["k\(number)"] = "v" }
        output.logger(label: ServartukaVersion.name).info(
            "\(String(repeating: "m", count: 100_000))", metadata: metadata)
        let line = try #require(try lines(output).first)
        #expect(line.utf8.count < 6_000)
        #expect(line.contains("m…"))
    }

    @Test("a level that is off writes nothing, and a reload changes it for every logger")
    func level() throws {
        let output = try output { $0.level = .warning }
        let logger = output.logger(label: ServartukaVersion.name)
        logger.info("one")
        output.setLevel(.debug)
        logger.debug("two")
        logger.trace("three")
        #expect(try lines(output) == ["T DEBUG    two"])
    }

    @Test("a reader that stands still stops nobody; what did not fit is counted and said")
    func standstill() throws {
        let pipe = try LinePipe()
        // Its reading end stays with the thread that empties it below.
        defer { close(pipe.writer) }
        let writer = try LogWriter(destination: .descriptor(pipe.writer), linesMax: 10, reopenNotice: { _ in [] }) {
            Array("dropped \($0)\n".utf8)
        }
        // A pipe takes 64 KiB; the writer then waits in its write, and ten lines wait for the writer.
        let line = [UInt8](repeating: 0x78, count: 9_999) + [0x0A]
        for _ in 0..<1_000 { writer.write(line) }
        let dropped = writer.droppedCount
        #expect(dropped > 900)
        #expect(!writer.flush(milliseconds: 10))
        Thread.detachNewThread { _ = pipe.lines(.max) }
        #expect(writer.flush(milliseconds: 30_000))
        writer.write(Array("last\n".utf8))
        #expect(writer.flush(milliseconds: 30_000))
        #expect(writer.droppedCount == dropped)
        writer.close()
    }

    @Test("the notice of dropped lines gives their number")
    func notice() throws {
        let pipe = try LinePipe()
        defer { pipe.closeBoth() }
        let writer = try LogWriter(destination: .descriptor(pipe.writer), linesMax: 2, reopenNotice: { _ in [] }) {
            Array("dropped \($0)\n".utf8)
        }
        let line = [UInt8](repeating: 0x78, count: 199_999) + [0x0A]
        for _ in 0..<20 { writer.write(line) }
        let dropped = writer.droppedCount
        let found = pipe.lines(20 - Int(dropped) + 1)
        let noticed = found.filter { $0.hasPrefix("dropped ") }.compactMap { Int($0.dropFirst(8)) }
        #expect(noticed.reduce(0, +) == Int(dropped))
        #expect(found.count(where: { $0.utf8.count == 199_999 }) == 20 - Int(dropped))
        writer.close()
    }

    @Test("lines of several threads arrive whole and in each thread's order")
    func threads() async throws {
        let output = try output { $0.queue = 100_000 }
        await withTaskGroup { group in
            for thread in 0..<4 {
                group.addTask {
                    let logger = output.logger(label: ServartukaVersion.name)
                    for number in 0..<500 { logger.info("t\(thread)", metadata: ["n": "\(number)"]) }
                }
            }
        }
        let found = try lines(output)
        for thread in 0..<4 {
            let expected = (0..<500).map { "T INFO     t\(thread) n=\($0)" }
            #expect(found.filter { $0.contains("t\(thread) ") } == expected)
        }
    }

    @Test("a log file that was moved away is opened anew")
    func rotation() throws {
        let output = try output()
        let logger = output.logger(label: ServartukaVersion.name)
        logger.info("old")
        #expect(output.writer.flush(milliseconds: 10_000))
        try FileManager.default.moveItem(atPath: folder.file("proxy.log"), toPath: folder.file("proxy.log.1"))
        output.writer.reopen()
        logger.info("new")
        #expect(try lines(output) == ["T INFO     new"])
    }

    @Test("a log file that cannot be opened anew is written on, which is said and counted")
    func rotationFails() throws {
        let output = try output()
        try FileManager.default.moveItem(atPath: folder.file("proxy.log"), toPath: folder.file("proxy.log.1"))
        try FileManager.default.createDirectory(atPath: folder.file("proxy.log"), withIntermediateDirectories: false)
        output.writer.reopen()
        output.logger(label: ServartukaVersion.name).info("more")
        #expect(output.writer.flush(milliseconds: 10_000))
        output.writer.close()
        let text = try String(contentsOfFile: folder.file("proxy.log.1"), encoding: .utf8)
        #expect(text.contains(#"cannot open the log file anew, the old one is written on error="Is a directory""#))
        #expect(text.hasSuffix("more\n"))
        #expect(output.writer.reopenFailedCount == 1)
    }

    @Test("a destination that cannot be opened says why")
    func destination() {
        let error = #expect(throws: SystemError.self) { try output { $0.destination = "/nonexistent/proxy.log" } }
        #expect(error?.description == "No such file or directory")
    }
}
