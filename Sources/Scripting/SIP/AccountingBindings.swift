internal import CLuaShim
internal import ProxyCore

extension SIPBindings {
    static let acc = BindingGroup(
        "acc", "Records of transactions, for bills and statistics, in the sinks of `accounting:`.",
        [
            .function(
                "request", [.object("req", ["request"])],
                options: [
                    .boolean("missed", "A failed INVITE makes a row of `missed_calls`.").optional,
                    .boolean(
                        "early",
                        "The first provisional response with a body (early media) makes a row of `acc` as well."
                    ).optional,
                    .boolean(
                        "failed",
                        "Whether a failure makes a row of `acc`. When left out it does unless it makes one of `missed_calls`."
                    ).optional,
                    .boolean("answered", "Whether a 2xx makes a row of `acc`; true when left out.").optional,
                    AccountingBindings.extraOption,
                ],
                returns: "boolean", phases: .onRequest,
                "Marks the request: a record is made of it when its final response goes back. It is held here from then on, whatever the policy. False for ACK and CANCEL, and where there is no sink.",
                AccountingBindings.request),
            .function(
                "log",
                [
                    .object("req", ["request"]), .string("text", "The column `sip_reason`."),
                    .integer("code", 100...699, "The column `sip_code`; 200 when left out.").optional,
                ],
                options: [
                    .boolean("missed", "A row of `missed_calls` rather than `acc`.").optional,
                    AccountingBindings.extraOption,
                ],
                phases: .requests,
                "Makes a record of the request at once, whatever becomes of it; one of each retransmission too if the request is not held here.",
                AccountingBindings.log),
        ])
}

enum AccountingBindings {
    static let extraOption = BindingParameter(
        "extra", .record, summary: "Values for columns of `accounting.fields`: name = string, number or boolean."
    ).optional

    /// Arguments: req, missed, early, failed, answered, extra.
    static func request(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        try DecisionBindings.checkUndecided(call, "acc.request")
        var options: AccountingOptions = call.boolean(4, default: true) ? [.answered] : []
        if call.boolean(1) { options.insert(.missed) }
        if call.boolean(2) { options.insert(.early) }
        if call.boolean(3, default: !call.boolean(1)) { options.insert(.failedInvite) }
        if call.boolean(3, default: true) { options.insert(.failedOther) }
        try call.sip.pointee.synchronise()
        let given = try given(call, 5, "acc.request")
        return call.returnBoolean(call.sip.pointee.currentRequest.account(options, given: given))
    }

    /// Arguments: req, text, code, missed, extra.
    static func log(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        try call.sip.pointee.synchronise()
        let given = try given(call, 4, "acc.log")
        call.sip.pointee.currentRequest.writeRecord(
            code: Int(call.integer(2, default: 200)), reason: call.bytes(1) ?? .none, isMissedCall: call.boolean(3),
            given: given)
        return .done
    }

    /// The values that the script gives, by the number of the field.
    static func given(
        _ call: borrowing ScriptCall, _ index: Int, _ caller: StaticString
    ) throws(ScriptFailure) -> RequestContext.GivenValues {
        let record = call.argument(index)
        guard record.type == UInt8(SV_RECORD), record.count > 0,
            let fields = call.sip.pointee.currentRequest.accountingFields
        else { return [:] }
        var given: RequestContext.GivenValues = [:]
        for entry in 0..<record.count {
            let name = record.items[2 * entry].buffer
            guard let field = fields.firstIndex(where: { name.elementsEqual($0.name.utf8) }) else {
                let names = fields.map(\.name).joined(separator: ", ")
                throw ScriptFailure(
                    "\(caller): extra: \(name.quoted) is no field of accounting.fields; \(names.isEmpty ? "there is none" : "there are \(names)")"
                )
            }
            given[field] = try text(record.items[2 * entry + 1], name, caller)
        }
        return given
    }

    private static func text(
        _ value: sv_value, _ name: UnsafeRawBufferPointer, _ caller: StaticString
    ) throws(ScriptFailure) -> [UInt8] {
        switch Int(value.type) {
        case SV_BYTES: return Array(value.buffer)
        case SV_INTEGER: return Array("\(value.integer)".utf8)
        case SV_NUMBER: return Array("\(value.number)".utf8)
        case SV_BOOLEAN: return Array((value.integer != 0 ? "true" : "false").utf8)
        default:
            throw ScriptFailure("\(caller): extra: \(name.quoted): a value is a string, a number or a boolean")
        }
    }
}
