internal import ProxyCore

extension SIPBindings {
    static let dialog = BindingGroup(
        "dialog", "Calls from their INVITE to their BYE, over all workers; a reload keeps them.",
        [
            .function(
                "track", [.object("req", ["request"])],
                options: [
                    .string("key", "What the dialog is counted under, for example a user or a trunk.").optional,
                    .integer(
                        "limit", 0...Int64(UInt32.max), "Dialogs that the key may have, this one included."
                    ).optional,
                    .integer(
                        "max_duration", 1...31_536_000,
                        "Seconds from the answer on after which it ends; without it 12 hours."
                    ).optional,
                    .boolean("bye_on_timeout", "Send BYE to both sides when that has passed.").optional,
                    .boolean("cdr", "Make an accounting record, a row of `cdrs`, when it has been answered and ends.")
                        .optional,
                    AccountingBindings.extraOption,
                    .choice(
                        "by", ["here", "holder"],
                        "Who tracks it: this proxy, which holds the INVITE for it; or, of a chain of proxies that share state and all ask for this, the one that comes to hold the INVITE anyway. `holder` goes with no `limit`."
                    ).optional,
                ],
                returns: "boolean, string?", phases: .onRequest,
                "Tracks the dialog that an INVITE begins: the proxy stays on its path and holds the INVITE. False when it is not tracked, and why: \"limit\" when the key has as many as it may have, \"full\" when limits.dialogs is reached.",
                DialogBindings.track),
            .function(
                "count", [.string("key", "As given to track.")], returns: "integer", phases: .requests,
                "Dialogs of that key now; those included whose INVITE is under way.",
                DialogBindings.count),
        ])
}

enum DialogBindings {
    /// Longest key, in bytes.
    static let keyBytesMax = 256

    /// Arguments: req, key, limit, max_duration, bye_on_timeout, cdr, extra, by.
    static func track(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        try DecisionBindings.checkUndecided(call, "dialog.track")
        var options = DialogOptions()
        if let key = call.bytes(1) { options.key = try checked(key, "dialog.track") }
        if !call.isNull(2) {
            guard !options.key.isEmpty else {
                throw ScriptFailure("dialog.track: limit needs a key, which says whose dialogs it counts")
            }
            options.limit = Int(call.integer(2))
        }
        if !call.isNull(3) { options.durationMilliseconds = UInt64(call.integer(3)) * 1_000 }
        options.byeOnTimeout = call.boolean(4)
        options.isAccounted = call.boolean(5)
        if options.isAccounted { try call.sip.pointee.synchronise() }
        let given = try AccountingBindings.given(call, 6, "dialog.track")
        let isByHolder = call.integer(7) == 1
        guard !isByHolder || options.limit == nil else {
            throw ScriptFailure(
                "dialog.track: limit goes with by = \"here\" only: no proxy of a chain knows how many the others track")
        }
        let request = call.sip.pointee.currentRequest
        let admission =
            isByHolder
            ? request.trackDialogWhereHeld(options, given: given) : request.trackDialog(options, given: given)
        switch admission {
        case .tracked: return call.returnBoolean(true)
        case .limitReached: return refused(call, "limit")
        case .tableFull: return refused(call, "full")
        case .noInitialInvite:
            throw ScriptFailure(
                "dialog.track: only an INVITE without a To tag begins a dialog; ask req.method and req:has_to_tag() first"
            )
        case .trackedBefore: throw ScriptFailure("dialog.track: the dialog is tracked already")
        }
    }

    static func count(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let key = try checked(call.bytes(0) ?? .none, "dialog.count")
        return key.withUnsafeBytes { call.returnInteger(call.sip.pointee.currentRequest.dialogCount(of: $0)) }
    }

    private static func refused(_ call: borrowing ScriptCall, _ why: StaticString) -> BindingOutcome {
        call.returnBoolean(false)
        return call.returnLiteral(why)
    }

    private static func checked(
        _ key: UnsafeRawBufferPointer, _ caller: StaticString
    ) throws(ScriptFailure) -> [UInt8] {
        guard (1...keyBytesMax).contains(key.count) else {
            throw ScriptFailure("\(caller): a key is 1…\(keyBytesMax) bytes, got \(key.count)")
        }
        return Array(key)
    }
}
