internal import ProxyCore
internal import Reactor
internal import SIPMessage

/// The objects and functions that routing scripts see.
///
/// The one source of registration, argument checks and `docs/scripting-reference.md`.
public enum SIPBindings {
    public static let table = BindingTable(
        kinds: [request, reply, uri, address, headers, view, dictionary],
        namespaces: [acc, auth, dialog, dispatcher, log, permissions, registrar, servartuka, timer, globals])
}

/// Kinds of objects, numbered as in `SIPBindings.table`.
enum SIPKind: UInt8 {
    case request
    case reply
    case uri
    case address
    case headers
    case view
    case dictionary
}

/// Which address or URI of a message an object of kind `uri` or `address` is.
enum SIPPart: UInt8 {
    case request
    case from
    case to
    case contact
}

extension ScriptPhases {
    /// Where requests may be changed.
    static let editsRequests: ScriptPhases = [.onRequest, .onBranch, .onFailure]
    /// Where messages may be changed.
    static let edits: ScriptPhases = [.editsRequests, .onReply]
    /// Where a request is at hand.
    static let requests: ScriptPhases = [.editsRequests, .chooseStateMode]
    /// Where it is decided what becomes of a request.
    static let decides: ScriptPhases = [.onRequest, .onFailure]
}

extension BindingMember {
    /// A property that only documents its type.
    static func readOnly(
        _ name: String, _ returns: String, phases: ScriptPhases = .handlers, _ summary: String,
        _ get: @escaping BindingBody
    ) -> BindingMember {
        .property(name, BindingParameter(name, .string), returns: returns, phases: phases, summary, get: get)
    }
}

// MARK: What requests and replies have in common

enum MessageBindings {
    static func members(phases: ScriptPhases) -> [BindingMember] {
        [
            .readOnly("method", "string", phases: phases, "The request's method; of a reply the one it answers.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                let message = call.sip.pointee.current
                return call.returnBytes(message.pointee.bytes(message.pointee.methodName))
            },
            .readOnly("from", "address", phases: phases, "The From header, which a proxy may not change.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnPart(kind: SIPKind.address.rawValue, part: SIPPart.from.rawValue)
            },
            .readOnly("to", "address", phases: phases, "The To header, which a proxy may not change.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnPart(kind: SIPKind.address.rawValue, part: SIPPart.to.rawValue)
            },
            .readOnly("contact", "address?", phases: phases, "The first Contact; nil without one or for `*`.", contact),
            .readOnly("headers", "headers", phases: phases, "The header fields.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnPart(kind: SIPKind.headers.rawValue)
            },
            .readOnly("call_id", "string", phases: phases, "The Call-ID.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                let message = call.sip.pointee.current
                return call.returnBytes(message.pointee.bytes(message.pointee.callID))
            },
            .readOnly("cseq", "integer", phases: phases, "The number of the CSeq.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnInteger(Int(call.sip.pointee.current.pointee.cSeqNumber))
            },
            .readOnly("cseq_method", "string", phases: phases, "The method of the CSeq.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                let message = call.sip.pointee.current
                return call.returnBytes(message.pointee.bytes(message.pointee.cSeqMethodName))
            },
            .property(
                "body", .string("body"), returns: "string", phases: phases, writePhases: phases.intersection(.edits),
                "What follows the headers. A new one gets its Content-Length; Content-Type is yours to set.",
                get: body, set: setBody),
            .readOnly("message", "string", phases: phases, "All of the message as it stands.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                try call.sip.pointee.synchronise()
                return call.returnBytes(call.sip.pointee.current.pointee.bytes)
            },
            .readOnly("size", "integer", phases: phases, "Bytes of the message as it came, or as last edited.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnInteger(call.sip.pointee.current.pointee.byteCount)
            },
            .readOnly("source_ip", "string", phases: phases, "Where the message came from: the IP address.", sourceIP),
            .readOnly("source_port", "integer", phases: phases, "Where the message came from: the port.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnInteger(Int(call.sip.pointee.source.port))
            },
            .readOnly(
                "source_transport", "string", phases: phases,
                "How the message came: \"udp\", \"tcp\", \"tls\", \"ws\" or \"wss\"."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnBytes(UnsafeRawBufferPointer(call.sip.pointee.source.transport.name))
            },
        ]
    }

    private static func contact(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        guard try AddressReference(call.sip, .contact) != nil else { return call.returnNull() }
        return call.returnPart(kind: SIPKind.address.rawValue, part: SIPPart.contact.rawValue)
    }

    private static func body(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        try call.sip.pointee.refresh(HeaderName.bodyBit)
        return call.returnBytes(call.sip.pointee.current.pointee.body)
    }

    /// Bodies above this are written into the message at once, for they would fill the list of edits.
    private static let gatheredBodyBytesMax = 4_096

    private static func setBody(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let host = call.sip
        let body = call.bytes(0) ?? .none
        guard body.count < MessageEdits.arenaBytesMax - 64 else {
            throw ScriptFailure("a body of \(body.count) bytes does not fit a datagram")
        }
        let isLarge = body.count > gatheredBodyBytesMax
        if isLarge { try host.pointee.synchronise() }
        let bits = HeaderName.bodyBit | HeaderName.contentLength.touchedBit
        try host.pointee.prepareEdits(2, byteCount: isLarge ? 0 : body.count, fresh: bits)
        host.pointee.edits?.pointee.replaceBody(with: body, of: host.pointee.current.pointee)
        host.pointee.markEdited(bits)
        if isLarge { try host.pointee.synchronise() }
        return .done
    }

    private static func sourceIP(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let room = call.scratch(byteCount: ScriptHost.addressTextBytesMax)
        let count = call.sip.pointee.source.writeIP(into: room)
        return call.returnBytes(UnsafeRawBufferPointer(rebasing: room[..<count]))
    }
}

// MARK: Parts

extension SIPBindings {
    static let address = BindingGroup(
        "address", "A From, To or Contact value. `tostring` does not show it: use `uri.text`.",
        [
            .readOnly("uri", "uri", "Its URI; read-only.") { (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnPart(kind: SIPKind.uri.rawValue, part: call.part)
            },
            .readOnly("display_name", "string?", "Without its quotes, escapes kept; nil without one.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                guard let address = try AddressReference(call) else { return call.returnNull() }
                return call.returnRange(address.value.displayName, of: address.bytes)
            },
            .readOnly("tag", "string?", "The tag parameter; nil without one.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                guard let address = try AddressReference(call) else { return call.returnNull() }
                return call.returnRange(address.value.tag, of: address.bytes)
            },
            .method(
                "param", [.string("name", "In any case.")], returns: "string?",
                "A parameter of the header; \"\" for one without a value, nil when it is absent."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                guard let address = try AddressReference(call), let name = call.bytes(0),
                    let value = address.value.parameter(name, in: address.bytes)
                else { return call.returnNull() }
                return call.returnRange(value, of: address.bytes, absentIsNull: false)
            },
        ])
}

/// A name-addr of the current message, and the bytes that its ranges are of.
struct AddressReference {
    let bytes: UnsafeRawBufferPointer
    let value: NameAddress

    init?(_ call: borrowing ScriptCall) throws(ScriptFailure) {
        try self.init(call.sip, SIPPart(rawValue: call.part) ?? .request)
    }

    /// Nil when there is none, or it can't be read.
    init?(_ host: UnsafeMutablePointer<ScriptHost>, _ part: SIPPart) throws(ScriptFailure) {
        switch part {
        case .request: return nil
        case .from: value = host.pointee.current.pointee.fromAddress
        case .to: value = host.pointee.current.pointee.toAddress
        case .contact:
            try host.pointee.refresh(HeaderName.contact.touchedBit)
            let message = host.pointee.current
            var cursor = message.pointee.elements(of: .contact)
            guard let element = cursor.next(in: message.pointee),
                let address = NameAddress.parse(element.value, in: message.pointee.bytes)
            else { return nil }
            value = address
        }
        bytes = host.pointee.current.pointee.bytes
    }
}

extension ScriptCall {
    /// A part of a message; nil when it is absent.
    @discardableResult
    func returnRange(
        _ range: ByteRange, of bytes: UnsafeRawBufferPointer, absentIsNull: Bool = true
    ) -> BindingOutcome {
        if absentIsNull, range.isAbsent { return returnNull() }
        return returnBytes(UnsafeRawBufferPointer(rebasing: bytes[range.start..<range.end]))
    }
}
