public import Reactor
public import SIPTransaction
public import StatePolicy

/// What every worker is told at start-up. Never changes while it runs.
public struct ProxySettings: Sendable {
    /// One listen address as the outside sees it.
    public struct Listener: Sendable, Equatable {
        /// Bound address; a wildcard (0.0.0.0, ::) where the configuration says so.
        public var address: SocketAddress
        /// Host for Via and Record-Route, without brackets: an IP address or a name.
        public var advertisedHost: String
        public var advertisedPort: UInt16

        public init(address: SocketAddress, advertisedHost: String, advertisedPort: UInt16) {
            self.address = address
            self.advertisedHost = advertisedHost
            self.advertisedPort = advertisedPort
        }
    }

    /// Every limit has a name here and is printed at start-up.
    public struct Limits: Sendable, Equatable {
        /// Server transactions a worker holds at a time; client transactions may be twice as many. Beyond: see
        /// `transactionsRefused`.
        public var transactionsMax = 200_000
        /// Targets of one request, all forks and retries together (RFC 3261 leaves it to us; `Branch` allows 256).
        public var branchesMax = 16
        /// Bytes a worker keeps for requests and responses of transactions.
        public var transactionMemoryBytesMax = 1 << 30
        /// Longest time a request may wait for a final response after a provisional one: Timer C
        /// (RFC 3261 §16.6 step 11, more than three minutes).
        public var timerCMilliseconds: UInt64 = 185_000

        /// Handlers of scripts that wait at a time; beyond, the requests of further ones are answered with 503.
        public var waitingHandlersMax = 10_000

        /// Dialogs that the workers track together.
        public var dialogsMax = 200_000

        /// Max-Forwards given to requests that have none (RFC 3261 §16.6 step 3).
        public var maxForwards = 70

        public init() {}
    }

    /// What bounds the look-up of names; without a `TargetSource` of no effect.
    public struct Names: Sendable, Equatable {
        /// Names that a worker's cache holds, rounded up to a power of two.
        public var entriesMax = 4_096
        /// Names that a worker has looked up at a time, and branches that wait for them.
        public var pendingMax = 1_024
        /// How long a branch waits.
        public var timeoutMilliseconds: UInt64 = 5_000
        /// Bounds of the time that an answer is good for; at least 1.
        public var ttlSecondsMin: UInt64 = 1
        public var ttlSecondsMax: UInt64 = 3_600
        /// How long it is remembered that a name leads nowhere; at least 1.
        public var negativeTTLSeconds: UInt64 = 10

        public init() {}
    }

    public var listeners: [Listener]
    /// Domains that count as this proxy beside its listen addresses.
    public var domains: [String]
    /// IP addresses of this machine: what a wildcard listener stands for.
    public var localAddresses: [SocketAddress]
    /// Host names with fixed addresses (peers of the configuration); port 0: the transport's usual one.
    public var hosts: [String: SocketAddress]
    public var timers: TransactionTimers
    public var limits: Limits
    public var names: Names
    public var policy: PolicyName
    /// Where proxies that share state with this one are.
    public var trustedPeers: [TrustedPeer]
    /// `Proxy.holderNoted` is told of every transaction that is held.
    public var logsHolders: Bool
    /// Key of the branch hash; equal on cluster members (`Branch`).
    public var hashKey: HashKey
    /// Number of workers: owners that a branch may name.
    public var workerCount: Int

    public init(listeners: [Listener]) {
        self.listeners = listeners
        domains = []
        localAddresses = []
        hosts = [:]
        timers = TransactionTimers()
        limits = Limits()
        names = Names()
        policy = .stateful
        trustedPeers = []
        logsHolders = false
        hashKey = .random()
        workerCount = 1
    }
}

extension ProxySettings.Names {
    /// Room for nothing to speak of.
    static var smallest: ProxySettings.Names {
        var names = ProxySettings.Names()
        names.entriesMax = 1
        names.pendingMax = 1
        return names
    }
}
