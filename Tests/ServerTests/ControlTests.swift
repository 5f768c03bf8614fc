import Foundation
import Server
import Synchronization
import Testing

@Suite("Control socket")
struct ControlTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { folder.file("c.sock") }

    private func server(_ limits: ControlLimits = ControlLimits()) throws -> ControlServer {
        try ControlServer(path: path, limits: limits) { .success(["command": .string($0.command.rawValue)]) }
    }

    @Test("a request gets its answer, with its id")
    func roundTrip() throws {
        let server = try server()
        defer { server.stop() }
        var client = try ControlClient(path: path)
        for command in ControlRequest.Command.allCases {
            let answer = try client.send(ControlRequest(command, id: .string("né \n\u{1F600}")))
            #expect(answer.outcome == .success(["command": .string(command.rawValue)]))
            #expect(answer.id == "né \n\u{1F600}")
        }
    }

    @Test("several requests sent at once are answered in order")
    func pipelined() throws {
        let server = try server()
        defer { server.stop() }
        var client = try ControlClient(path: path)
        let lines = (0..<200).map { ControlRequest(.status, id: .integer($0)).json.text + "\n" }.joined()
        try client.send(bytes: Array(lines.utf8))
        for number in 0..<200 {
            let json = try JSONValue.parse(client.receiveLine())
            #expect(json["id"] == .integer(number))
        }
    }

    @Test(
        "what is no request is refused, and the next one answered",
        arguments: [
            ("nonsense", "the request is not JSON: expected a value at byte 0"),
            ("{", "the request is not JSON: expected a key in quotes at byte 1"),
            ("[]", #"expected an object with a command, such as {"command":"status"}"#),
            (#"{"command":7}"#, #"expected an object with a command, such as {"command":"status"}"#),
            (#"{"command":"statz"}"#, #"unknown command "statz", did you mean "stats"?"#),
            (
                #"{"command":"explode"}"#,
                #"unknown command "explode"; the commands are status, reload, stats, state, metrics, location, dialog, dispatcher, drain, stop"#
            ),
            (String(repeating: "[", count: 60_000), "the request is not JSON: nested too deeply at byte 64"),
            ("\u{0}", "the request is not JSON: expected a value at byte 0"),
        ])
    func garbage(_ line: String, _ message: String) throws {
        let server = try server()
        defer { server.stop() }
        var client = try ControlClient(path: path)
        try client.send(bytes: Array((line + "\n").utf8))
        let answer = try #require(ControlAnswer(json: JSONValue.parse(client.receiveLine())))
        #expect(answer.outcome == .failure(message: message, details: []))
        #expect(try client.send(ControlRequest(.status)).outcome == .success(["command": "status"]))
    }

    @Test("bytes that are no text are refused")
    func notText() throws {
        let server = try server()
        defer { server.stop() }
        var client = try ControlClient(path: path)
        try client.send(bytes: [0xFF, 0xFE, 0x0A])
        #expect(try client.receiveLine().contains("not UTF-8"))
    }

    @Test("a line without end is refused at its limit and the connection closed")
    func oversized() throws {
        var limits = ControlLimits()
        limits.requestLineBytes = 1_000
        let server = try server(limits)
        defer { server.stop() }
        var client = try ControlClient(path: path)
        try client.send(bytes: [UInt8](repeating: 0x20, count: 1_001))
        #expect(try client.receiveLine().contains("longer than 1000 bytes"))
        #expect(throws: ControlError.self) { try client.receiveLine() }
        // The server serves on.
        var other = try ControlClient(path: path)
        #expect(try other.send(ControlRequest(.stats)).outcome == .success(["command": "stats"]))
    }

    @Test("a last line without its end is answered")
    func unfinishedLine() throws {
        let server = try server()
        defer { server.stop() }
        var client = try ControlClient(path: path)
        try client.send(bytes: Array("\r\n\n{\"command\":\"stats\"}".utf8))
        client.endRequests()
        #expect(try client.receiveLine() == #"{"ok":true,"result":{"command":"stats"}}"#)
        #expect(throws: ControlError.self) { try client.receiveLine() }
    }

    @Test("a client that reads nothing is cut off and keeps no other waiting")
    func slowReader() throws {
        var limits = ControlLimits()
        limits.stalledMilliseconds = 50
        let large = String(repeating: "x", count: 4 << 20)
        let server = try ControlServer(path: path, limits: limits) { request in
            request.command == .metrics ? .success(["text": .string(large)]) : .success("small")
        }
        defer { server.stop() }
        var slow = try ControlClient(path: path)
        try slow.send(bytes: Array("{\"command\":\"metrics\"}\n{\"command\":\"status\"}\n".utf8))
        var quick = try ControlClient(path: path)
        #expect(try quick.send(ControlRequest(.status)).outcome == .success("small"))
        // Its second request must stay unanswered: the server closes in the middle of the first answer.
        var wait = pollfd(fd: -1, events: 0, revents: 0)
        poll(&wait, 0, 300)
        #expect(throws: ControlError.self) { try slow.receiveLine() }
    }

    @Test("a large answer arrives whole at a client that reads")
    func largeAnswer() throws {
        let large = String(repeating: "ü\n", count: 1 << 17)
        let server = try ControlServer(path: path) { _ in .success(.string(large)) }
        defer { server.stop() }
        var client = try ControlClient(path: path)
        #expect(try client.send(ControlRequest(.metrics)).outcome == .success(.string(large)))
    }

    @Test("an idle client is cut off")
    func idle() throws {
        var limits = ControlLimits()
        limits.idleMilliseconds = 20
        let server = try server(limits)
        defer { server.stop() }
        var client = try ControlClient(path: path)
        #expect(throws: ControlError.self) { try client.receiveLine() }
    }

    @Test("one client too many is told so")
    func tooMany() throws {
        var limits = ControlLimits()
        limits.clients = 2
        let server = try server(limits)
        defer { server.stop() }
        var first = try ControlClient(path: path)
        var second = try ControlClient(path: path)
        _ = try first.send(ControlRequest(.status))
        _ = try second.send(ControlRequest(.status))
        var third = try ControlClient(path: path)
        #expect(try third.receiveLine().contains("too many clients, at most 2 at a time"))
        _ = try first.send(ControlRequest(.status))
    }

    @Test("the socket is for its user alone, and goes with the server")
    func mode() throws {
        let server = try server()
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        server.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("the socket of a dead process is replaced")
    func stale() throws {
        // A socket whose owner is gone: bound, then closed without being removed.
        try FileManager.default.createDirectory(atPath: folder.file("d"), withIntermediateDirectories: true)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(descriptor)
        let refused = #expect(throws: ControlError.self) { try connect() }
        #expect(
            refused?.description == "nobody listens at \(path): the proxy that made it has ended without removing it")
        let server = try server()
        defer { server.stop() }
        try connect()
    }

    @Test("a live server's socket is refused, and left alone")
    func live() throws {
        let server = try server()
        defer { server.stop() }
        let error = #expect(throws: ControlError.self) { try self.server() }
        #expect(error?.description == "control socket \(path): another process is listening there")
        try connect()
    }

    @Test("a file that is no socket is left alone")
    func notASocket() throws {
        try "precious".write(toFile: path, atomically: true, encoding: .utf8)
        let error = #expect(throws: ControlError.self) { try server() }
        #expect(error?.description == "control socket \(path): the path exists and is not a socket")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test("a folder that does not exist is named with what to do")
    func noFolder() {
        let error = #expect(throws: ControlError.self) {
            try ControlServer(path: "/nonexistent/c.sock") { _ in .success(.null) }
        }
        #expect(
            error?.description == "control socket /nonexistent/c.sock: No such file or directory; "
                + "set control.socket to a path that this user may create")
    }

    @Test("without a proxy the client says how to start one")
    func absent() {
        let error = #expect(throws: ControlError.self) { try connect() }
        #expect(
            error?.description == "no proxy is running with the control socket \(path); start one with "
                + "\"servartuka run\", or name its socket with --socket")
    }

    @Test("an answer of another program is no answer")
    func otherProgram() {
        #expect(ControlAnswer(json: ["hello": "world"]) == nil)
        #expect(ControlAnswer(json: ["ok": true]) == nil)
        #expect(ControlAnswer(json: ["ok": false, "error": "text"]) == nil)
    }

    private func connect() throws(ControlError) {
        var client = try ControlClient(path: path)
        _ = try client.send(ControlRequest(.status))
    }
}
