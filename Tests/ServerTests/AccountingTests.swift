import Foundation
import GRDB
import Server
import Testing

/// A running proxy with sinks: what is accounted is there when it has stopped.
@Suite("Accounting", .serialized)
struct AccountingTests {
    private let folder: TemporaryFolder
    private let log: LogOutput

    init() throws {
        folder = try TemporaryFolder()
        log = try LogOutput.toFile(in: folder)
    }

    private func plane(_ accounting: String) throws -> DataPlane {
        try "function on_request(req) acc.request(req) return req:reply(486, 'Busy, really') end".write(
            toFile: folder.file("r.lua"), atomically: true, encoding: .utf8)
        try "listen: \"udp:127.0.0.1:0\"\nworkers: 2\nscript: r.lua\naccounting: \(accounting)\n".write(
            toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        return DataPlane.make(
            try ConfigurationLoader.load(path: folder.file("c.yaml"), environment: [:]).configuration, log: log)
    }

    private func message(_ number: Int) -> String {
        "MESSAGE sip:bob@127.0.0.1:9 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK\(number)\r\n"
            + "Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"
            + "Call-ID: c\(number)\r\nCSeq: 1 MESSAGE\r\nUser-Agent: test\r\nContent-Length: 0\r\n\r\n"
    }

    /// The value of each sink.
    private func values(_ name: String, _ plane: DataPlane) -> [String: UInt64] {
        let values = plane.snapshot().process.filter { $0.family.name == "servartuka_accounting_\(name)" }
        return Dictionary(uniqueKeysWithValues: values.map { ($0.labels[0], $0.value) })
    }

    @Test("a clean stop writes what waits into every sink")
    func sinks() throws {
        let plane = try plane(
            "{log: true, csv: acc.csv, cdr_csv: cdrs.csv, sqlite: acc.sqlite, flush_interval: 10m, fields: {agent: 'header:User-Agent'}}"
        )
        try plane.start()
        let listener = try #require(plane.snapshot().listeners.first)
        for number in 0..<5 { try sendDatagram(message(number), to: listener) }
        while values("waiting", plane)["sqlite"] != 5 { usleep(1_000) }
        #expect(values("waiting", plane) == ["log": 5, "csv": 5, "cdr_csv": 0, "sqlite": 5])
        #expect(values("records_total", plane).values.allSatisfy { $0 == 0 })
        plane.stop()
        log.writer.flush(milliseconds: 5_000)
        let rows = try DatabaseQueue(path: folder.file("acc.sqlite")).read {
            try Row.fetchAll($0, sql: "SELECT * FROM acc ORDER BY callid")
        }
        #expect(rows.map { $0["callid"] as String } == (0..<5).map { "c\($0)" })
        #expect(rows.allSatisfy { ($0["sip_code"] as String) == "486" && ($0["agent"] as String) == "test" })
        let csv = try String(contentsOfFile: folder.file("acc.csv"), encoding: .utf8)
        #expect(csv.components(separatedBy: "\"Busy, really\"").count == 6)
        #expect(try String(contentsOfFile: folder.file("cdrs.csv"), encoding: .utf8).hasPrefix("start_time,"))
        let lines = try String(contentsOfFile: folder.file("log"), encoding: .utf8)
        #expect(lines.components(separatedBy: "sip_reason=").count == 6, "\(lines)")
    }

    @Test("a file that was moved away is replaced by a reload")
    func rotation() throws {
        let plane = try plane("{csv: acc.csv}")
        try plane.start()
        defer { plane.stop() }
        try FileManager.default.moveItem(atPath: folder.file("acc.csv"), toPath: folder.file("acc.csv.1"))
        plane.reopenFiles()
        #expect(try String(contentsOfFile: folder.file("acc.csv"), encoding: .utf8).hasPrefix("record,method,"))
    }

    @Test("a sink that cannot be opened keeps the proxy from starting, and is named")
    func unusable() throws {
        for (key, path) in [("csv", "/proc/nowhere/acc.csv"), ("sqlite", folder.file("r.lua"))] {
            let error = #expect(throws: RuntimeError.self) { try plane("{\(key): \(path)}").start() }
            #expect(error?.message.hasPrefix("accounting.\(key): ") == true)
        }
    }
}
