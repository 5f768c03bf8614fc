import Foundation
import Server
import Testing

@Suite("WebSocket", .serialized)
struct WebSocketTests {
    private let folder: TemporaryFolder
    private let log: LogOutput

    init() throws {
        folder = try TemporaryFolder()
        log = try LogOutput.toFile(in: folder)
    }

    /// A running proxy and its ports.
    struct Place {
        let plane: DataPlane
        let udp: UInt16
        let ws: UInt16

        func value(_ name: String) -> UInt64? {
            plane.snapshot().process.first { $0.family.name == "servartuka_\(name)" }?.value
        }

        func wait(_ name: String, _ wanted: UInt64) {
            var patience = 20_000
            while value(name) != wanted, patience > 0 {
                usleep(1_000)
                patience -= 1
            }
            #expect(value(name) == wanted, "\(name)")
        }
    }

    private func start(_ more: String = "", transport: String = "ws") throws -> Place {
        try
            ("listen: [\"udp:127.0.0.1:0\", \"\(transport):127.0.0.1:0\"]\nworkers: 2\ndomains: [example.com]\n"
            + "timers: {t1: 100ms}\n\(more)\n")
            .write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        let configuration = try ConfigurationLoader.load(path: folder.file("c.yaml"), environment: [:]).configuration
        let plane = DataPlane.make(configuration, log: log)
        try plane.start()
        let ports = plane.snapshot().listeners.compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
        try #require(ports.count == 2)
        return Place(plane: plane, udp: ports[0], ws: ports[1])
    }

    /// A registrar that records its routes.
    private func startRegistrar(transport: String = "ws", _ more: String = "") throws -> Place {
        try """
        function on_request(req)
          if req.method == "REGISTER" then return registrar.save(req) end
          if req:has_to_tag() and req:loose_route() then return req:relay() end
          req:record_route()
          if req.uri.host ~= "example.com" then return req:relay() end
          local contacts = registrar.lookup(req.uri)
          if #contacts == 0 then return req:reply(404) end
          return req:relay { targets = contacts }
        end
        """.write(toFile: folder.file("r.lua"), atomically: true, encoding: .utf8)
        return try start("script: r.lua\n\(more)", transport: transport)
    }

    private static let ping = SIPText.request("MESSAGE", "news:example", call: "p", via: "WS df7jal23ls0d.invalid")

    private static func register(_ user: String, _ call: String) -> String {
        SIPText.request("REGISTER", "sip:example.com", call: call, via: "WS df7jal23ls0d.invalid")
            .replacing(
                "To: <sip:bob@example.com>;tag=2",
                with: "To: <sip:\(user)@example.com>\r\n"
                    + "Contact: <sip:\(user)@df7jal23ls0d.invalid;transport=ws>;expires=600")
    }

    // MARK: HTTP

    @Test(
        "a handshake without what it needs is refused with the reason",
        arguments: [
            (WebSocketPeer.handshake(without: "Sec-WebSocket-Protocol"), "400"),
            (WebSocketPeer.handshake(without: "Sec-WebSocket-Key"), "400"),
            (WebSocketPeer.handshake(without: "Connection"), "400"),
            (WebSocketPeer.handshake(without: "Upgrade"), "426"),
            (WebSocketPeer.handshake(without: "Sec-WebSocket-Version"), "426"),
            (WebSocketPeer.handshake(without: "Sec-WebSocket-Version", with: "Sec-WebSocket-Version: 8\r\n"), "426"),
            ("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "426"),
            ("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2\r\n\r\nhi", "405"),
            ("OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n", "400"),
        ])
    func refusals(handshake: String, code: String) throws {
        let place = try start()
        defer { place.plane.stop() }
        let peer = WebSocketPeer(try StreamPeer.connect(place.ws))
        peer.stream.send(handshake)
        let answer = try peer.httpAnswer()
        #expect(answer.hasPrefix("HTTP/1.1 \(code) "), "\(answer)")
        if code == "426" { #expect(answer.contains("Sec-WebSocket-Version: 13\r\n")) }
        place.wait("ws_upgrades_refused_total", 1)
        place.wait("tcp_connections", 0)
        #expect(place.value("ws_upgrades_total") == 0)
    }

    @Test("where a path and origins are set, others get a 404 and a 403")
    func pathAndOrigins() throws {
        let place = try start("ws: {path: /sip, origins: [\"https://example.org\"]}")
        defer { place.plane.stop() }
        let wanted = [
            ("/", "Origin: https://example.org\r\n", "404"), ("/sip", "Origin: https://example.net\r\n", "403"),
            ("/sip", "", "403"), ("/sip?user=1", "Origin: HTTPS://example.org\r\n", "101"),
        ]
        for (path, origin, code) in wanted {
            let peer = WebSocketPeer(try StreamPeer.connect(place.ws))
            peer.stream.send(WebSocketPeer.handshake(path, with: origin))
            #expect(try peer.httpAnswer().hasPrefix("HTTP/1.1 \(code) "), "\(path) \(origin)")
        }
        place.wait("ws_upgrades_total", 1)
        place.wait("ws_upgrades_refused_total", 3)
    }

    @Test("a connection that is no WebSocket in time is closed and counted, one that goes away is counted otherwise")
    func timeout() throws {
        let place = try start("ws: {upgrade_timeout: 200ms}")
        defer { place.plane.stop() }
        #expect(try StreamPeer.connect(place.ws).receive() == "")
        place.wait("ws_upgrade_timeouts_total", 1)
        _ = try StreamPeer.connect(place.ws)
        place.wait("ws_upgrade_failures_total", 1)
    }

    // MARK: Frames

    @Test("a message may come as text, binary, in fragments, and without a Content-Length")
    func messages() throws {
        let place = try start()
        defer { place.plane.stop() }
        let peer = try WebSocketPeer.open(place.ws)
        let bytes = Array(Self.ping.utf8)
        peer.send(WebSocketPeer.frame(1, bytes))
        #expect(try peer.message().start.hasPrefix("SIP/2.0 416"))
        peer.send(WebSocketPeer.frame(2, bytes))
        #expect(try peer.message().start.hasPrefix("SIP/2.0 416"))
        peer.send(WebSocketPeer.frame(1, Array(bytes[..<50]), isLast: false))
        peer.send(WebSocketPeer.frame(9, [1, 2, 3]))
        #expect(try peer.frame() == .init(opcode: 10, payload: [1, 2, 3]))
        peer.send(WebSocketPeer.frame(0, [], isLast: false))
        peer.send(WebSocketPeer.frame(0, Array(bytes[50...])))
        #expect(try peer.message().start.hasPrefix("SIP/2.0 416"))
        peer.send(text: Self.ping.replacing("Content-Length: 0\r\n", with: ""))
        #expect(try peer.message().start.hasPrefix("SIP/2.0 416"))
        peer.send(text: "\r\n\r\n")
        #expect(try peer.frame().text == "\r\n")
        peer.send(WebSocketPeer.frame(1, []))
        peer.send(text: Self.ping)
        #expect(try peer.message().values("Via").first?.hasPrefix("SIP/2.0/WS df7jal23ls0d.invalid;") == true)
    }

    @Test("the closing handshake is answered, and then the connection ends")
    func closing() throws {
        let place = try start()
        defer { place.plane.stop() }
        let peer = try WebSocketPeer.open(place.ws)
        peer.send(WebSocketPeer.frame(8, [0x03, 0xE8]))
        let close = try peer.frame()
        #expect(close.opcode == 8 && close.code == 1_000)
        #expect(peer.isAtEnd())
        place.wait("tcp_connections", 0)
        #expect(place.value("tcp_connections_closed_malformed_total") == 0)
    }

    @Test(
        "what breaks the protocol is told and ends the connection",
        arguments: [
            ("a frame without a mask", WebSocketPeer.frame(1, [65], mask: nil), 1_002),
            ("a reserved bit", WebSocketPeer.frame(1, [65], reserved: 0x40), 1_002),
            ("a reserved opcode", WebSocketPeer.frame(3, [65]), 1_002),
            ("a continuation of nothing", WebSocketPeer.frame(0, [65]), 1_002),
            (
                "a message within a message",
                WebSocketPeer.frame(1, [65], isLast: false) + WebSocketPeer.frame(1, [65]), 1_002
            ),
            ("a ping in fragments", WebSocketPeer.frame(9, [65], isLast: false), 1_002),
            ("a long ping", WebSocketPeer.frame(9, [UInt8](repeating: 65, count: 126)), 1_002),
            ("a long frame", WebSocketPeer.frame(1, [UInt8](repeating: 65, count: 65_536)), 1_009),
            (
                "a long message",
                WebSocketPeer.frame(1, [UInt8](repeating: 65, count: 40_000), isLast: false)
                    + WebSocketPeer.frame(0, [UInt8](repeating: 65, count: 40_000)), 1_009
            ),
        ])
    func violations(what: String, frames: [UInt8], code: Int) throws {
        let place = try start()
        defer { place.plane.stop() }
        let peer = try WebSocketPeer.open(place.ws)
        peer.send(frames)
        let close = try peer.frame()
        #expect(close.opcode == 8 && close.code == code, "\(what)")
        place.wait("tcp_connections", 0)
        #expect(place.value("tcp_connections_closed_malformed_total") == 1)
    }

    @Test("whatever frames come, the proxy goes on", arguments: [UInt64.random(in: 0 ..< .max)])
    func fuzz(seed: UInt64) throws {
        print("seed \(seed)")
        var numbers = SplitMix(state: seed)
        let place = try start("tcp: {max_connections_per_source: 100000}")
        defer { place.plane.stop() }
        for _ in 0..<200 {
            let peer = try WebSocketPeer.open(place.ws)
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...8, using: &numbers) {
                let payload = (0..<Int.random(in: 0...300, using: &numbers)).map { _ in
                    UInt8.random(in: 0...255, using: &numbers)
                }
                let (isUnmasked, isReserved) = (numbers.isOneIn(10), numbers.isOneIn(10))
                bytes += WebSocketPeer.frame(
                    UInt8.random(in: 0...15, using: &numbers),
                    Bool.random(using: &numbers) ? payload : Array(Self.ping.utf8),
                    isLast: .random(using: &numbers), mask: isUnmasked ? nil : [9, 8, 7, 6],
                    reserved: isReserved ? 0x10 : 0)
            }
            if Bool.random(using: &numbers) { bytes[Int.random(in: 0..<bytes.count, using: &numbers)] ^= 0xFF }
            var sent = 0
            while sent < bytes.count {
                let next = min(bytes.count, sent + Int.random(in: 1...200, using: &numbers))
                guard peer.send(Array(bytes[sent..<next])) else { break }
                sent = next
            }
        }
        let peer = try WebSocketPeer.open(place.ws)
        peer.send(text: Self.ping)
        #expect(try peer.message().start.hasPrefix("SIP/2.0 416"), "seed \(seed)")
        shutdown(peer.stream.descriptor, Int32(SHUT_RDWR))
        place.wait("tcp_connections", 0)
    }

    @Test("text that is no UTF-8 goes to a browser as binary")
    func notText() throws {
        let place = try startRegistrar()
        defer { place.plane.stop() }
        let (peer, udp) = (try WebSocketPeer.open(place.ws), try StreamPeer.bound(stream: false))
        peer.send(text: Self.register("bob", "r"))
        #expect(try peer.message().start.hasPrefix("SIP/2.0 200"))
        var request = Array(
            SIPText.request("MESSAGE", "sip:bob@example.com", call: "raw", via: "UDP 127.0.0.1:\(udp.port)")
                .replacing("Content-Length: 0\r\n\r\n", with: "Content-Length: 2\r\n\r\n").utf8)
        request += [0xFF, 0xFE]
        udp.send(request, toPort: place.udp)
        let frame = try peer.frame()
        #expect(frame.opcode == 2 && frame.payload.suffix(2) == [0xFF, 0xFE])
    }

    // MARK: SIP

    @Test("a browser that has registered is called by UDP, both sides are recorded, and either side ends the call")
    func called() throws {
        let place = try startRegistrar()
        defer { place.plane.stop() }
        let (bob, alice) = (try WebSocketPeer.open(place.ws), try StreamPeer.bound(stream: false))
        bob.send(text: Self.register("bob", "r"))
        #expect(try bob.message().start.hasPrefix("SIP/2.0 200"))
        let via = "UDP 127.0.0.1:\(alice.port)"
        alice.send(SIPText.request("INVITE", "sip:bob@example.com", call: "c", via: via), toPort: place.udp)
        let invite = try bob.message()
        #expect(invite.start == "INVITE sip:bob@df7jal23ls0d.invalid;transport=ws SIP/2.0")
        #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/WS 127.0.0.1:\(place.ws);") == true)
        let routes = invite.values("Record-Route")
        #expect(routes.count == 2)
        #expect(routes[0].hasSuffix("@127.0.0.1:\(place.ws);transport=ws;lr;r2=on>"))
        #expect(routes[1] == "<sip:127.0.0.1:\(place.udp);lr;r2=on>")
        bob.send(text: invite.response(200))
        #expect(try alice.receive().hasPrefix("SIP/2.0 100"))
        #expect(try alice.receive().hasPrefix("SIP/2.0 200"))
        let contact = "sip:bob@df7jal23ls0d.invalid;transport=ws"
        alice.send(
            SIPText.request("ACK", contact, call: "c", via: via, routes: routes.reversed()), toPort: place.udp)
        #expect(try bob.message().start.hasPrefix("ACK \(contact) "))
        alice.send(
            SIPText.request("INFO", contact, call: "c", number: 2, via: via, routes: routes.reversed()),
            toPort: place.udp)
        let info = try bob.message()
        #expect(info.start.hasPrefix("INFO ") && info.values("Route") == [])
        bob.send(text: info.response(200))
        #expect(try alice.receive().hasPrefix("SIP/2.0 200"))
        bob.send(
            text: SIPText.request(
                "BYE", "sip:alice@127.0.0.1:\(alice.port)", call: "c", number: 3, via: "WS df7jal23ls0d.invalid",
                routes: routes))
        let bye = SIPText(try alice.receive())
        #expect(bye.start.hasPrefix("BYE ") && bye.values("Route") == [])
        alice.send(bye.response(200), toPort: place.udp)
        #expect(try bob.message().start.hasPrefix("SIP/2.0 200"))
    }

    @Test("between two browsers the requests of a dialog find either")
    func browsers() throws {
        let place = try startRegistrar()
        defer { place.plane.stop() }
        let (alice, bob) = (try WebSocketPeer.open(place.ws), try WebSocketPeer.open(place.ws))
        bob.send(text: Self.register("bob", "r"))
        #expect(try bob.message().start.hasPrefix("SIP/2.0 200"))
        let via = "WS alice.invalid"
        alice.send(text: SIPText.request("INVITE", "sip:bob@example.com", call: "b", via: via))
        let invite = try bob.message()
        let routes = invite.values("Record-Route")
        #expect(routes.count == 2)
        bob.send(text: invite.response(200))
        #expect(try alice.message().start.hasPrefix("SIP/2.0 100"))
        #expect(try alice.message().start.hasPrefix("SIP/2.0 200"))
        alice.send(
            text: SIPText.request(
                "INFO", "sip:bob@b.invalid;transport=ws", call: "b", number: 2, via: via, routes: routes.reversed()))
        let info = try bob.message()
        #expect(info.start.hasPrefix("INFO "))
        bob.send(text: info.response(200))
        #expect(try alice.message().start.hasPrefix("SIP/2.0 200"))
        bob.send(
            text: SIPText.request(
                "BYE", "sip:alice@a.invalid;transport=ws", call: "b", number: 3, via: "WS bob.invalid", routes: routes))
        #expect(try alice.message().start.hasPrefix("BYE "))
    }

    @Test("a client whose connection is gone is unavailable, and within a dialog its flow has failed")
    func gone() throws {
        let place = try startRegistrar()
        defer { place.plane.stop() }
        let (bob, alice) = (try WebSocketPeer.open(place.ws), try StreamPeer.bound(stream: false))
        bob.send(text: Self.register("bob", "r"))
        #expect(try bob.message().start.hasPrefix("SIP/2.0 200"))
        let via = "UDP 127.0.0.1:\(alice.port)"
        alice.send(SIPText.request("MESSAGE", "sip:bob@example.com", call: "m", via: via), toPort: place.udp)
        let message = try bob.message()
        bob.send(text: message.response(200))
        #expect(try alice.receive().hasPrefix("SIP/2.0 200"))
        shutdown(bob.stream.descriptor, Int32(SHUT_RDWR))
        place.wait("tcp_connections", 0)
        alice.send(SIPText.request("MESSAGE", "sip:bob@example.com", call: "n", via: via), toPort: place.udp)
        #expect(try alice.receive().hasPrefix("SIP/2.0 480"))
        let routes = message.values("Record-Route").reversed()
        alice.send(
            SIPText.request(
                "INFO", "sip:bob@b.invalid;transport=ws", call: "o", number: 2, via: via, routes: Array(routes)),
            toPort: place.udp)
        #expect(try alice.receive().hasPrefix("SIP/2.0 430"))
        // Nobody connects to a browser.
        alice.send(
            SIPText.request("MESSAGE", "sip:bob@127.0.0.1:9;transport=ws", call: "q", via: via), toPort: place.udp)
        #expect(try alice.receive().hasPrefix("SIP/2.0 480"))
    }

    @Test("a route whose connection nobody signed leads nowhere")
    func forged() throws {
        let place = try startRegistrar()
        defer { place.plane.stop() }
        let (bob, alice) = (try WebSocketPeer.open(place.ws), try StreamPeer.bound(stream: false))
        bob.send(text: Self.register("bob", "r"))
        #expect(try bob.message().start.hasPrefix("SIP/2.0 200"))
        let via = "UDP 127.0.0.1:\(alice.port)"
        alice.send(SIPText.request("MESSAGE", "sip:bob@example.com", call: "f", via: via), toPort: place.udp)
        var routes = try bob.message().values("Record-Route")
        let digit = routes[0].index(routes[0].startIndex, offsetBy: 10)
        routes[0].replaceSubrange(digit...digit, with: routes[0][digit] == "0" ? "1" : "0")
        alice.send(
            SIPText.request(
                "INFO", "sip:bob@b.invalid;transport=ws", call: "g", number: 2, via: via, routes: routes.reversed()),
            toPort: place.udp)
        #expect(try alice.receive().hasPrefix("SIP/2.0 500"))
    }

    @Test("over TLS it is wss")
    func secure() throws {
        let authority = try TestAuthority(in: folder)
        _ = try authority.issue("proxy", "DNS:localhost,IP:127.0.0.1")
        let place = try startRegistrar(transport: "wss", "tls: {certificate: proxy.pem, key: proxy.key}")
        defer { place.plane.stop() }
        let tls = try OpenSSLPeer.client(to: place.ws, trusting: authority)
        let bob = WebSocketPeer(tls.plain)
        try bob.upgrade()
        place.wait("tls_handshakes_total", 1)
        place.wait("ws_upgrades_total", 1)
        bob.send(text: Self.register("bob", "r").replacing("SIP/2.0/WS ", with: "SIP/2.0/WSS "))
        #expect(try bob.message().start.hasPrefix("SIP/2.0 200"))
        let alice = try StreamPeer.bound(stream: false)
        alice.send(
            SIPText.request("MESSAGE", "sip:bob@example.com", call: "s", via: "UDP 127.0.0.1:\(alice.port)"),
            toPort: place.udp)
        let message = try bob.message()
        #expect(message.values("Via").first?.hasPrefix("SIP/2.0/WSS ") == true)
        #expect(message.values("Record-Route").first?.hasSuffix(";transport=ws;lr;r2=on>") == true)
        bob.send(text: message.response(200))
        #expect(try alice.receive().hasPrefix("SIP/2.0 200"))
    }
}

extension SplitMix {
    fileprivate mutating func isOneIn(_ count: UInt64) -> Bool { next() % count == 0 }
}
