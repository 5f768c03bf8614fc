public import Reactor

/// Where certificates are, and who has to show one.
public struct TLSSettings: Sendable, Equatable {
    public enum ClientCertificates: Sendable {
        /// Not asked for.
        case off
        /// Asked for, and verified if there is one.
        case optional
        /// Without a verified one there is no connection.
        case required
    }

    /// PEM: our certificate and those between it and a root, in this order. Also shown to servers that ask for one.
    public var certificateFile: String
    /// PEM: the key of the first, without a passphrase.
    public var keyFile: String
    /// PEM: who signs clients' certificates; nil: nobody's are verified.
    public var clientRootsFile: String?
    public var clientCertificates = ClientCertificates.off
    /// PEM: who signs servers' certificates; nil: the system's roots.
    public var serverRootsFile: String?
    /// Servers that we connect to must prove who they are.
    public var verifiesServers = true
    /// TLS 1.2 is not enough.
    public var requiresTLS13 = false
    /// Domains by IP address (port 0): a server there must be one of them, or prove the address itself.
    public var domains: [SocketAddress: [String]] = [:]

    public init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// A file that can't be used.
public struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    public var file: String
    public var reason: String

    public var description: String { "\(file): \(reason)" }
}
