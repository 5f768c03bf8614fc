import Foundation
import Server
import Testing

@Suite("TLS", .serialized)
struct TLSTests {
    private let folder: TemporaryFolder
    private let log: LogOutput
    private let authority: TestAuthority

    init() throws {
        folder = try TemporaryFolder()
        log = try LogOutput.toFile(in: folder)
        authority = try TestAuthority(in: folder)
        _ = try authority.issue("proxy", "DNS:localhost,IP:127.0.0.1")
    }

    /// A running proxy and its ports.
    private struct Place {
        let plane: DataPlane
        let configuration: Configuration
        let udp: UInt16
        let tls: UInt16

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

    private func start(_ more: String = "", tls: String = "") throws -> Place {
        try
            ("listen: [\"udp:127.0.0.1:0\", \"tls:127.0.0.1:0\"]\nworkers: 2\n"
            + "tls: {certificate: proxy.pem, key: proxy.key, server_roots: root.pem\(tls)}\n\(more)\n")
            .write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        let configuration = try ConfigurationLoader.load(path: folder.file("c.yaml"), environment: [:]).configuration
        let plane = DataPlane.make(configuration, log: log)
        try plane.start()
        let ports = plane.snapshot().listeners.compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
        #expect(plane.snapshot().listeners.map { $0.prefix(3) } == ["udp", "tls"])
        try #require(ports.count == 2)
        return Place(plane: plane, configuration: configuration, udp: ports[0], tls: ports[1])
    }

    private func script(_ text: String) throws -> String {
        try text.write(toFile: folder.file("r.lua"), atomically: true, encoding: .utf8)
        return "script: r.lua"
    }

    private static func freePort() throws -> UInt16 { try StreamPeer.bound(stream: true).port }

    private static let via = "TLS 127.0.0.1:9"

    @Test(
        "a call by TLS on both sides; requests to sips URIs leave sips routes",
        arguments: [("sip", ";transport=tls", ";transport=tls"), ("sips", "", ""), ("sips", ";transport=tcp", "")])
    func call(scheme: String, parameter: String, recorded: String) throws {
        let place = try start("record_route: true")
        defer { place.plane.stop() }
        let port = try Self.freePort()
        let callee = try OpenSSLPeer.server(at: port, with: try authority.issue("callee", "IP:127.0.0.1"))
        let caller = try OpenSSLPeer.client(to: place.tls, trusting: authority)
        let uri = "\(scheme):bob@127.0.0.1:\(port)\(parameter)"
        caller.plain.send(SIPText.request("INVITE", uri, call: "one", via: Self.via))
        let invite = try callee.plain.message()
        #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/TLS 127.0.0.1:\(place.tls);") == true)
        let routes = invite.values("Record-Route")
        #expect(routes == ["<\(scheme):127.0.0.1:\(place.tls)\(recorded);lr>"])
        callee.plain.send(invite.response(200))
        #expect(try caller.plain.message().start.hasPrefix("SIP/2.0 100"))
        #expect(try caller.plain.message().start.hasPrefix("SIP/2.0 200"))
        caller.plain.send(SIPText.request("ACK", uri, call: "one", via: Self.via, routes: routes))
        #expect(try callee.plain.message().start.hasPrefix("ACK "))
        caller.plain.send(SIPText.request("BYE", uri, call: "one", number: 2, via: Self.via, routes: routes))
        let bye = try callee.plain.message()
        #expect(bye.start.hasPrefix("BYE ") && bye.values("Route") == [])
        callee.plain.send(bye.response(200))
        #expect(try caller.plain.message().start.hasPrefix("SIP/2.0 200"))
        #expect(place.value("tls_handshakes_total") == 2 && place.value("tls_handshake_failures_total") == 0)
    }

    @Test("between TLS and UDP both sides are recorded")
    func transports() throws {
        let place = try start("record_route: true")
        defer { place.plane.stop() }
        let udp = try StreamPeer.bound(stream: false)
        let tlsSide = "<sip:127.0.0.1:\(place.tls);transport=tls;lr;r2=on>"
        let udpSide = "<sip:127.0.0.1:\(place.udp);lr;r2=on>"
        let port = try Self.freePort()
        let server = try OpenSSLPeer.server(at: port, with: try authority.issue("callee", "IP:127.0.0.1"))
        let client = try OpenSSLPeer.client(to: place.tls, trusting: authority)

        client.plain.send(SIPText.request("INVITE", "sip:bob@127.0.0.1:\(udp.port)", call: "two", via: Self.via))
        let toUDP = SIPText(try udp.receive())
        #expect(toUDP.values("Record-Route") == [udpSide, tlsSide])
        udp.send(toUDP.response(200), toPort: place.udp)
        #expect(try client.plain.message().start.hasPrefix("SIP/2.0 100"))
        #expect(try client.plain.message().start.hasPrefix("SIP/2.0 200"))

        let uri = "sip:bob@127.0.0.1:\(port);transport=tls"
        udp.send(SIPText.request("INVITE", uri, call: "three", via: "UDP 127.0.0.1:\(udp.port)"), toPort: place.udp)
        let toTLS = try server.plain.message()
        #expect(toTLS.values("Record-Route") == [tlsSide, udpSide])
        server.plain.send(toTLS.response(200))
        #expect(try udp.receive().hasPrefix("SIP/2.0 100"))
        #expect(try udp.receive().hasPrefix("SIP/2.0 200"))
    }

    @Test("a sips URI is never reached by UDP")
    func sipsByUDP() throws {
        let place = try start()
        defer { place.plane.stop() }
        let (client, udp) = (
            try OpenSSLPeer.client(to: place.tls, trusting: authority), try StreamPeer.bound(stream: false)
        )
        let uri = "sips:bob@127.0.0.1:\(udp.port);transport=udp"
        client.plain.send(SIPText.request("MESSAGE", uri, call: "four", via: Self.via))
        #expect(try client.plain.message().start.hasPrefix("SIP/2.0 500"))
    }

    /// What a server is asked for, what it shows, and whether it gets the request.
    struct ServerCase: Sendable, CustomTestStringConvertible {
        let host: String
        let names: String
        var isTrusted = true
        var tls = ""
        let isReached: Bool

        var testDescription: String { "\(host) \(names) trusted \(isTrusted)\(tls)" }
    }

    @Test(
        "servers must prove the address or the peer's name by a root that is trusted, unless the configuration says otherwise",
        arguments: [
            ServerCase(host: "127.0.0.1", names: "IP:127.0.0.1", isReached: true),
            ServerCase(host: "sip.example.com", names: "DNS:sip.example.com", isReached: true),
            ServerCase(host: "127.0.0.1", names: "URI:sip:sip.example.com", isReached: true),
            ServerCase(host: "sip.example.com", names: "DNS:*.example.com,DNS:example.com", isReached: false),
            ServerCase(host: "127.0.0.1", names: "IP:127.0.0.1", isTrusted: false, isReached: false),
            ServerCase(
                host: "127.0.0.1", names: "DNS:example.net", isTrusted: false, tls: ", verify_servers: false",
                isReached: true),
        ])
    func servers(_ test: ServerCase) throws {
        let place = try start("peers: [{name: Sip.Example.com, address: 127.0.0.1}]", tls: test.tls)
        defer { place.plane.stop() }
        let issuer = test.isTrusted ? authority : try TestAuthority(in: folder, name: "other")
        let port = try Self.freePort()
        let server = try OpenSSLPeer.server(at: port, with: try issuer.issue("server", test.names))
        let client = try OpenSSLPeer.client(to: place.tls, trusting: authority)
        client.plain.send(SIPText.request("MESSAGE", "sips:bob@\(test.host):\(port)", call: "five", via: Self.via))
        if test.isReached {
            server.plain.send(try server.plain.message().response(202))
            #expect(try client.plain.message().start.hasPrefix("SIP/2.0 202"))
        } else {
            #expect(try client.plain.message().start.hasPrefix("SIP/2.0 500"))
            place.wait(test.isTrusted ? "tls_servers_refused_total" : "tls_handshake_failures_total", 1)
        }
    }

    @Test("a server of several names is told which one is meant")
    func serverName() throws {
        let place = try start("peers: [{name: Sip.Example.com, address: 127.0.0.1}]")
        defer { place.plane.stop() }
        let named = try authority.issue("named", "DNS:sip.example.com")
        let port = try Self.freePort()
        let server = try OpenSSLPeer.server(
            at: port, with: try authority.issue("elsewhere", "DNS:example.net"),
            [
                "-servername", "Sip.Example.com", "-cert2", named.certificate, "-key2", named.key, "-servername_fatal",
            ])
        let client = try OpenSSLPeer.client(to: place.tls, trusting: authority)
        client.plain.send(
            SIPText.request("MESSAGE", "sips:bob@sip.example.com:\(port)", call: "name", via: Self.via))
        server.plain.send(try server.plain.message().response(202))
        #expect(try client.plain.message().start.hasPrefix("SIP/2.0 202"))
    }

    @Test("who must show a certificate is refused without; scripts are told the names that were proved")
    func clients() throws {
        let route = try script(
            """
            function on_request(req)
              local names = table.concat(req.source_identities, " ")
              return req:reply(200, "OK", { headers = { ["X-Who"] = "[" .. names .. "] by " .. req.source_transport } })
            end
            """)
        let alice = try authority.issue("alice", "URI:sip:example.org,DNS:pbx.example.org")
        let stranger = try TestAuthority(in: folder, name: "other").issue("stranger", "DNS:pbx.example.org")
        func who(_ place: Place, _ certificate: TestCertificate?) throws -> String? {
            let client = try OpenSSLPeer.client(to: place.tls, trusting: authority, showing: certificate)
            client.plain.send(SIPText.request("MESSAGE", "sip:example.com", call: "six", via: Self.via))
            return try? client.plain.message().values("X-Who").first
        }
        let proved = "[sip:example.org pbx.example.org] by tls"
        for (mode, nobody) in [("required", nil), ("optional", "[] by tls"), ("off", "[] by tls")] {
            let place = try start(route, tls: ", client_roots: root.pem, client_certificates: \(mode)")
            defer { place.plane.stop() }
            #expect(try who(place, nil) == nobody, "\(mode)")
            #expect(try who(place, alice) == (mode == "off" ? "[] by tls" : proved), "\(mode)")
            #expect(try who(place, stranger) == (mode == "off" ? "[] by tls" : nil), "\(mode)")
            if mode == "required" { place.wait("tls_handshake_failures_total", 2) }
        }
    }

    @Test("a user agent behind address translation is reached by the connection that it registered by")
    func registered() throws {
        let route = try script(
            """
            function on_request(req)
              if req.method == "REGISTER" then return registrar.save(req, { nat = true }) end
              return req:relay { targets = registrar.lookup(req.uri) }
            end
            """)
        let place = try start(route + "\ndomains: [example.com]")
        defer { place.plane.stop() }
        let bob = try OpenSSLPeer.client(to: place.tls, trusting: authority)
        let register = SIPText.request("REGISTER", "sip:example.com", call: "reg", via: Self.via)
            .replacing("Max-Forwards", with: "Contact: <sip:bob@10.0.0.5;transport=tls>\r\nMax-Forwards")
        bob.plain.send(register)
        #expect(try bob.plain.message().start.hasPrefix("SIP/2.0 200"))
        let udp = try StreamPeer.bound(stream: false)
        let message = SIPText.request(
            "MESSAGE", "sip:bob@example.com", call: "nat", via: "UDP 127.0.0.1:\(udp.port)")
        udp.send(message, toPort: place.udp)
        let received = try bob.plain.message()
        #expect(received.start == "MESSAGE sip:bob@10.0.0.5;transport=tls SIP/2.0")
        bob.plain.send(received.response(202))
        #expect(try udp.receive().hasPrefix("SIP/2.0 202"))
        #expect(place.value("tcp_connections_opened_total") == 0)
    }

    @Test("a reload takes a new certificate for new connections and leaves the others; a broken one is refused by name")
    func reload() throws {
        let place = try start()
        defer { place.plane.stop() }
        let before = try OpenSSLPeer.client(to: place.tls, trusting: authority)
        func isServed(_ client: OpenSSLPeer, _ call: String) throws -> Bool {
            client.plain.send(SIPText.request("MESSAGE", "news:example", call: call, via: Self.via))
            return try client.plain.message().start.hasPrefix("SIP/2.0 416")
        }
        #expect(try isServed(before, "before"))
        _ = try authority.issue("proxy", "DNS:new.example.com")
        try place.plane.reload(place.configuration)
        #expect(try isServed(before, "still"))
        let after = try OpenSSLPeer.client(to: place.tls, trusting: authority, expecting: "new.example.com")
        #expect(try isServed(after, "after"))
        try "no key".write(toFile: folder.file("proxy.key"), atomically: true, encoding: .utf8)
        let error = #expect(throws: RuntimeError.self) { try place.plane.reload(place.configuration) }
        #expect(
            error?.problems.map(\.description) == [
                "\(folder.file("proxy.key")): holds no private key in PEM form without a passphrase"
            ])
        #expect(try isServed(before, "ever"))
        let third = try OpenSSLPeer.client(to: place.tls, trusting: authority, expecting: "new.example.com")
        #expect(try isServed(third, "third"))
    }

    @Test("who does not shake hands is closed after a while, who speaks something else too")
    func noHandshake() throws {
        let place = try start(tls: ", handshake_timeout: 200ms")
        defer { place.plane.stop() }
        #expect(try StreamPeer.connect(place.tls).receive() == "")
        place.wait("tls_handshake_timeouts_total", 1)
        let plain = try StreamPeer.connect(place.tls)
        plain.send(SIPText.request("OPTIONS", "sip:example.com", call: "plain", via: "TCP 127.0.0.1:9"))
        while (try? plain.receive())?.isEmpty == false {}
        place.wait("tls_handshake_failures_total", 1)
        place.wait("tcp_connections", 0)
    }

    @Test("files that cannot be used are named with what is wrong")
    func files() throws {
        _ = try authority.issue("second", "DNS:localhost")
        for (tls, file, reason) in [
            ("certificate: none.pem, key: proxy.key", "none.pem", "cannot be read"),
            ("certificate: proxy.key, key: proxy.key", "proxy.key", "holds no certificate in PEM form"),
            (
                "certificate: proxy.pem, key: second.key", "second.key",
                "is not the key of the certificate in \(folder.file("proxy.pem"))"
            ),
            (
                "certificate: proxy.pem, key: proxy.key, server_roots: c.yaml", "c.yaml",
                "holds no certificate in PEM form"
            ),
        ] {
            try "listen: [\"udp:127.0.0.1:0\", \"tls:127.0.0.1:0\"]\ntls: {\(tls)}\n".write(
                toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
            let result = CheckResult(path: folder.file("c.yaml"), environment: [:], checker: RoutingScriptChecker())
            #expect(result.lines == ["\(folder.file(file)): \(reason)"])
        }
    }
}
