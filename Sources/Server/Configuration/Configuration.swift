internal import Glibc
public import ProxyCore

/// Everything an operator can set, typed and with defaults; a freshly made value is the proxy without a file.
///
/// The names, ranges, units and meanings stand in `Setting.all`, from which the file, the environment and the reference
/// page are derived; the defaults stand here and nowhere else. Lengths of time carry their unit in the name.
public struct Configuration: Sendable, Equatable {
    public var listen: [ListenAddress] = [ListenAddress.standard]
    public var workers: WorkerCount = .automatic
    public var pinWorkers = false
    /// Absolute, or relative to the working directory; the loader has already resolved it against the file's folder.
    public var script: String?
    public var nextHop: Endpoint?
    public var domains: [String] = []
    public var recordRoute = false
    public var drainSeconds = 30
    public var state = State()
    public var auth = Authentication()
    public var registrar = Registrar()
    public var location = Location()
    public var accounting = Accounting()
    public var limits = Limits()
    public var timers = Timers()
    public var dns = DNS()
    public var peers: [Peer] = []
    public var nextSet: String?
    public var dispatcher: [DispatcherSet] = []
    public var permissions: [AddressGroupSettings] = []
    public var sockets = Sockets()
    public var tcp = Tcp()
    public var tls = Tls()
    public var webSocket = WebSocket()
    /// Dictionaries of scripts, `shared.NAME`, in the order of their names.
    public var shared: [SharedMemory] = []
    public var mailbox = Mailbox()
    public var lua = Lua()
    public var control = Control()
    public var logging = LoggingOptions()

    public init() {}

    /// Branches name the worker that they belong to in one byte.
    public static let workersMax = 256

    /// Where and when the proxy keeps transaction state of its own accord.
    public struct State: Sendable, Equatable {
        public enum Policy: String, Sendable, CaseIterable {
            case servartuka
            case balanced
            case stateful
            case stateless
        }

        public var policy: Policy = .servartuka
        /// The part of its processors that the proxy may use: ρ.
        public var targetUtilisation = 0.9
        /// How often the policy looks and decides.
        public var periodMilliseconds = 200
        /// Requests a second that one processor can hold, and that it can forward without state; both are given or neither.
        /// nil: measured.
        public var statefulCapacity: Int?
        public var statelessCapacity: Int?
        /// A line in the log for each transaction held.
        public var logsHolders = false
        /// The key that makes branches deterministic; nil means sixteen random bytes at each start.
        public var branchKey: [UInt8]?

        public init() {}
    }

    /// Digest authentication, for scripts that ask for it.
    public struct Authentication: Sendable, Equatable {
        public enum Algorithms: String, Sendable, CaseIterable {
            case md5
            case sha256 = "sha-256"
            case both
        }

        /// A file of subscribers; nil: nobody can authenticate.
        public var subscribers: String?
        public var nonceLifetimeSeconds = 300
        public var algorithms: Algorithms = .md5
        public var noncesMax = 100_000

        public init() {}
    }

    /// How long user agents may register, and how many.
    public struct Registrar: Sendable, Equatable {
        public var minExpiresSeconds = 60
        public var defaultExpiresSeconds = 3_600
        public var maxExpiresSeconds = 86_400
        public var contactsMax = 10
        public var bindingsMax = 1_000_000

        public init() {}
    }

    /// Where bindings outlive the process.
    public struct Location: Sendable, Equatable {
        /// A SQLite file; nil: memory only.
        public var database: String?
        public var flushMilliseconds = 1_000
        public var waitingMax = 100_000

        public init() {}
    }

    /// A dictionary that the scripts of all workers share.
    public struct SharedMemory: Sendable, Equatable {
        public var name: String
        public var bytes: Int

        public init(name: String, bytes: Int) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// Records of transactions and calls: where they are written. Without a sink none are made.
    public struct Accounting: Sendable, Equatable {
        public var log = false
        /// Files of comma-separated values; nil: none.
        public var csv: String?
        public var cdrCSV: String?
        /// A SQLite file; nil: none.
        public var sqlite: String?
        /// Columns beside those that every record has.
        public var fields: [AccountingColumn] = []
        public var queue = 10_000
        public var flushMilliseconds = 1_000

        public init() {}
    }

    /// What bounds memory and work; each is reserved or checked, and printed at start-up.
    public struct Limits: Sendable, Equatable {
        public var transactions = 200_000
        public var transactionMemoryBytes = 1 << 30
        public var branches = 16
        public var dialogs = 200_000
        public var maxForwards = 70

        public init() {}
    }

    /// RFC 3261 §17.1.1.1 and the table of Appendix A; the other timers are multiples of these.
    public struct Timers: Sendable, Equatable {
        public var t1Milliseconds = 500
        public var t2Milliseconds = 4_000
        public var t4Milliseconds = 5_000
        public var cMilliseconds = 190_000

        public init() {}
    }

    /// How domain names become addresses (RFC 3263).
    public struct DNS: Sendable, Equatable {
        public var enabled = true
        /// None: those of /etc/resolv.conf.
        public var servers: [Endpoint] = []
        public var timeoutMilliseconds = 5_000
        public var minTTLSeconds = 1
        public var maxTTLSeconds = 3_600
        public var negativeTTLSeconds = 10
        public var cacheSize = 4_096
        public var maxPending = 1_024

        public static let standardPort: UInt16 = 53

        public init() {}
    }

    public struct Sockets: Sendable, Equatable {
        public var receiveBufferBytes = 4 << 20
        public var sendBufferBytes = 4 << 20
        public var batch = 64
        public var busyPollMicroseconds = 0
        public var gatherMicroseconds = 0

        public init() {}
    }

    /// What bounds TCP connections, all of the process together.
    public struct Tcp: Sendable, Equatable {
        public var connectionsMax = 10_000
        public var connectionsPerSourceMax = 1_000
        public var idleSeconds = 600
        public var connectMilliseconds = 5_000
        public var writeQueueBytesMax = 1 << 20

        public init() {}
    }

    /// What the HTTP requests must be like that become WebSockets.
    public struct WebSocket: Sendable, Equatable {
        /// nil: any.
        public var path: String?
        public var origins: [String] = []
        public var upgradeMilliseconds = 5_000

        public init() {}
    }

    /// Certificates, and who has to show one.
    public struct Tls: Sendable, Equatable {
        public enum ClientCertificates: String, Sendable, CaseIterable {
            case off
            case optional
            case required
        }

        public enum Version: String, Sendable, CaseIterable {
            case tls12 = "1.2"
            case tls13 = "1.3"
        }

        public var certificate: String?
        public var key: String?
        public var clientRoots: String?
        public var clientCertificates: ClientCertificates = .off
        /// nil: the system's.
        public var serverRoots: String?
        public var verifiesServers = true
        public var minVersion: Version = .tls12
        public var handshakeMilliseconds = 5_000

        public init() {}
    }

    public struct Mailbox: Sendable, Equatable {
        public var slots = 4_096

        public init() {}
    }

    /// What one run of a handler may use before the request that it serves gets a 500, and what a machine may hold.
    public struct Lua: Sendable, Equatable {
        public var instructions = 1_000_000
        public var milliseconds = 100
        public var memoryBytes = 16 << 20
        public var vmMemoryBytes = 256 << 20
        public var waitingMax = 10_000
        /// A folder; nil: `lua` beside the script.
        public var modules: String?

        public init() {}
    }

    public struct Control: Sendable, Equatable {
        /// nil switches the control socket off.
        public var socket: String? = Control.standardSocket

        /// Where root's proxy listens; other users may not write there.
        public static let systemSocket = "/run/servartuka.sock"

        /// `systemSocket` for root, else a place of the user's own.
        public static let standardSocket: String = {
            let user = geteuid()
            if user == 0 { return systemSocket }
            let folder = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? ""
            return folder.isEmpty ? "/tmp/servartuka-\(user).sock" : "\(folder)/servartuka.sock"
        }()

        public init() {}
    }

    public struct LoggingOptions: Sendable, Equatable {
        public enum Level: String, Sendable, CaseIterable {
            case trace
            case debug
            case info
            case notice
            case warning
            case error
            case critical
        }

        public enum Format: String, Sendable, CaseIterable {
            case text
            case json
        }

        public var level: Level = .info
        public var format: Format = .text
        /// "stderr", "stdout" or the path of a file that is appended to.
        public var destination = "stderr"
        public var queue = 8_192

        public init() {}
    }
}

/// How many workers share the listen addresses.
public enum WorkerCount: Sendable, Equatable, CustomStringConvertible {
    /// As many as the process has processors' worth of quota.
    case automatic
    case fixed(Int)

    public var description: String {
        switch self {
        case .automatic: "auto"
        case .fixed(let count): String(count)
        }
    }
}

/// One socket address to receive on and, where that is a wildcard or behind a translation, the name others reach it by.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    public enum Transport: String, Sendable, CaseIterable {
        case udp
        case tcp
        case tls
        case ws
        case wss

        /// Encrypted: it needs a certificate.
        public var isSecure: Bool { self == .tls || self == .wss }

        /// RFC 3261 §19.1.2, RFC 7118 §5.
        public var standardPort: UInt16 {
            switch self {
            case .udp, .tcp: Endpoint.standardPort
            case .tls: 5_061
            case .ws: 80
            case .wss: 443
            }
        }
    }

    public var transport: Transport
    public var endpoint: Endpoint
    /// What goes into Via and Record-Route instead of the address: HOST or HOST:PORT.
    public var advertise: String?

    public init(transport: Transport, endpoint: Endpoint, advertise: String? = nil) {
        self.transport = transport
        self.endpoint = endpoint
        self.advertise = advertise
    }

    static let standard = ListenAddress(
        transport: .udp, endpoint: Endpoint(address: IPAddress(version4: (127, 0, 0, 1)), port: Endpoint.standardPort))

    /// As it is written in the file, for example `udp:192.0.2.1:5060`.
    public var description: String { "\(transport.rawValue):\(endpoint)" }
}

/// Addresses that scripts know by a name.
public struct AddressGroupSettings: Sendable, Equatable {
    public var name: String
    public var rules: [AddressRule]

    public init(name: String, rules: [AddressRule]) {
        self.name = name
        self.rules = rules
    }
}

/// A neighbour that the proxy knows by address: routing by its name when it is one address, state signalling when it is trusted.
public struct Peer: Sendable, Equatable, CustomStringConvertible {
    public var name: String
    public var network: Network
    /// 0 means any port.
    public var port: UInt16
    public var trusted: Bool

    public init(name: String, network: Network, port: UInt16 = 0, trusted: Bool = false) {
        self.name = name
        self.network = network
        self.port = port
        self.trusted = trusted
    }

    public var description: String {
        var place = "\(network)"
        if port != 0 { place = Endpoint(address: network.address, port: port).description }
        return "\(name)=\(place)" + (trusted ? " (trusted)" : "")
    }
}
