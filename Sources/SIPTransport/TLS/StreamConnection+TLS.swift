internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Reactor

// The handshake of a connection, above all that of TLS: who has to prove what, and how long it may take.
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
        let isWebSocket = peer.transport.isWebSocket
        openingFailure = peer.transport.isSecure ? .handshakeFailures : .webSocketUpgradeFailures
        let bound = NIOLoopBound(context, eventLoop: loop)
        let patience = isWebSocket ? hub.settings.webSocket.upgradeMilliseconds : hub.settings.handshakeMilliseconds
        loop.scheduleTask(in: .milliseconds(patience)) {
            // What was refused is being closed already.
            guard self.state == .opening, self.openingFailure != .webSocketUpgradesRefused else { return }
            self.openingFailure = isWebSocket ? .webSocketUpgradeTimeouts : .handshakeTimeouts
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
        if peer.transport.isWebSocket { openingFailure = .webSocketUpgradeFailures } else { opened() }
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
