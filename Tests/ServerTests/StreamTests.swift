import Foundation
import Server
import Testing

@Suite("TCP", .serialized)
struct StreamTests {
    private let folder: TemporaryFolder
    private let log: LogOutput

    init() throws {
        folder = try TemporaryFolder()
        log = try LogOutput.toFile(in: folder)
    }

    /// A running proxy and its ports.
    private struct Place {
        let plane: DataPlane
        let udp: UInt16
        let tcp: UInt16

        func value(_ name: String) -> UInt64? {
            plane.snapshot().process.first { $0.family.name == "servartuka_tcp_\(name)" }?.value
        }
    }

    private func start(_ more: String = "") throws -> Place {
        try
            ("listen: [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\nworkers: 2\nrecord_route: true\n"
            + "timers: {t1: 100ms}\n\(more)\n")
            .write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        let configuration = try ConfigurationLoader.load(path: folder.file("c.yaml"), environment: [:]).configuration
        let plane = DataPlane.make(configuration, log: log)
        try plane.start()
        let ports = plane.snapshot().listeners.compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
        #expect(plane.snapshot().listeners.map { $0.prefix(3) } == ["udp", "tcp"])
        try #require(ports.count == 2)
        return Place(plane: plane, udp: ports[0], tcp: ports[1])
    }

    @Test("a call by TCP; after its connection is gone, BYE opens a new one")
    func call() throws {
        let place = try start()
        defer { place.plane.stop() }
        let (caller, listening) = (try StreamPeer.connect(place.tcp), try StreamPeer.bound(stream: true))
        let uri = "sip:bob@127.0.0.1:\(listening.port);transport=tcp"
        let via = "TCP 127.0.0.1:9"
        caller.send(SIPText.request("INVITE", uri, call: "one", via: via))
        let callee = try listening.accept()
        let invite = try callee.message()
        #expect(invite.values("Via").first?.hasPrefix("SIP/2.0/TCP 127.0.0.1:\(place.tcp);") == true)
        #expect(invite.values("Record-Route") == ["<sip:127.0.0.1:\(place.tcp);transport=tcp;lr>"])
        callee.send(invite.response(180) + invite.response(200))
        #expect(
            try (0..<3).map { _ in try caller.message().start.prefix(11) } == [
                "SIP/2.0 100", "SIP/2.0 180", "SIP/2.0 200",
            ])
        let routes = invite.values("Record-Route")
        caller.send(SIPText.request("ACK", uri, call: "one", via: via, routes: routes))
        #expect(try callee.message().start.hasPrefix("ACK "))
        shutdown(callee.descriptor, Int32(SHUT_RDWR))
        while place.value("connections") != 1 { usleep(1_000) }
        caller.send(SIPText.request("BYE", uri, call: "one", number: 2, via: via, routes: routes))
        let again = try listening.accept()
        let bye = try again.message()
        #expect(bye.start.hasPrefix("BYE ") && bye.values("Route") == [])
        again.send(bye.response(200))
        #expect(try caller.message().start.hasPrefix("SIP/2.0 200"))
        #expect(place.value("connections_opened_total") == 2)
    }

    @Test(
        "between TCP and UDP both sides are recorded, and requests of the dialog go through either way",
        arguments: [true, false])
    func transports(fromTCP: Bool) throws {
        let place = try start()
        defer { place.plane.stop() }
        let (udp, listening) = (try StreamPeer.bound(stream: false), try StreamPeer.bound(stream: true))
        let tcpSide = "<sip:127.0.0.1:\(place.tcp);transport=tcp;lr;r2=on>"
        let udpSide = "<sip:127.0.0.1:\(place.udp);lr;r2=on>"
        if fromTCP {
            let caller = try StreamPeer.connect(place.tcp)
            let uri = "sip:bob@127.0.0.1:\(udp.port)"
            caller.send(SIPText.request("INVITE", uri, call: "two", via: "TCP 127.0.0.1:9"))
            let invite = SIPText(try udp.receive())
            #expect(invite.values("Record-Route") == [udpSide, tcpSide])
            udp.send(invite.response(200), toPort: place.udp)
            #expect(try caller.message().start.hasPrefix("SIP/2.0 100"))
            #expect(try caller.message().start.hasPrefix("SIP/2.0 200"))
            // The callee's BYE reaches the caller where its Contact says.
            udp.send(
                SIPText.request(
                    "BYE", "sip:alice@127.0.0.1:\(listening.port);transport=tcp", call: "two", number: 2,
                    via: "UDP 127.0.0.1:\(udp.port)", routes: [udpSide, tcpSide]), toPort: place.udp)
            let contact = try listening.accept()
            let bye = try contact.message()
            #expect(bye.values("Route") == [] && bye.values("Via").first?.hasPrefix("SIP/2.0/TCP ") == true)
            contact.send(bye.response(200))
            #expect(try udp.receive().hasPrefix("SIP/2.0 200"))
        } else {
            let uri = "sip:bob@127.0.0.1:\(listening.port);transport=TCP"
            udp.send(
                SIPText.request("INVITE", uri, call: "three", via: "UDP 127.0.0.1:\(udp.port)"), toPort: place.udp)
            let callee = try listening.accept()
            let invite = try callee.message()
            #expect(invite.values("Record-Route") == [tcpSide, udpSide])
            callee.send(invite.response(200))
            #expect(try udp.receive().hasPrefix("SIP/2.0 100"))
            #expect(try udp.receive().hasPrefix("SIP/2.0 200"))
            callee.send(
                SIPText.request(
                    "BYE", "sip:alice@127.0.0.1:\(udp.port)", call: "three", number: 2,
                    via: "TCP 127.0.0.1:\(listening.port)", routes: [tcpSide, udpSide]))
            let bye = SIPText(try udp.receive())
            #expect(bye.start.hasPrefix("BYE ") && bye.values("Route") == [])
            udp.send(bye.response(200), toPort: place.udp)
            #expect(try callee.message().start.hasPrefix("SIP/2.0 200"))
        }
    }

    @Test("nothing is retransmitted by TCP, and a refused connection fails the request at once")
    func failure() throws {
        let place = try start()
        defer { place.plane.stop() }
        let caller = try StreamPeer.connect(place.tcp)
        let unused = try StreamPeer.bound(stream: true).port
        caller.send(
            SIPText.request("INVITE", "sip:bob@127.0.0.1:\(unused);transport=tcp", call: "four", via: "TCP 127.0.0.1:9")
        )
        #expect(try caller.message().start.hasPrefix("SIP/2.0 100"))
        // RFC 3261 §16.9, §16.7 step 6: a transport failure is a 503, which goes upstream as 500.
        #expect(try caller.message().start.hasPrefix("SIP/2.0 500"))
        // The ACK is withheld: by UDP Timer G (100 ms) would bring the 500 again before this answer.
        usleep(400_000)
        caller.send(SIPText.request("MESSAGE", "news:example", call: "five", via: "TCP 127.0.0.1:9"))
        #expect(try caller.message().start.hasPrefix("SIP/2.0 416"))
        #expect(place.value("connect_failures_total") == 1)
    }

    @Test("when the request's connection is gone, the response goes to the Via's address")
    func responseElsewhere() throws {
        let place = try start()
        defer { place.plane.stop() }
        let (listening, back) = (try StreamPeer.bound(stream: true), try StreamPeer.bound(stream: true))
        var caller: StreamPeer? = try StreamPeer.connect(place.tcp)
        caller?.send(
            SIPText.request(
                "MESSAGE", "sip:bob@127.0.0.1:\(listening.port);transport=tcp", call: "six",
                via: "TCP 127.0.0.1:\(back.port)"))
        let callee = try listening.accept()
        let message = try callee.message()
        caller = nil
        while place.value("connections") != 1 { usleep(1_000) }
        callee.send(message.response(200))
        #expect(try back.accept().message().start.hasPrefix("SIP/2.0 200"))
    }

    @Test("a ping is answered, and a message that breaks the stream is answered before the connection ends")
    func keepAliveAndBroken() throws {
        let place = try start()
        defer { place.plane.stop() }
        let whole = SIPText.request("MESSAGE", "sip:bob@example.com", call: "seven", via: "TCP 127.0.0.1:9")
        let pinging = try StreamPeer.connect(place.tcp)
        for byte in ["\r", "\n", "\r", "\n"] { pinging.send(byte) }
        #expect(try pinging.receive() == "\r\n")
        for (length, code) in [("Content-Length: x", "400"), ("Content-Length: 99999", "513"), ("X: y", "400")] {
            let peer = try StreamPeer.connect(place.tcp)
            peer.send(whole.replacing("Content-Length: 0", with: length))
            #expect(try peer.message().start.hasPrefix("SIP/2.0 \(code)"), "\(length)")
            #expect(try peer.receive() == "")
        }
        #expect(place.value("connections_closed_malformed_total") == 3)
    }

    @Test("connections of one host are spread over the workers")
    func spread() throws {
        let place = try start()
        defer { place.plane.stop() }
        let peers = try (0..<64).map { _ in try StreamPeer.connect(place.tcp) }
        for (number, peer) in peers.enumerated() {
            peer.send(SIPText.request("MESSAGE", "news:example", call: "w\(number)", via: "TCP 127.0.0.1:9"))
            #expect(try peer.message().start.hasPrefix("SIP/2.0 416"))
        }
        let name = "servartuka_requests_received_total"
        let index = try #require(place.plane.metrics.firstIndex { $0.family.name == name })
        let received = place.plane.snapshot().workers.map { $0[index] }
        #expect(received.reduce(0, +) == 64 && received.allSatisfy { $0 >= 8 }, "\(received)")
    }

    @Test("connections beyond the limits are closed and counted, and there is room again when one has gone")
    func limits() throws {
        let place = try start("tcp: {max_connections: 3, max_connections_per_source: 2}")
        defer { place.plane.stop() }
        var open = [try StreamPeer.connect(place.tcp), try StreamPeer.connect(place.tcp)]
        while place.value("connections") != 2 { usleep(1_000) }
        #expect(try StreamPeer.connect(place.tcp).receive() == "")
        #expect(place.value("connections_refused_by_source_total") == 1)
        open.removeLast()
        while place.value("connections") != 1 { usleep(1_000) }
        let next = try StreamPeer.connect(place.tcp)
        next.send("\r\n\r\n")
        #expect(try next.receive() == "\r\n")
    }

    @Test("at the limit of all connections further ones are closed, and requests that would need one fail")
    func totalLimit() throws {
        let place = try start("tcp: {max_connections: 2}")
        defer { place.plane.stop() }
        let (caller, other) = (try StreamPeer.connect(place.tcp), try StreamPeer.connect(place.tcp))
        while place.value("connections") != 2 { usleep(1_000) }
        #expect(try StreamPeer.connect(place.tcp).receive() == "")
        #expect(place.value("connections_refused_total") == 1)
        let listening = try StreamPeer.bound(stream: true)
        let uri = "sip:bob@127.0.0.1:\(listening.port);transport=tcp"
        caller.send(SIPText.request("MESSAGE", uri, call: "full", via: "TCP 127.0.0.1:9"))
        #expect(try caller.message().start.hasPrefix("SIP/2.0 500"))
        #expect(place.value("connections_refused_total") == 2)
        shutdown(other.descriptor, Int32(SHUT_RDWR))
        while place.value("connections") != 1 { usleep(1_000) }
        caller.send(SIPText.request("MESSAGE", uri, call: "room", via: "TCP 127.0.0.1:9"))
        #expect(try listening.accept().message().start.hasPrefix("MESSAGE "))
    }

    @Test("while a worker is behind its peer waits: nothing is lost, and the order stays")
    func backPressure() throws {
        // Each request takes about a millisecond, and few fit into the mailbox.
        try "function on_request(req) for i = 1, 100000 do end return req:reply(480) end".write(
            toFile: folder.file("slow.lua"), atomically: true, encoding: .utf8)
        let place = try start("script: slow.lua\nmailbox: {slots: 64}")
        defer { place.plane.stop() }
        let peer = try StreamPeer.connect(place.tcp)
        let requests = (0..<300).map {
            SIPText.request("MESSAGE", "sip:bob@example.com", call: "behind\($0)", via: "TCP 127.0.0.1:9")
        }
        #expect(peer.send(requests.joined()))
        for number in 0..<300 {
            let answer = try peer.message()
            #expect(answer.start.hasPrefix("SIP/2.0 480") && answer.values("Call-ID") == ["behind\(number)"])
        }
        #expect(place.value("read_pauses_total") ?? 0 > 0)
    }

    @Test("a peer that does not read is cut off and counted; others are served on")
    func slowReader() throws {
        let place = try start("tcp: {max_write_queue: 64KiB}")
        defer { place.plane.stop() }
        let slow = try StreamPeer.connect(place.tcp, receiveBufferBytes: 4_096)
        var sent = 0
        while slow.send(SIPText.request("MESSAGE", "news:example", call: "s\(sent)", via: "TCP 127.0.0.1:9")) {
            sent += 1
            try #require(sent < 200_000, "the proxy goes on for ever")
        }
        while place.value("connections_closed_slow_total") == 0 { usleep(1_000) }
        let other = try StreamPeer.connect(place.tcp)
        other.send(SIPText.request("MESSAGE", "news:example", call: "eight", via: "TCP 127.0.0.1:9"))
        #expect(try other.message().start.hasPrefix("SIP/2.0 416"))
    }

    @Test("a connection by which nothing goes is closed")
    func idle() throws {
        let place = try start("tcp: {idle_timeout: 1s}")
        defer { place.plane.stop() }
        #expect(try StreamPeer.connect(place.tcp).receive() == "")
        #expect(place.value("connections_closed_idle_total") == 1)
    }
}
