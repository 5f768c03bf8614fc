public import Reactor

/// One place where an address of record can be reached: what a user agent registered (RFC 3261 §10).
public struct ContactBinding: Sendable, Equatable {
    /// The contact's URI without headers, as it was registered.
    public var uri: [UInt8]
    /// Preference in thousandths, 0…1000; nil: not given.
    public var q: Int?
    /// Milliseconds of the workers' clock.
    public var expiresAt: UInt64
    /// Who registered it, and in which order (§10.3 step 7).
    var callID: [UInt8]
    var cSeq: UInt32
    /// Where the REGISTER came from, when requests are to go there whatever the URI says; else `.none`.
    public var source: SocketAddress

    /// A contact without q is as good as the best.
    public var preference: Int { q ?? 1_000 }

    /// Whole seconds that are left, at least one.
    public func secondsLeft(at now: UInt64) -> Int {
        expiresAt > now ? Int((expiresAt - now + 999) / 1_000) : 1
    }
}
