package import ProxyCore
package import Reactor
internal import SIPTransaction
internal import StatePolicy

extension Configuration {
    /// The listen addresses as the proxy numbers them: datagram sockets first, which workers have of their own.
    package var listenInOrder: [ListenAddress] { listen(on: .udp) + streamListen }

    /// Those that connections come to.
    var streamListen: [ListenAddress] { listen.filter { $0.transport != .udp } }

    /// Peers of one address, by their names; port 0: the transport's usual one.
    var hosts: [String: SocketAddress] {
        var hosts: [String: SocketAddress] = [:]
        for peer in peers where peer.network.prefixBits == peer.network.address.bitCount {
            hosts[peer.name] = SocketAddress(Endpoint(address: peer.network.address, port: peer.port).description)
        }
        return hosts
    }

    func listen(on transport: ListenAddress.Transport) -> [ListenAddress] {
        listen.filter { $0.transport == transport }
    }
}

extension ProxySettings {
    /// The part of the configuration that the proxy core needs.
    ///
    /// - Parameters:
    ///   - listeners: as bound, in the order of `Configuration.listenInOrder`.
    ///   - local: the machine's addresses; nil: those of this one.
    package init(
        _ configuration: Configuration, listeners: [Reactor.Listener], workerCount: Int, local: [SocketAddress]? = nil
    ) {
        let local = local ?? LocalAddresses.all()
        self.init(
            listeners: zip(configuration.listenInOrder, listeners).map { wanted, bound in
                Self.listener(wanted, bound: bound.address, local: local)
            })
        localAddresses = local
        domains = configuration.domains
        hosts = configuration.hosts
        trustedPeers = configuration.peers.filter(\.trusted).compactMap { peer in
            SocketAddress(Endpoint(address: peer.network.address, port: peer.port).description).map {
                TrustedPeer(network: $0, prefixBits: peer.network.prefixBits, port: peer.port)
            }
        }
        logsHolders = configuration.state.logsHolders
        self.workerCount = workerCount
        timers = TransactionTimers(
            t1Milliseconds: UInt64(configuration.timers.t1Milliseconds),
            t2Milliseconds: UInt64(configuration.timers.t2Milliseconds),
            t4Milliseconds: UInt64(configuration.timers.t4Milliseconds))
        limits.transactionsMax = configuration.limits.transactions
        limits.transactionMemoryBytesMax = configuration.limits.transactionMemoryBytes
        limits.dialogsMax = configuration.limits.dialogs
        limits.waitingHandlersMax = configuration.lua.waitingMax
        limits.maxForwards = configuration.limits.maxForwards
        limits.branchesMax = configuration.limits.branches
        limits.timerCMilliseconds = UInt64(configuration.timers.cMilliseconds)
        names.entriesMax = configuration.dns.cacheSize
        names.pendingMax = configuration.dns.maxPending
        names.timeoutMilliseconds = UInt64(configuration.dns.timeoutMilliseconds)
        names.ttlSecondsMin = UInt64(configuration.dns.minTTLSeconds)
        names.ttlSecondsMax = UInt64(max(configuration.dns.maxTTLSeconds, configuration.dns.minTTLSeconds))
        names.negativeTTLSeconds = UInt64(configuration.dns.negativeTTLSeconds)
        policy =
            switch configuration.state.policy {
            case .servartuka: .servartuka
            case .balanced: .balanced
            case .stateful: .stateful
            case .stateless: .stateless
            }
        if let key = configuration.state.branchKey { hashKey = HashKey(bytes: key) }
    }

    private static func listener(
        _ wanted: ListenAddress, bound: SocketAddress, local: [SocketAddress]
    ) -> ProxySettings.Listener {
        let standIn = bound.isWildcard ? LocalAddresses.primary(like: bound, among: local) : nil
        var host = (standIn ?? bound).ipText
        var port = bound.port
        if let advertised = wanted.advertise {
            (host, port) = split(advertised, defaultPort: bound.port)
        }
        return ProxySettings.Listener(address: bound, advertisedHost: host, advertisedPort: port)
    }

    /// HOST, HOST:PORT, [V6] or [V6]:PORT; the configuration has been checked.
    private static func split(_ text: String, defaultPort: UInt16) -> (String, UInt16) {
        if let address = SocketAddress(text) {
            return (address.ipText, address.port == 0 ? defaultPort : address.port)
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return (text, defaultPort)
        }
        return (String(text[..<colon]), port)
    }
}
