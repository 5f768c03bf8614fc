import Glibc
import NIOCore
import ProxyCore
import Reactor
import Testing

@testable import SIPTransport

@Suite("Sending by connections")
struct StreamHubTests {
    private let group: WorkerGroup
    private let hub: StreamHub

    init() throws {
        // Never started: mail to its worker stays where it is.
        group = try WorkerGroup(ReactorConfiguration(listen: [SocketAddress(ipv4: 0x7F00_0001, port: 0)]))
        hub = try StreamHub(
            StreamSettings(),
            listeners: [StreamListener(address: SocketAddress(ipv4: 0x7F00_0001, port: 0, transport: .tcp), index: 1)],
            workers: group.workers)
    }

    private func send(_ text: String, to address: Reactor.SocketAddress) {
        let ticket = StreamTicket(worker: 0, client: 1, hash: 2)
        Array(text.utf8).withUnsafeBytes { hub.send($0, to: address, connection: .none, listener: 1, ticket: ticket) }
    }

    private func wait(for counter: StreamCounter, _ value: UInt64) {
        var patience = 20_000
        while hub.value(counter) != value, patience > 0 {
            usleep(1_000)
            patience -= 1
        }
        #expect(hub.value(counter) == value, "\(counter)")
    }

    @Test(
        "what an open connection turned out unable to take is sent once more by a fresh one, and fails the second time")
    func retry() throws {
        defer { hub.stop() }
        let listening = Listening()
        send("one", to: listening.address)
        let first = listening.accept()
        #expect(first.text() == "one")
        let message = OutgoingMessage(
            bytes: .init(string: "two"), destination: listening.address, listener: 1,
            ticket: StreamTicket(worker: 0, client: 1, hash: 2))
        let found = try #require(hub.find(for: message, preferring: .none))
        #expect(!found.isNew)
        // A worker has found the connection, and before its message gets there the peer has closed.
        first.close()
        wait(for: .open, 0)
        found.0.loop.execute { found.0.send(message) }
        #expect(listening.accept().text() == "two")
        wait(for: .sendRetries, 1)
        #expect(hub.value(.sendFailures) == 0 && hub.value(.opened) == 2)
        var again = message
        again.isRetry = true
        found.0.loop.execute { [again] in found.0.send(again) }
        wait(for: .sendFailures, 1)
        #expect(hub.value(.sendRetries) == 1)
    }
}

/// A listening socket at a free port, and what it accepted. Blocks for 20 s at most.
private final class Listening {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let address: Reactor.SocketAddress

    init() {
        // sockaddr_in as bytes: its members are not to be had beside NIOCore's headers.
        var place: [UInt8] = [UInt8(AF_INET), 0, 0, 0, 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
        let descriptor = descriptor
        let isBound = place.withUnsafeMutableBytes { bytes in
            var length = socklen_t(bytes.count)
            return bytes.withMemoryRebound(to: sockaddr.self) {
                bind(descriptor, $0.baseAddress, length) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, $0.baseAddress, &length) == 0
            }
        }
        precondition(isBound, "no free port")
        address = SocketAddress(
            ipv4: 0x7F00_0001, port: UInt16(place[2]) << 8 | UInt16(place[3]), transport: .tcp)
        Self.setPatience(descriptor)
    }

    deinit { _ = Glibc.close(descriptor) }

    static func setPatience(_ descriptor: Int32) {
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    func accept() -> Accepted { Accepted(descriptor: Glibc.accept(descriptor, nil, nil)) }

    struct Accepted {
        let descriptor: Int32

        func text() -> String {
            Listening.setPatience(descriptor)
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        }

        func close() { _ = Glibc.close(descriptor) }
    }
}
