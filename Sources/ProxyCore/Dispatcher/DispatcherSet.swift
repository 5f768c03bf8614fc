public import Reactor

/// How a target is chosen among those of a set that take requests.
public enum DispatcherAlgorithm: String, Sendable, CaseIterable {
    /// In turn, by weight (smooth weighted round robin): 2:1 gives a b a, a b a and not a a b.
    case roundRobin = "round_robin"
    /// At random, by weight.
    case weighted
    /// By a key: the same key goes to the same target, and a target that goes moves only its own share.
    case hash
    /// The first of those that take requests.
    case priority
}

/// What `hash` takes of a request when the script says nothing.
public enum DispatcherKey: String, Sendable, CaseIterable {
    case callID = "call_id"
    case fromURI = "from_uri"
    case toURI = "to_uri"
    case requestURI = "request_uri"
    /// The user name of the digest credentials; the From URI where there are none.
    case authUser = "auth_user"
}

/// One server of a set.
public struct DispatcherTarget: Sendable, Equatable {
    /// As it is configured.
    public var uri: String
    /// Where it leads.
    public var address: SocketAddress
    /// The share of requests relative to others; 0: takes nothing new.
    public var weight: Int
    /// Those of the lowest number come first, the others only when none of these takes requests, as with SRV records (RFC 2782).
    public var priority: Int

    public static let weightMax = 10_000
    public static let priorityMax = 65_535

    public init(uri: String, address: SocketAddress = .none, weight: Int = 1, priority: Int = 0) {
        self.uri = uri
        self.address = address
        self.weight = weight
        self.priority = priority
    }
}

/// How targets are asked whether they are alive: OPTIONS (RFC 3261 §11).
public struct TargetProbe: Sendable, Equatable {
    public var intervalMilliseconds: UInt64 = 10_000
    /// How long an answer may take.
    public var timeoutMilliseconds: UInt64 = 2_000
    /// The URI in From; nil: one of this proxy's address.
    public var from: String?
    /// Final responses that show that a target is well.
    public var alive: [ClosedRange<Int>] = [200...499]

    public init() {}

    func isAlive(_ code: Int) -> Bool { alive.contains { $0.contains(code) } }
}

/// A named set of servers that share requests.
public struct DispatcherSet: Sendable, Equatable {
    public var name: String
    public var algorithm = DispatcherAlgorithm.roundRobin
    public var key = DispatcherKey.callID
    public var targets: [DispatcherTarget] = []
    /// nil: nobody asks them.
    public var probe: TargetProbe?
    /// Failures in a row before a target is down.
    public var failuresMax = 3
    /// Probes answered in a row before it is up again.
    public var successesMin = 1
    /// Without probes: how long a target is left alone that has failed.
    public var restMilliseconds: UInt64 = 30_000
    /// Without a script: how long a target may stay silent before the next one is tried.
    public var answerMilliseconds: UInt32 = 2_000

    public init(name: String) {
        self.name = name
    }

    public var rules: HealthRules {
        var rules = HealthRules()
        rules.failuresMax = failuresMax
        rules.successesMin = successesMin
        rules.isProbed = probe != nil
        rules.restMilliseconds = restMilliseconds
        return rules
    }

    /// Where a target's URI leads, by the addresses and names of `hosts`; nil when it is no SIP URI, or of another host.
    public static func address(of uri: String, hosts: [String: SocketAddress]) -> SocketAddress? {
        var settings = ProxySettings(listeners: [])
        settings.hosts = hosts
        var uri = uri
        let address = uri.withUTF8 { TargetResolver(settings).resolve(UnsafeRawBufferPointer($0)) }
        return address.isNone || address.port == 0 || address.isWildcard ? nil : address
    }
}
