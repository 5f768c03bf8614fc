/// A URI's parts (RFC 3261 §19.1, RFC 3966): ranges of the bytes it was read from.
@frozen
public struct SIPURI: Equatable, Sendable {
    @frozen
    public enum Scheme: UInt8, Sendable, CaseIterable {
        case sip, sips, tel
        /// Known by its text only; of the parts only `schemeName` is read.
        case other
    }

    public var scheme = Scheme.other
    public var schemeName = ByteRange.absent
    /// Of a tel URI: the number. Absent when the URI has no userinfo.
    public var user = ByteRange.absent
    /// Absent without one; may be there and empty.
    public var password = ByteRange.absent
    /// An IPv6 address without its brackets. Absent in tel and other URIs.
    public var host = ByteRange.absent
    public var isIPv6Reference = false
    /// 0 when absent.
    public var port: UInt16 = 0
    /// From the first semicolon behind the host on. Absent without one.
    public var parameters = ByteRange.absent
    /// Behind the question mark. Absent without one.
    public var headers = ByteRange.absent
    /// The host with its brackets, and the port: what a next hop is made of.
    public var hostPort = ByteRange.absent

    @inlinable
    public init() {}

    /// The value of a parameter: nil without it, empty for a flag.
    public func parameter(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> ByteRange? {
        ParameterCursor.find(UnsafeRawBufferPointer(name), in: parameters, of: bytes)
    }

    /// The same for a name from elsewhere.
    public func parameter(_ name: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> ByteRange? {
        ParameterCursor.find(name, in: parameters, of: bytes)
    }

    /// Whether the element it names routes loosely (RFC 3261 §19.1.1: the lr parameter).
    public func hasLooseRouting(in bytes: UnsafeRawBufferPointer) -> Bool {
        parameter("lr", in: bytes) != nil
    }
}
