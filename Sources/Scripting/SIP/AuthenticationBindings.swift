internal import ProxyCore
internal import SIPMessage

extension SIPBindings {
    static let auth = BindingGroup(
        "auth", "Who sends a request: digest authentication against the subscribers of the configuration.",
        [
            .function(
                "require", [.object("req", ["request"])],
                options: [
                    .string("realm", "What the password is for, mostly a domain. Without it the host of From's URI.")
                        .optional,
                    .boolean("proxy", "407 and Proxy-Authorization; without it so for all methods but REGISTER.")
                        .optional,
                ],
                returns: "string?", phases: .onRequest,
                "The name that the request's credentials prove, without which it answers 401 or 407 and returns nil. \"\" for ACK and CANCEL, which cannot be challenged.",
                AuthenticationBindings.require)
        ])
}

enum AuthenticationBindings {
    /// Longest realm, in bytes.
    static let realmBytesMax = 128

    static func require(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        try DecisionBindings.checkUndecided(call, "auth.require")
        let host = call.sip
        try host.pointee.synchronise()
        let request = host.pointee.currentRequest
        let isRegister = request.message.pointee.method == .register
        let realm = try realm(call)
        let identification = request.authenticate(
            with: host.pointee.services.authenticator, realm: realm,
            isProxy: call.boolean(2, default: !isRegister))
        switch identification {
        case .answered: return call.returnNull()
        case .unchallenged: return call.returnLiteral("")
        case .user(let name):
            // The credentials were taken out: a later read of headers sees that.
            host.pointee.markEdited(HeaderName.authorization.touchedBit | HeaderName.proxyAuthorization.touchedBit)
            return call.returnString(String(decoding: name, as: UTF8.self))
        }
    }

    private static func realm(_ call: borrowing ScriptCall) throws(ScriptFailure) -> [UInt8] {
        var realm = Array(call.bytes(1) ?? .none)
        if call.isNull(1), let uri = try URIReference(call.sip, .from) {
            realm = uri.part(uri.value.host).map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
        }
        guard (1...realmBytesMax).contains(realm.count),
            realm.allSatisfy({ $0 >= 32 && $0 != 127 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
        else {
            throw ScriptFailure(
                "auth.require: the realm is 1…\(realmBytesMax) characters without quotes and backslashes, such as \"example.com\""
            )
        }
        return realm
    }
}
