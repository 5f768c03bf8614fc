import Foundation
import Server
import Testing

@Suite("Data plane", .serialized)
struct DataPlaneTests {
    private let folder: TemporaryFolder
    private let log: LogOutput

    init() throws {
        folder = try TemporaryFolder()
        log = try LogOutput.toFile(in: folder)
    }

    private func configuration(_ yaml: String, script: String) throws -> Configuration {
        try script.write(toFile: folder.file("r.lua"), atomically: true, encoding: .utf8)
        try "listen: \"udp:127.0.0.1:0\"\nscript: r.lua\n\(yaml)\n".write(
            toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        return try ConfigurationLoader.load(path: folder.file("c.yaml"), environment: [:]).configuration
    }

    @Test("every worker takes a new script over, and a drain reaches all")
    func reload() throws {
        let configuration = try configuration("workers: 3", script: "function on_request(req) return req:relay() end")
        let plane = DataPlane.make(configuration, log: log)
        try plane.start()
        #expect(plane.snapshot().workers.count == 3)
        for generation in 2...20 {
            try plane.reload(configuration)
            #expect(plane.snapshot().scriptGeneration == generation)
        }
        #expect(plane.drain())
        // Without `stop`: the last reference ends the threads before it frees what they write to.
    }

    @Test("shared dictionaries outlive reloads, change their size, come and go, and are measured")
    func sharedDictionaries() throws {
        let script = """
            function on_start() shared.kept:incr("starts") end
            function on_request(req) return req:relay() end
            """
        let first = try configuration("workers: 2\nshared: {kept: 1MiB, gone: 1MiB}", script: script)
        let plane = DataPlane.make(first, log: log)
        try plane.start()
        defer { plane.stop() }
        let bytes = try #require(values(plane, "servartuka_shared_bytes")["kept"])
        #expect(values(plane, "servartuka_shared_entries") == ["gone": 0, "kept": 1])
        try plane.reload(try configuration("shared: {kept: 64KiB, new: 1MiB}", script: script))
        #expect(values(plane, "servartuka_shared_entries") == ["kept": 1, "new": 0])
        #expect(values(plane, "servartuka_shared_bytes")["kept"] == bytes)
        let refused = try configuration("shared: {other: 1MiB}", script: script)
        #expect(throws: RuntimeError.self) { try plane.reload(refused) }
        #expect(values(plane, "servartuka_shared_entries").keys.sorted() == ["kept", "new"])
    }

    @Test("modules are read beside the script, and anew with each reload: the whole set or nothing")
    func modules() throws {
        let folder = folder.file("lua/tables")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func write(_ text: String, _ file: String) throws {
            try text.write(toFile: "\(folder)/../\(file)", atomically: true, encoding: .utf8)
        }
        try write("return { prices = require 'tables.prices' }", "tables/init.lua")
        try write("return 7", "tables/prices.lua")
        try write("no Lua", "README.md")
        let configuration = try configuration(
            "workers: 2",
            script: "assert(require('tables').prices > 0) function on_request(req) return req:relay() end")
        let plane = DataPlane.make(configuration, log: log)
        try plane.start()
        defer { plane.stop() }
        try write("return 0", "tables/prices.lua")
        #expect(throws: RuntimeError.self) { try plane.reload(configuration) }
        try write("return = 0", "tables/prices.lua")
        let error = #expect(throws: RuntimeError.self) { try plane.reload(configuration) }
        #expect(error?.problems.first?.file.hasSuffix("lua/tables/prices.lua") == true)
        #expect(error?.problems.first?.line == 1)
        try write("return 8", "tables/prices.lua")
        try plane.reload(configuration)
        #expect(plane.snapshot().scriptGeneration == 2)
    }

    /// Values of a metric by its first label.
    private func values(_ plane: DataPlane, _ name: String) -> [String: UInt64] {
        let values = plane.snapshot().process.filter { $0.family.name == name }
        return Dictionary(uniqueKeysWithValues: values.map { ($0.labels[0], $0.value) })
    }

    @Test("a worker that does not answer keeps the reload from changing anything")
    func silentWorker() throws {
        let slow = "function on_request(req) log.warning('busy') while true do end end"
        let configuration = try configuration(
            "workers: 1\nlua: {milliseconds: 2000, instructions: 1_000_000_000}", script: slow)
        let plane = DataPlane.make(configuration, log: log, commandMilliseconds: 20)
        try plane.start()
        defer { plane.stop() }
        let listener = try #require(plane.snapshot().listeners.first)
        try sendDatagram(
            "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\n"
                + "Max-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"
                + "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", to: listener)
        while true {
            log.writer.flush(milliseconds: 1_000)
            if try String(contentsOfFile: folder.file("log"), encoding: .utf8).contains("busy") { break }
        }
        let error = #expect(throws: RuntimeError.self) { try plane.reload(configuration) }
        #expect(error?.message == "worker 0 did not answer; nothing was changed, reload again")
        #expect(plane.snapshot().scriptGeneration == 1)
    }

    @Test("buffers smaller than asked for are told with the limit to raise")
    func buffers() throws {
        let text = "function on_request(req) return req:relay() end"
        // Within every system's limit.
        let small = try configuration(
            "workers: 1\nsockets: {receive_buffer_bytes: 64KiB, send_buffer_bytes: 64KiB}", script: text)
        let plane = DataPlane.make(small, log: log)
        try plane.start()
        #expect(plane.snapshot().warnings.isEmpty)
        plane.stop()
        let large = try configuration("workers: 1\nsockets: {receive_buffer_bytes: 1GiB}", script: text)
        let other = DataPlane.make(large, log: log)
        try other.start()
        defer { other.stop() }
        let warned = other.snapshot().warnings.contains { $0.contains("sysctl -w net.core.rmem_max=1073741824") }
        #expect(warned == (grantedBytes(of: 1 << 30) < Int(Int32.max) / 2))
    }

    @Test("a location database that cannot be used keeps the proxy from starting, and says why")
    func unusableDatabase() throws {
        let script = "function on_request(req) return req:relay() end"
        let foreign = try configuration("workers: 1\nlocation: {database: r.lua}", script: script)
        let error = #expect(throws: RuntimeError.self) { try DataPlane.make(foreign, log: log).start() }
        #expect(error?.message.hasPrefix("location.database: \(folder.file("r.lua")): ") == true)
        #expect(error?.message.contains("not a database") == true, "\(error.debugDescription)")
        #expect(try String(contentsOfFile: folder.file("r.lua"), encoding: .utf8) == script)
        let fresh = try configuration("workers: 1\nlocation: {database: new/location.sqlite}", script: script)
        let plane = DataPlane.make(fresh, log: log)
        try plane.start()
        plane.stop()
        #expect(FileManager.default.fileExists(atPath: folder.file("new/location.sqlite")))
    }

    @Test("a reload reads a database of subscribers anew, and keeps the old ones when it cannot")
    func subscriberDatabase() throws {
        let configuration = try configuration(
            "workers: 1\nauth: {subscribers: users.sqlite}", script: "function on_request(req) return req:relay() end")
        // Without the table: a start refuses it.
        try sqlite("CREATE TABLE other (x)")
        let error = #expect(throws: RuntimeError.self) { try DataPlane.make(configuration, log: log).start() }
        #expect(error?.problems.first?.file == folder.file("users.sqlite"))
        #expect(error?.problems.first?.message.contains("no such table: subscriber") == true)
        try sqlite("CREATE TABLE subscriber (username, domain, password)")
        let plane = DataPlane.make(configuration, log: log)
        try plane.start()
        defer { plane.stop() }
        try sqlite("INSERT INTO subscriber VALUES ('alice', 'example.com', 'wonderland')")
        try plane.reload(configuration)
        try sqlite("INSERT INTO subscriber VALUES ('', '', 'x')")
        #expect(throws: RuntimeError.self) { try plane.reload(configuration) }
        #expect(plane.snapshot().scriptGeneration == 2)
    }

    private func sqlite(_ statement: String) throws {
        try execute(statement, in: folder.file("users.sqlite"))
    }

    /// What the kernel grants this process of a receive buffer.
    private func grantedBytes(of asked: Int32) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var asked = asked
        let length = socklen_t(MemoryLayout<Int32>.size)
        if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &asked, length) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &asked, length)
        }
        var granted: Int32 = 0
        var size = length
        getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &granted, &size)
        return Int(granted) / 2
    }
}

/// One datagram to a listener of a snapshot, on loopback.
func sendDatagram(_ text: String, to listener: String) throws {
    let port = try #require(UInt16(listener.split(separator: ":").last ?? ""))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    let sent = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    #expect(sent == bytes.count)
}
