import Glibc

/// A real name server on loopback for as long as this lives; once made, it answers.
final class Dnsmasq {
    let port: UInt16
    private let process: pid_t

    static let program = "/usr/sbin/dnsmasq"
    static var isInstalled: Bool { access(program, X_OK) == 0 }

    /// - Parameter records: options such as `--host-record=example.com,192.0.2.1`.
    /// - Returns: `nil` when no server came to answer, with three ports tried: another program may take a port
    ///   between our look at it and the server's.
    convenience init?(_ records: [String]) {
        for _ in 0..<3 {
            guard let port = LoopbackProbe()?.port, let process = Self.start(port: port, records) else { return nil }
            if LoopbackProbe.waitUntilAnswered(port: port, by: process) {
                self.init(port: port, process: process)
                return
            }
            Self.end(process)
        }
        return nil
    }

    private init(port: UInt16, process: pid_t) {
        (self.port, self.process) = (port, process)
    }

    deinit { Self.end(process) }

    private static func start(port: UInt16, _ records: [String]) -> pid_t? {
        let arguments =
            [
                program, "--no-resolv", "--no-hosts", "--keep-in-foreground", "--conf-file=/dev/null",
                "--listen-address=127.0.0.1", "--bind-interfaces", "--port=\(port)", "--user=", "--group=",
                "--pid-file=", "--local=/example.com/", "--local=/example.org/",
            ] + records
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var process = pid_t()
        return posix_spawn(&process, program, nil, nil, &pointers, &environment) == 0 ? process : nil
    }

    /// Threads of a thread pool block SIGTERM, and their children inherit that: hence SIGKILL.
    private static func end(_ process: pid_t) {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }
}
