import Glibc

/// A UDP socket on loopback with which a test finds a free port and learns when a name server is up.
final class LoopbackProbe {
    private let end: Int32
    /// The port that the kernel chose; free for others once the probe is gone.
    private(set) var port: UInt16 = 0

    init?() {
        end = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard end >= 0 else { return nil }
        var address = Self.loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(end, $0, size) == 0 && getsockname(end, $0, &size) == 0
            }
        }
        guard bound else { return nil }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(end) }

    /// Asks for the root's addresses every 50–100 ms until anything comes back.
    /// - Returns: false after 20–40 s, or when the server's process has ended.
    static func waitUntilAnswered(port: UInt16, by process: pid_t) -> Bool {
        guard let probe = LoopbackProbe(), probe.connect(to: port) else { return false }
        // RFC 1035 §4.1: an identifier, a standard query, one question: the root, type A, class IN.
        let question: [UInt8] = [0x53, 0x56, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]
        for _ in 0..<400 {
            // A child that has ended stays a zombie, whom signals still find, until it is waited for.
            var ended = siginfo_t()
            waitid(P_PID, id_t(process), &ended, WEXITED | WNOHANG | WNOWAIT)
            if ended.si_signo == SIGCHLD { return false }
            send(probe.end, question, question.count, 0)
            var readable = pollfd(fd: probe.end, events: Int16(POLLIN), revents: 0)
            var answer = [UInt8](repeating: 0, count: 512)
            if poll(&readable, 1, 50) == 1, recv(probe.end, &answer, answer.count, 0) > 0 { return true }
            usleep(50_000)  // nobody there yet: refused at once
        }
        return false
    }

    private func connect(to port: UInt16) -> Bool {
        var address = Self.loopback(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(end, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
