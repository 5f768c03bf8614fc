/// How the end of a message is known (RFC 3261 §18.3).
@frozen
public enum Framing: Sendable {
    /// One datagram, one message: without Content-Length the body runs to its end, bytes past it are dropped.
    case datagram
    /// A byte stream: Content-Length is obligatory, more bytes may follow or be still to come.
    case stream
}

/// What a buffer held.
@frozen
public enum ParseOutcome: Equatable, Sendable {
    /// A whole message. `consumed` bytes belong to it: of a stream those up to the body's end, of a
    /// datagram all.
    case complete(consumed: Int)
    /// Line ends without a message: a keep-alive (RFC 5626 §3.5.1: four bytes ask for a pong, two are one),
    /// or an empty datagram. A stream's parse reports line ends before a message as this first.
    case keepAlive(consumed: Int)
    /// Stream only: the message goes on in bytes still to come.
    case incomplete
    /// More headers than `SIPMessage.headersMax`, a header section or a body past its limit. A request
    /// among them deserves 513; what fitted stays readable.
    case tooLarge
    /// Broken. What was indexed stays readable, so that a 4xx can be built from it.
    case malformed(ParseError)
}
