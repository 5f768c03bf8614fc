/// Request methods that the core tells apart (RFC 3261 and its extensions). Everything else is `other`,
/// whose name stays in the message's bytes and is forwarded untouched.
@frozen
public enum Method: UInt8, Sendable, CaseIterable {
    case other
    case invite, ack, bye, cancel, options, register
    case prack, subscribe, notify, publish, info, refer, message, update
}
