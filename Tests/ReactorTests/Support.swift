import Glibc
import Reactor
import Synchronization

/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// From REACTOR_SEED, or a new one that is printed.
    static func printed(_ test: String) -> SeededGenerator {
        let given = getenv("REACTOR_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? UInt64.random(in: .min ... .max)
        print("\(test): REACTOR_SEED=\(seed)")
        return SeededGenerator(seed: seed)
    }
}

/// A blocking UDP socket on loopback with a receive timeout, so that a lost datagram fails a test instead of hanging it.
final class TestSocket {
    let descriptor: Int32

    init(ipv6: Bool = false, receiveBufferBytes: Int32 = 4 << 20) {
        descriptor = socket(ipv6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        precondition(descriptor >= 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var bytes = receiveBufferBytes
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4)
        // So that the flows of two sockets have different ports and an ICMP error of one does not meet the other.
        if !ipv6 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            precondition(result == 0)
        }
    }

    deinit { close(descriptor) }

    /// Connects, so that only datagrams from this address arrive.
    func connect(to address: SocketAddress) {
        let result: Int32
        if address.isIPv4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = address.port.bigEndian
            name.sin_addr.s_addr = UInt32(address.low).bigEndian
            result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        } else {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = address.port.bigEndian
            name.sin6_scope_id = address.scope
            withUnsafeMutableBytes(of: &name.sin6_addr) {
                $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            result = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        precondition(result == 0)
    }

    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count
    }

    /// nil after the timeout.
    func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }

    var localPort: UInt16 {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: name.sin6_port)
    }
}

/// Sends every datagram back to where it came from.
final class EchoDelegate: WorkerDelegate {
    let worker: Worker

    init(_ worker: Worker) { self.worker = worker }

    func received(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, listener: Int, now: Milliseconds
    ) {
        worker.reserve(datagram.count).copyMemory(from: UnsafeRawBufferPointer(datagram))
        worker.commit(datagram.count, to: source, listener: listener)
    }
}

/// A delegate made of closures.
final class ClosureDelegate: WorkerDelegate {
    let worker: Worker
    var onReceived: (Worker, UnsafeMutableRawBufferPointer, SocketAddress, Int) -> Void = { _, _, _, _ in }
    var onMail: (Worker, borrowing Mail) -> Void = { _, _ in }
    var onAdvance: (Worker, Milliseconds) -> Void = { _, _ in }
    var onSendFailed: (SocketAddress, Int, Int32) -> Void = { _, _, _ in }
    var onStopped: (Worker) -> Void = { _ in }
    var deadline: Milliseconds?

    init(_ worker: Worker) { self.worker = worker }

    func received(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, listener: Int, now: Milliseconds
    ) { onReceived(worker, datagram, source, listener) }
    func mail(_ mail: borrowing Mail, now: Milliseconds) { onMail(worker, mail) }
    func advance(to now: Milliseconds) { onAdvance(worker, now) }
    func nextDeadline() -> Milliseconds? { deadline }
    func sendFailed(to address: SocketAddress, listener: Int, errno: Int32) { onSendFailed(address, listener, errno) }
    func stopped() { onStopped(worker) }
}

/// Waits for a condition that another thread brings about; false after ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        usleep(1_000)
    }
    return condition()
}

let loopback4 = SocketAddress(ipv4: 0x7F00_0001, port: 0)
let loopback6 = SocketAddress(high: 0, low: 1, port: 0, family: .ipv6)
