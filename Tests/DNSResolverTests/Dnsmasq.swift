import Glibc

/// A real name server on loopback for as long as this lives.
final class Dnsmasq {
    let port: UInt16
    private let process: pid_t

    static let program = "/usr/sbin/dnsmasq"
    static var isInstalled: Bool { access(program, X_OK) == 0 }

    /// - Parameter records: options such as `--host-record=example.com,192.0.2.1`.
    init?(_ records: [String]) {
        guard let port = Self.freePort() else { return nil }
        self.port = port
        let arguments =
            [
                Self.program, "--no-resolv", "--no-hosts", "--keep-in-foreground", "--conf-file=/dev/null",
                "--listen-address=127.0.0.1", "--bind-interfaces", "--port=\(port)", "--user=", "--group=",
                "--pid-file=", "--local=/example.com/", "--local=/example.org/",
            ] + records
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var process = pid_t()
        guard posix_spawn(&process, Self.program, nil, nil, &pointers, &environment) == 0 else { return nil }
        self.process = process
    }

    deinit {
        // Threads of a thread pool block SIGTERM, and their children inherit that.
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    private static func freePort() -> UInt16? {
        let end = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard end >= 0 else { return nil }
        defer { close(end) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(end, $0, size) == 0 && getsockname(end, $0, &size) == 0
            }
        }
        return bound ? UInt16(bigEndian: address.sin_port) : nil
    }
}
