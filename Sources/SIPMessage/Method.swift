/// Request methods that the core tells apart (RFC 3261 and its extensions). Everything else is `other`,
/// whose name stays in the message's bytes and is forwarded untouched.
@frozen
public enum Method: UInt8, Sendable, CaseIterable {
    case other
    case invite, ack, bye, cancel, options, register
    case prack, subscribe, notify, publish, info, refer, message, update

    /// The name on the wire; empty for `other`.
    public var name: StaticString {
        switch self {
        case .other: ""
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .publish: "PUBLISH"
        case .info: "INFO"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .update: "UPDATE"
        }
    }

    /// The method with this name. Method names are case-sensitive (RFC 3261 §7.1).
    public static func identify(_ name: UnsafeRawBufferPointer) -> Method {
        guard let view = ByteView(name) else { return .other }
        return identify(in: view, from: 0, to: view.count)
    }

    static func identify(in view: ByteView, from start: Int, to end: Int) -> Method {
        let length = end &- start
        guard length >= 3, length <= 9 else { return .other }
        var key: UInt64 = 0
        if start &+ 8 <= view.count {
            key = view.word(at: start)
            if length < 8 { key &= (1 &<< UInt64(length &* 8)) &- 1 }
        } else {
            for index in 0..<length { key |= UInt64(view[start &+ index]) &<< UInt64(index &* 8) }
        }
        switch length {
        case 3:
            if key == word("ACK") { return .ack }
            if key == word("BYE") { return .bye }
        case 4:
            if key == word("INFO") { return .info }
        case 5:
            if key == word("PRACK") { return .prack }
            if key == word("REFER") { return .refer }
        case 6:
            if key == word("INVITE") { return .invite }
            if key == word("CANCEL") { return .cancel }
            if key == word("NOTIFY") { return .notify }
            if key == word("UPDATE") { return .update }
        case 7:
            if key == word("OPTIONS") { return .options }
            if key == word("PUBLISH") { return .publish }
            if key == word("MESSAGE") { return .message }
        case 8:
            if key == word("REGISTER") { return .register }
        default:
            if key == word("SUBSCRIB"), view[end &- 1] == UInt8(ascii: "E") { return .subscribe }
        }
        return .other
    }
}
