internal import ProxyCore
internal import SIPMessage

extension SIPBindings {
    static let reply = BindingGroup(
        "reply", "A response on its way back. It may be edited, not answered.",
        [
            .readOnly("code", "integer", phases: .onReply, "The status code.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnInteger(call.sip.pointee.current.pointee.statusCode)
            },
            .readOnly("reason", "string", phases: .onReply, "The reason phrase.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                let message = call.sip.pointee.current
                return call.returnBytes(message.pointee.bytes(message.pointee.reasonPhrase))
            },
            .readOnly(
                "is_stateful", "boolean", phases: .onReply, "Whether the request's transaction is held here."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnBoolean(call.sip.pointee.currentResponse.isStateful)
            },
            .method("drop", phases: .onReply, "Keeps a provisional reply (101…199) back. Final ones always go on.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                let code = call.sip.pointee.current.pointee.statusCode
                guard code < 200 else {
                    throw ScriptFailure(
                        "reply:drop: a final reply (\(code)) cannot be dropped, the caller waits for it")
                }
                call.sip.pointee.currentResponse.isDropped = true
                return .done
            },
        ] + MessageBindings.members(phases: .onReply))
}
