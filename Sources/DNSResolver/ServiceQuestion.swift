public import Reactor

/// Where does a SIP URI of this host lead (RFC 3263 §4)? For UDP, which this proxy speaks.
public struct ServiceQuestion: Hashable, Sendable {
    /// Lower case, letters, digits, hyphens, underscores and dots.
    public var name: String
    /// As in the URI; 0: none given.
    public var port: UInt16
    /// The URI names the transport, so that no NAPTR is asked for (§4.1).
    public var isTransportGiven: Bool

    public init(name: String, port: UInt16 = 0, isTransportGiven: Bool = false) {
        self.name = name
        self.port = port
        self.isTransportGiven = isTransportGiven
    }
}

/// One address that serves a domain.
public struct ServiceTarget: Sendable, Equatable {
    public var address: SocketAddress
    /// Of its SRV record (RFC 2782); 0 without one.
    public var priority: UInt16
    public var weight: UInt16
    /// Addresses of one SRV record have the same number and stand together.
    public var group: UInt8

    public init(_ address: SocketAddress, priority: UInt16 = 0, weight: UInt16 = 0, group: UInt8 = 0) {
        self.address = address
        self.priority = priority
        self.weight = weight
        self.group = group
    }
}

public enum ServiceAnswer: Sendable, Equatable {
    /// By rising priority, at most `ServiceLookup.targetsMax`; good for so many seconds: the shortest time of all records used.
    case found([ServiceTarget], ttlSeconds: UInt32)
    /// The domain does not exist, or says that it has no such service.
    case nowhere
    /// No server answered, or none of use.
    case failed
}

/// What one query brought.
public enum RecordAnswer: Sendable, Equatable {
    case records([Record])
    /// The name does not exist, or has no records of this type.
    case nothing
    case failed
}
