public import Reactor
internal import SIPMessage

/// One place where an address of record can be reached: what a user agent registered (RFC 3261 §10).
public struct ContactBinding: Sendable, Equatable {
    /// The contact's URI without headers, as it was registered.
    public var uri: [UInt8]
    /// Preference in thousandths, 0…1000; nil: not given.
    public var q: Int?
    /// Milliseconds of the workers' clock.
    public var expiresAt: UInt64
    /// Who registered it, and in which order (§10.3 step 7).
    public var callID: [UInt8]
    public var cSeq: UInt32
    /// Where the REGISTER came from, when requests are to go there whatever the URI says; else `.none`.
    public var source: SocketAddress

    /// Longest contact URI, in bytes.
    public static let uriBytesMax = 512
    /// Longest Call-ID, in bytes.
    public static let callIDBytesMax = 512

    public init(
        uri: [UInt8], q: Int? = nil, expiresAt: UInt64, callID: [UInt8], cSeq: UInt32, source: SocketAddress = .none
    ) {
        self.uri = uri
        self.q = q
        self.expiresAt = expiresAt
        self.callID = callID
        self.cSeq = cSeq
        self.source = source
    }

    /// Whether a text can be kept as a contact: a sip or sips URI without headers, and without what would end a line or
    /// a `<…>`, since it goes into responses and start lines.
    public static func isUsable(_ text: some Collection<UInt8>) -> Bool {
        guard text.count <= uriBytesMax,
            !text.contains(where: { $0 <= 32 || $0 == 127 || $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: ">") })
        else { return false }
        return Array(text).withUnsafeBytes { bytes in
            guard let uri = SIPURI.parse(ByteRange(0, bytes.count), in: bytes) else { return false }
            return (uri.scheme == .sip || uri.scheme == .sips) && uri.headers.isAbsent
        }
    }

    /// A contact without q is as good as the best.
    public var preference: Int { q ?? 1_000 }

    /// Whole seconds that are left, at least one.
    public func secondsLeft(at now: UInt64) -> Int {
        expiresAt > now ? Int((expiresAt - now + 999) / 1_000) : 1
    }
}
