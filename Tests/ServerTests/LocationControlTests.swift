import Foundation
import Server
import Storage
import Testing

/// A proxy's location table over its control socket.
@Suite("ctl location")
struct LocationControlTests {
    private let folder: TemporaryFolder
    private let plane: DataPlane
    private let server: ControlServer

    init() throws {
        folder = try TemporaryFolder()
        var configuration = Configuration()
        configuration.registrar.contactsMax = 2
        let plane = DataPlane.make(configuration, log: try LogOutput.toFile(in: folder))
        server = try ControlServer(path: folder.file("s")) { request in
            request.command == .location ? plane.answerLocation(request.arguments ?? .null) : .failure("")
        }
        self.plane = plane
    }

    private func client() throws -> LocationClient { LocationClient(try ControlClient(path: folder.file("s"))) }

    private func row(_ user: String, _ contact: String, seconds: Int64 = 600) -> LocationRow {
        LocationRow(
            username: Array(user.utf8), domain: Array("example.com".utf8), contact: Array(contact.utf8),
            receivedURI: Array("sip:192.0.2.9:1024;transport=tcp".utf8),
            expires: StoreClock.now.unixSeconds + seconds, q: 0.5, callID: Array("c".utf8), cSeq: 7)
    }

    @Test("what is added is listed as it was, by address and in parts")
    func list() throws {
        var client = try client()
        let rows = (0..<3_000).map { row("user\($0)", "sip:user\($0)@192.0.2.7") }
        let additions = try client.add(rows)
        #expect(additions.added == 3_000)
        var listed: [LocationRow] = []
        var parts = 0
        try client.forEachPart { part in
            listed += part
            parts += 1
        }
        #expect(parts > 1)
        func byName(_ rows: [LocationRow]) -> [LocationRow] {
            rows.sorted { $0.username.lexicographicallyPrecedes($1.username) }
        }
        // Times are kept in whole seconds of another clock: they may move by one.
        for (listed, added) in zip(byName(listed), byName(rows)) {
            var same = listed
            #expect((0...1).contains(listed.expires - added.expires))
            same.expires = added.expires
            #expect(same == added)
        }
        #expect(listed.count == rows.count)
        #expect(try client.bindings(of: "user7@EXAMPLE.com").map(\.contact) == [Array("sip:user7@192.0.2.7".utf8)])
        #expect(try client.bindings(of: "sip:user7@example.com:5070;x=y").count == 1)
        #expect(try client.bindings(of: "nobody@example.com").isEmpty)
    }

    @Test("an import leaves alone what is registered for longer, and adds no more than the limits allow")
    func add() throws {
        var client = try client()
        #expect(try client.add([row("bob", "sip:bob@192.0.2.7", seconds: 600)]).added == 1)
        #expect(try client.add([row("bob", "sip:bob@192.0.2.7", seconds: 60)]).kept == 1)
        #expect(try client.add([row("bob", "sip:%62ob@192.0.2.7", seconds: 900)]).added == 1)
        let more = try client.add([
            row("bob", "sip:bob@192.0.2.8"), row("bob", "sip:bob@192.0.2.9"),
            row("bob", "sip:bob@192.0.2.10", seconds: -1), row("bob", "tel:555010"),
        ])
        #expect(more.added == 1)
        #expect(more.refused == 1, "bob may have two")
        #expect(more.expired == 1)
        #expect(more.unusable == 1)
    }

    @Test("one contact or all of an address are removed")
    func remove() throws {
        var client = try client()
        _ = try client.add([row("bob", "sip:bob@192.0.2.7"), row("bob", "sip:bob@192.0.2.8")])
        #expect(try client.remove("sip:bob@192.0.2.9", of: "bob@example.com") == 0)
        #expect(try client.remove("sip:bob@192.0.2.7", of: "bob@example.com") == 1)
        #expect(try client.bindings(of: "bob@example.com").count == 1)
        #expect(try client.remove(nil, of: "bob@example.com") == 1)
        #expect(try client.bindings(of: "bob@example.com").isEmpty)
    }

    @Test(
        "what makes no sense is refused in words",
        arguments: [
            ("{}", "unknown action"), (#"{"action":"drop"}"#, "unknown action"),
            (#"{"action":"list","aor":""}"#, "is no address"), (#"{"action":"list","from":-1}"#, "no part"),
            (#"{"action":"list","from":256}"#, "no part"), (#"{"action":"add"}"#, "needs \"bindings\""),
            (#"{"action":"remove","aor":"alice@"}"#, "is no address"),
        ])
    func refused(_ arguments: String, _ words: String) throws {
        let answer = plane.answerLocation(try JSONValue.parse(arguments))
        guard case .failure(let message, _) = answer.outcome else {
            Issue.record("\(arguments) was answered")
            return
        }
        #expect(message.contains(words))
        let odd = plane.answerLocation(try JSONValue.parse(#"{"action":"add","bindings":[7,{"domain":1},{}]}"#))
        #expect(odd == .success(["results": ["unusable", "unusable", "unusable"]]))
    }
}
