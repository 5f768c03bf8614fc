internal import Glibc
public import ProxyCore

/// What scripts use beside the message in hand: parts of the process that outlive a script.
public struct ScriptServices: Sendable {
    public var registrar: Registrar
    public var authenticator: Authenticator
    /// `shared` in scripts.
    public var dictionaries: [SharedDictionary]
    /// The worker's own.
    public var dispatcher: Dispatcher
    public var permissions: AddressGroups
    /// Number of the worker whose script it is.
    public var worker = 0
    /// The time outside of handlers for messages, in milliseconds; theirs is that of their worker.
    public var clock: @Sendable () -> UInt64

    public init(
        registrar: Registrar = Registrar(), authenticator: Authenticator = Authenticator(),
        dictionaries: [SharedDictionary] = [], dispatcher: Dispatcher = .empty(),
        permissions: AddressGroups = AddressGroups(),
        clock: @escaping @Sendable () -> UInt64 = Self.monotonicMilliseconds
    ) {
        self.registrar = registrar
        self.authenticator = authenticator
        self.dictionaries = dictionaries
        self.dispatcher = dispatcher
        self.permissions = permissions
        self.clock = clock
    }

    /// CLOCK_MONOTONIC, as workers read it.
    public static func monotonicMilliseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000 + UInt64(now.tv_nsec) / 1_000_000
    }
}
