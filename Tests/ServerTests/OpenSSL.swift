import Foundation
import Testing

/// A certificate and its key, in files.
struct TestCertificate {
    let certificate: String
    let key: String
}

/// A certificate authority of a test, made by the `openssl` command.
struct TestAuthority {
    private let folder: TemporaryFolder
    let root: TestCertificate

    init(in folder: TemporaryFolder, name: String = "root") throws {
        self.folder = folder
        try "[req]\ndistinguished_name=names\n[names]\n".write(
            toFile: folder.file("openssl.cnf"), atomically: true, encoding: .utf8)
        root = TestCertificate(certificate: folder.file("\(name).pem"), key: folder.file("\(name).key"))
        try make(root, name, ["basicConstraints=critical,CA:TRUE"], signedBy: nil)
    }

    /// - Parameter names: subject alternative names such as "DNS:example.com" or "IP:127.0.0.1".
    func issue(_ name: String, _ names: String) throws -> TestCertificate {
        let issued = TestCertificate(certificate: folder.file("\(name).pem"), key: folder.file("\(name).key"))
        try make(issued, name, ["basicConstraints=critical,CA:FALSE", "subjectAltName=\(names)"], signedBy: root)
        return issued
    }

    private func make(
        _ made: TestCertificate, _ name: String, _ extensions: [String], signedBy: TestCertificate?
    ) throws {
        var arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-config", folder.file("openssl.cnf"), "-subj", "/CN=\(name)", "-keyout", made.key,
            "-out", made.certificate,
        ]
        for text in extensions { arguments += ["-addext", text] }
        if let signedBy { arguments += ["-CA", signedBy.certificate, "-CAkey", signedBy.key] }
        let process = Process.openssl(arguments)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments.joined(separator: " "))")
    }
}

extension Process {
    fileprivate static func openssl(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        return process
    }
}

/// `openssl s_client` or `s_server`: another implementation of TLS, whose plain side is a `StreamPeer`.
final class OpenSSLPeer {
    let plain: StreamPeer
    private let process: Process

    private init(_ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { throw POSIXError(.EMFILE) }
        plain = StreamPeer(ends[0])
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        let inner = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
        process = Process.openssl(arguments)
        process.standardInput = inner
        process.standardOutput = inner
        try process.run()
        try inner.close()
    }

    deinit {
        // The threads of tests block SIGTERM, and their children inherit that.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Connects, and expects a certificate for a host that the authority signed. Its plain side ends when that fails.
    static func client(
        to port: UInt16, trusting authority: TestAuthority, expecting host: String = "localhost",
        showing certificate: TestCertificate? = nil
    ) throws -> OpenSSLPeer {
        var arguments = [
            "s_client", "-quiet", "-connect", "127.0.0.1:\(port)", "-CAfile", authority.root.certificate,
            "-verify_return_error", "-verify_hostname", host,
        ]
        if let certificate { arguments += ["-cert", certificate.certificate, "-key", certificate.key] }
        return try OpenSSLPeer(arguments)
    }

    /// Listens at a port, one connection after the other.
    static func server(
        at port: UInt16, with certificate: TestCertificate, _ more: [String] = []
    ) throws -> OpenSSLPeer {
        let server = try OpenSSLPeer(
            [
                "s_server", "-quiet", "-accept", "127.0.0.1:\(port)", "-cert", certificate.certificate,
                "-key", certificate.key,
            ] + more)
        for _ in 0..<20_000 {
            if (try? StreamPeer.connect(port)) != nil { return server }
            usleep(1_000)
        }
        throw POSIXError(.ETIMEDOUT)
    }
}
