/// What is asked of the HTTP requests by which WebSocket connections begin.
public struct WebSocketSettings: Sendable, Equatable {
    /// The only path that is served; nil: any.
    public var path: String?
    /// Origins whose pages may connect (RFC 6454 §6.2), lower case; empty: any, and clients without one.
    public var origins: [String] = []
    /// How long a connection may take until it speaks SIP, the TLS handshake included.
    public var upgradeMilliseconds: Int64 = 5_000

    public init() {}
}
