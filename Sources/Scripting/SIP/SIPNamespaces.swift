internal import CLuaShim
internal import ProxyCore
internal import StatePolicy

extension SIPBindings {
    static let log = BindingGroup(
        "log", "Lines in the proxy's log, with the Call-ID of the message in hand. `print` writes at level info.",
        [
            logFunction("debug", .debug), logFunction("info", .info), logFunction("notice", .notice),
            logFunction("warning", .warning), logFunction("error", .error),
        ])

    private static func logFunction(_ name: String, _ level: ScriptLog.Level) -> BindingMember {
        var text = BindingParameter(
            "text", [.null, .boolean, .integer, .number, .string, .object], summary: "Any values; joined by spaces.")
        text.kinds = ["request", "reply", "uri", "address", "headers", "view"]
        return .function(name, [text], variadic: true, "Writes a line at level \(name).") {
            (call: borrowing ScriptCall) throws(ScriptFailure) in
            try LogBindings.write(call, level)
        }
    }

    static let servartuka = BindingGroup(
        "servartuka", "The proxy itself.",
        [
            .function("version", returns: "string", "The version of the program.") {
                (call: borrowing ScriptCall) throws(ScriptFailure) in
                call.returnString(call.sip.pointee.version)
            },
            .function(
                "choose", [.object("req", ["request"]), .object("view", ["view"])],
                returns: "\"stateful\"|\"stateless\"", phases: .chooseStateMode,
                "What the configured policy chooses: `choose_state_mode` may return it.", choose),
        ])

    private static func choose(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let host = call.sip
        // A policy counts what it is asked: once a request.
        let mode: StateMode
        if let choice = host.pointee.choice {
            mode = choice
        } else {
            guard let view = host.pointee.view else { preconditionFailure("choose_state_mode without a view") }
            mode = view.choose()
            host.pointee.choice = mode
        }
        switch mode {
        case .stateful: return call.returnLiteral("stateful")
        case .stateless: return call.returnLiteral("stateless")
        }
    }
}

enum LogBindings {
    static func write(_ call: borrowing ScriptCall, _ level: ScriptLog.Level) throws(ScriptFailure) -> BindingOutcome {
        let host = call.sip
        guard host.pointee.log.isEnabled(level) else { return .done }
        // What does not fit the line is cut off.
        var line = ScratchText(host.pointee.logLine)
        for index in 0..<call.argumentCount {
            if index > 0 { line.append(byte: UInt8(ascii: " ")) }
            try append(call, index, to: &line)
        }
        host.pointee.log.write(level, line.bytes, callID: host.pointee.callID)
        return .done
    }

    private static func append(
        _ call: borrowing ScriptCall, _ index: Int, to line: inout ScratchText
    ) throws(ScriptFailure) {
        let value = call.argument(index)
        switch Int(value.type) {
        case SV_BYTES: line.append(value.buffer)
        case SV_INTEGER: line.append(decimal: value.integer)
        case SV_NUMBER: line.append("\(value.number)")
        case SV_BOOLEAN: line.append(value.integer != 0 ? "true" : "false" as StaticString)
        case SV_OBJECT: try append(object: value, call, to: &line)
        default: line.append("nil" as StaticString)
        }
    }

    private static func append(
        object value: sv_value, _ call: borrowing ScriptCall, to line: inout ScratchText
    ) throws(ScriptFailure) {
        guard let kind = SIPKind(rawValue: value.kind) else { return }
        switch kind {
        case .uri, .address:
            let part = SIPPart(rawValue: UInt8(truncatingIfNeeded: value.part)) ?? .request
            guard let uri = try URIReference(call.sip, part) else { return line.append("nil" as StaticString) }
            line.append(uri.text)
        case .request, .reply, .headers, .view, .dictionary:
            line.append(SIPBindings.table.kinds[Int(value.kind)].name)
        }
    }
}
