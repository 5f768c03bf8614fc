internal import ProxyCore
internal import Reactor
internal import SIPMessage

extension SIPBindings {
    static let registrar = BindingGroup(
        "registrar", "The registrar and its location table, which all workers share and a reload keeps.",
        [
            .function(
                "save", [.object("req", ["request"])],
                options: [
                    .boolean(
                        "nat",
                        "Reach contacts that name another host than the REGISTER came from where it came from: they are behind address translation. Without effect when it came through another proxy."
                    ).optional
                ],
                returns: "boolean", phases: .onRequest,
                "Carries out a REGISTER and answers it (RFC 3261 §10.3). True when it was accepted.",
                RegistrarBindings.save),
            .function(
                "lookup", [BindingParameter("uri", .string, summary: "An address of record.").orObject(["uri"])],
                returns: "table[]", phases: .requests,
                "Where an address of record is registered, best first: a list for `targets`, of tables with `uri`, `q` (0…1), `expires` (seconds left) and, for contacts saved with `nat`, `to`. Empty when there is none.",
                RegistrarBindings.lookup),
        ])
}

enum RegistrarBindings {
    static func save(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        try DecisionBindings.checkUndecided(call, "registrar.save")
        let host = call.sip
        let request = host.pointee.currentRequest
        guard request.message.pointee.method == .register else {
            throw ScriptFailure("registrar.save: the request is no REGISTER; ask req.method first")
        }
        try host.pointee.synchronise()
        let isAccepted = request.register(with: host.pointee.services.registrar, keepsSource: call.boolean(1))
        return call.returnBoolean(isAccepted)
    }

    static func lookup(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let host = call.sip
        var text = call.bytes(0) ?? .none
        if let object = call.object(0) {
            text = try URIReference(host, SIPPart(rawValue: object.part) ?? .request)?.text ?? .none
        }
        let request = host.pointee.currentRequest
        let contacts = request.contacts(of: text, in: host.pointee.services.registrar)
        return call.returnValue(.list(contacts.map { value($0, now: request.now) }))
    }

    /// In the form that `to` takes.
    private static func place(_ address: SocketAddress) -> String {
        address.transport == .udp ? "\(address)" : "sip:\(address);transport=\(address.transport.name)"
    }

    private static func value(_ contact: ContactBinding, now: UInt64) -> ScriptValue {
        var fields: [String: ScriptValue] = [
            "uri": .string(String(decoding: contact.uri, as: UTF8.self)),
            "q": .number(Double(contact.preference) / 1_000),
            "expires": .integer(Int64(contact.secondsLeft(at: now))),
        ]
        if !contact.source.isNone { fields["to"] = .string(place(contact.source)) }
        return .record(fields)
    }
}
