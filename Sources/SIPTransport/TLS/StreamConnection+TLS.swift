internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Reactor

// The TLS handshake of a connection: who has to prove what, and how long it may take.
extension StreamConnection {
    func tlsHandler() throws -> NIOSSLHandler {
        // A reload in the middle of a handshake must not judge it by other rules than it began with.
        credentials = hub.credentials
        guard let credentials else { throw NoCredentials() }
        return isAccepted
            ? NIOSSLServerHandler(context: credentials.server)
            : try NIOSSLClientHandler(context: credentials.client, serverHostname: credentials.serverName(at: peer))
    }

    func awaitHandshake(_ context: ChannelHandlerContext) {
        openingFailure = .handshakeFailures
        let bound = NIOLoopBound(context, eventLoop: loop)
        loop.scheduleTask(in: .milliseconds(hub.settings.handshakeMilliseconds)) {
            guard self.state == .opening else { return }
            self.openingFailure = .handshakeTimeouts
            self.abandon(bound.value)
        }
    }

    func handshakeEvent(_ event: Any, _ context: ChannelHandlerContext) {
        guard case .handshakeCompleted? = event as? TLSUserEvent, state == .opening else { return }
        guard isProved(context) else {
            openingFailure = .serversRefused
            return abandon(context)
        }
        hub.counters.add(.handshakes)
        opened()
    }

    /// Closes without a farewell: a peer that shakes no hands would not answer it.
    func abandon(_ context: ChannelHandlerContext) {
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLHandler.self)
        (tls ?? context).close(promise: nil)
    }

    /// Takes note of who the peer has proved to be. False: it is a server, and not the one that was wanted.
    private func isProved(_ context: ChannelHandlerContext) -> Bool {
        guard let credentials else { return false }
        let isVerified = isAccepted ? credentials.verifiesClients : credentials.verifiesServers
        guard isVerified else { return true }
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
        guard let certificate = handler?.peerCertificate else { return isAccepted }
        let names = CertificateNames(certificate)
        guard isAccepted || credentials.accepts(names, at: peer) else { return false }
        hub.note(names.identities, of: self)
        return true
    }
}

private struct NoCredentials: Error {}
