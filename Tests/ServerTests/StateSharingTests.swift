import Foundation
import ProxyCore
import Server
import StatePolicy
import Synchronization
import Testing

/// Two data planes one behind the other on loopback, requests through both, and what operators see of it.
@Suite("Sharing state", .serialized)
struct StateSharingTests {
    private let folder: TemporaryFolder
    private let log: LogOutput

    init() throws {
        folder = try TemporaryFolder()
        log = try LogOutput.toFile(in: folder)
    }

    private func start(_ yaml: String) throws -> (plane: DataPlane, port: UInt16) {
        let text = "listen: \"udp:127.0.0.1:0\"\nworkers: 1\n\(yaml)\n"
        let loaded = try ConfigurationLoader.load(yaml: text, file: "t.yaml", directory: "")
        let plane = DataPlane.make(loaded.configuration, log: log)
        try plane.start()
        let listener = try #require(plane.snapshot().listeners.first)
        return (plane, try #require(UInt16(listener.split(separator: ":").last ?? "")))
    }

    private static let trusted = "peers: [{name: local, address: 127.0.0.1, trusted: true}]"

    /// Requests through the first proxy until `isReached` or far too many; they are answered all the while.
    private func send(
        to port: UInt16, _ answering: LoopbackAgent, until isReached: () -> Bool
    ) throws -> Bool {
        let agent = try LoopbackAgent()
        for number in 0..<20_000 {
            agent.sendOptions(number, to: port)
            answering.answerWaiting()
            agent.discardWaiting()
            if number % 50 == 49, isReached() { return true }
            usleep(1_000)
        }
        return false
    }

    @Test("a proxy without room leaves state to the next one, and both can tell why")
    func delegation() throws {
        let answering = try LoopbackAgent()
        let second = try start("next_hop: 127.0.0.1:\(answering.port)\n\(Self.trusted)\nstate: {period: 50ms}")
        defer { second.plane.stop() }
        // Room for the state of a few requests a second only, by its own account.
        let first = try start(
            "next_hop: 127.0.0.1:\(second.port)\n\(Self.trusted)\n"
                + "state: {period: 50ms, t_sf: 20, t_sl: 100_000, log_holders: true}")
        defer { first.plane.stop() }
        #expect(first.plane.stateStatus()?.isSharing == true)

        let reached = try send(to: first.port, answering) {
            guard let status = first.plane.stateStatus(), let hop = status.report.nextHops.first else { return false }
            return hop.keepFraction < 0.9 && hop.delegatedPerSecond > 1 && counter("requests_delegated", status) > 10
        }
        #expect(reached)
        let before = try #require(first.plane.stateStatus())
        #expect(before.report.nextHops.map { "\($0.address)" } == ["127.0.0.1:\(second.port)"])
        #expect(before.report.reason == .delegating)
        #expect(abs(before.report.estimate.statelessCost - 1e-5) < 1e-12)
        #expect(before.report.processors > 0 && before.report.processors <= 1)
        let after = try #require(second.plane.stateStatus())
        let upstream = try #require(after.report.upstreams.first)
        #expect("\(upstream.address)" == "127.0.0.1:\(first.port)")
        #expect(upstream.grant ?? 0 > 0 && upstream.openPerSecond > 0)
        #expect(counter("state_feedback_sent", after) > 0 && counter("requests_held_upstream", after) > 0)
        // Measured: no manual figures here.
        #expect(after.report.estimate.utilisation > 0 && after.report.estimate.statelessCost > 0)
        let page = ControlReport.text(of: before.json(time: 0), for: .state)
        #expect(page.contains("127.0.0.1:\(second.port)"))

        log.writer.flush(milliseconds: 1_000)
        let lines = try String(contentsOfFile: folder.file("log"), encoding: .utf8)
        #expect(lines.contains("held") && lines.contains("why=kept"))

        first.plane.stop()
        #expect(first.plane.stateStatus() == nil)
    }

    private func counter(_ name: String, _ status: StateStatus) -> UInt64 {
        status.counters.first { $0.name == name }?.value ?? 0
    }

    @Test("a reload keeps what was learned")
    func reload() throws {
        let answering = try LoopbackAgent()
        let text = "next_hop: 127.0.0.1:\(answering.port)\n\(Self.trusted)\nstate: {period: 50ms}"
        let proxy = try start(text)
        defer { proxy.plane.stop() }
        #expect(
            try send(to: proxy.port, answering) {
                (proxy.plane.stateStatus()?.report.estimate.statelessCost ?? 0) > 0
            })
        let before = try #require(proxy.plane.stateStatus()).report
        let loaded = try ConfigurationLoader.load(
            yaml: "listen: \"udp:127.0.0.1:0\"\nworkers: 1\n\(text)", file: "t.yaml", directory: "")
        try proxy.plane.reload(loaded.configuration)
        let after = try #require(proxy.plane.stateStatus()).report
        #expect(after.epoch == before.epoch && after.ticks >= before.ticks)
        #expect(after.estimate.statelessCost > 0)
    }

    @Test(
        "nothing is measured where nothing is shared",
        arguments: ["", "state: {policy: stateful}\n\(Self.trusted)", "state: {policy: stateless}\n\(Self.trusted)"])
    func alone(_ yaml: String) throws {
        let answering = try LoopbackAgent()
        let proxy = try start("next_hop: 127.0.0.1:\(answering.port)\n\(yaml)")
        defer { proxy.plane.stop() }
        let forwarded = { proxy.plane.snapshot().workers.first.map { $0[0] } ?? 0 > 20 }
        #expect(try send(to: proxy.port, answering, until: forwarded))
        let status = try #require(proxy.plane.stateStatus())
        #expect(!status.isSharing && status.report.ticks == 0)
        #expect(status.report.estimate.statelessCost == 0)
    }
}

/// A user agent of the test at a port of its own; never waits.
private final class LoopbackAgent {
    private let descriptor: Int32
    let port: UInt16
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        self.descriptor = descriptor
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    func sendOptions(_ number: Int, to port: UInt16) {
        send(
            "OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:\(self.port);branch=z9hG4bK\(number)\r\n"
                + "Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n"
                + "Call-ID: call-\(number)\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", to: Self.address(port))
    }

    /// 200 to every request that has come, with its Vias, From, To, Call-ID and CSeq.
    func answerWaiting() {
        while let (text, source) = receive() {
            guard text.hasPrefix("OPTIONS ") else { continue }
            let copied = text.split(separator: "\r\n").filter { line in
                ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].contains { line.hasPrefix($0) }
            }
            let answer = ["SIP/2.0 200 OK"] + copied.map(String.init) + ["Content-Length: 0", "", ""]
            send(answer.joined(separator: "\r\n"), to: source)
        }
    }

    func discardWaiting() { while receive() != nil {} }

    private func receive() -> (String, sockaddr_in)? {
        var source = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &source) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
            }
        }
        return count < 0 ? nil : (String(decoding: buffer[..<count], as: UTF8.self), source)
    }

    private func send(_ text: String, to address: sockaddr_in) {
        var address = address
        let bytes = Array(text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
