internal import Glibc
internal import NIOCore
internal import NIOSSL
internal import Reactor

/// Certificates, keys and roots, read and ready for handshakes. Never changes: a reload makes another.
public final class TLSCredentials: Sendable {
    /// For connections that are accepted, and for those that are opened.
    let server: NIOSSLContext
    let client: NIOSSLContext
    private let settings: TLSSettings
    /// When our certificate ends: seconds since 1970.
    public let validUntilSeconds: Int

    /// - Throws: `TLSError` with the file that is at fault.
    public init(_ settings: TLSSettings) throws(TLSError) {
        self.settings = settings
        let chain = try Self.certificates(settings.certificateFile)
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(file: settings.keyFile, format: .pem)
        } catch {
            throw Self.unusable(settings.keyFile, "holds no private key in PEM form without a passphrase")
        }
        validUntilSeconds = chain.first.map { Int($0.notValidAfter) } ?? 0

        var accepting = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        accepting.minimumTLSVersion = settings.requiresTLS13 ? .tlsv13 : .tlsv12
        if settings.clientCertificates != .off, let file = settings.clientRootsFile {
            accepting.trustRoots = .certificates(try Self.certificates(file))
            accepting.certificateVerification =
                settings.clientCertificates == .required ? .noHostnameVerification : .optionalVerification
        }
        // Who does not answer our close_notify is not waited for longer.
        accepting.shutdownTimeout = .seconds(1)
        var opening = TLSConfiguration.makeClientConfiguration()
        opening.minimumTLSVersion = accepting.minimumTLSVersion
        opening.shutdownTimeout = accepting.shutdownTimeout
        opening.certificateChain = accepting.certificateChain
        opening.privateKey = accepting.privateKey
        // Whose certificate it is is our own question: RFC 5922 knows no wildcards, but URIs.
        opening.certificateVerification = settings.verifiesServers ? .noHostnameVerification : .none
        if let file = settings.serverRootsFile { opening.trustRoots = .certificates(try Self.certificates(file)) }
        do {
            server = try NIOSSLContext(configuration: accepting)
            client = try NIOSSLContext(configuration: opening)
        } catch {
            throw TLSError(
                file: settings.keyFile, reason: "is not the key of the certificate in \(settings.certificateFile)")
        }
    }

    private static func certificates(_ file: String) throws(TLSError) -> [NIOSSLCertificate] {
        let found = (try? NIOSSLCertificate.fromPEMFile(file)) ?? []
        guard !found.isEmpty else { throw unusable(file, "holds no certificate in PEM form") }
        return found
    }

    private static func unusable(_ file: String, _ reason: String) -> TLSError {
        TLSError(file: file, reason: access(file, R_OK) == 0 ? reason : "cannot be read")
    }

    /// Whether clients' certificates are asked for: those that are shown have been verified.
    var verifiesClients: Bool { settings.clientCertificates != .off && settings.clientRootsFile != nil }
    var verifiesServers: Bool { settings.verifiesServers }

    /// What a server at an address is told that we want (RFC 6066 §3); nil where only the address is known.
    func serverName(at address: Reactor.SocketAddress) -> String? {
        domains(at: address).first { Reactor.SocketAddress($0) == nil && Reactor.SocketAddress("[\($0)]") == nil }
    }

    /// Whether the holder of a verified certificate is who we wanted to reach at an address (RFC 5922 §7.3).
    func accepts(_ names: CertificateNames, at address: Reactor.SocketAddress) -> Bool {
        names.isHost(of: address) || domains(at: address).contains { names.isServer(of: $0) }
    }

    private func domains(at address: Reactor.SocketAddress) -> [String] {
        settings.domains[address.withPort(0).withTransport(.udp)] ?? []
    }
}
