internal import CLuaShim
internal import ProxyCore
internal import Reactor
internal import SIPMessage

/// relay, forward, fork, reply, drop: noted in the context and carried out when the handler has ended.
enum DecisionBindings {
    static let stateNames = ["auto", "stateful", "stateless"]
    /// In the order of `TargetOrder`.
    static let orderNames = ["parallel", "serial", "q", "failover"]

    /// Bytes of the headers that `reply` adds.
    static let replyHeadersBytesMax = 8_192

    // MARK: Forwarding

    /// Arguments: to, targets, state, on_failure, on_reply, on_branch, order, answer_timeout.
    static func relay(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if isOver(call) { return .done }
        try checkUndecided(call, "req:relay")
        let demand: StateDemand =
            switch call.integer(2) {
            case 1: .stateful
            case 2: .stateless
            default: .auto
            }
        try checkHeld(call, demand, "req:relay")
        let hasTargets = !call.isNull(1)
        let hasHandlers = !call.isNull(3) || !call.isNull(4) || !call.isNull(5)
        if demand == .stateless {
            guard call.sip.pointee.currentRequest.failureCode == 0 else {
                throw ScriptFailure("req:relay: after a failure the transaction is held already; leave state out")
            }
            guard !hasHandlers else {
                throw ScriptFailure(
                    "req:relay: on_failure, on_reply and on_branch need state, and state = \"stateless\" rules it out")
            }
            guard call.isNull(7) else {
                throw ScriptFailure("req:relay: answer_timeout needs state, and state = \"stateless\" rules it out")
            }
            guard (call.listCount(1) ?? 0) <= 1 else {
                throw ScriptFailure("req:relay: several targets need state, and state = \"stateless\" rules it out")
            }
        }
        let nextHop = try nextHop(call, 0, "req:relay")
        if hasTargets { try addTargets(call, 1, "req:relay") }
        keepHandlers(call, first: 3)
        let request = call.sip.pointee.currentRequest
        request.stateDemand = demand
        request.targetOrder = TargetOrder(rawValue: UInt8(truncatingIfNeeded: call.integer(6))) ?? .parallel
        request.answerMilliseconds = UInt32(truncatingIfNeeded: call.integer(7))
        request.relay(nextHop: nextHop)
        return .done
    }

    /// Relays now, and goes on when the final response is there; arguments: to, targets, order, answer_timeout.
    static func relayAndWait(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if isOver(call) { return call.returnInteger(call.sip.pointee.currentRequest.answeredCode) }
        try checkUndecided(call, "req:relay_and_wait")
        try WaitBindings.checkMayWait(call, "req:relay_and_wait")
        let nextHop = try nextHop(call, 0, "req:relay_and_wait")
        if !call.isNull(1) { try addTargets(call, 1, "req:relay_and_wait") }
        let request = call.sip.pointee.currentRequest
        request.targetOrder = TargetOrder(rawValue: UInt8(truncatingIfNeeded: call.integer(2))) ?? .parallel
        request.answerMilliseconds = UInt32(truncatingIfNeeded: call.integer(3))
        request.relay(nextHop: nextHop)
        call.sip.pointee.wait = PendingWait(.outcome)
        return .wait
    }

    static func forward(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if isOver(call) { return .done }
        try checkUndecided(call, "req:forward")
        try checkHeld(call, .stateless, "req:forward")
        let nextHop = try nextHop(call, 0, "req:forward")
        let request = call.sip.pointee.currentRequest
        request.stateDemand = .stateless
        request.relay(nextHop: nextHop)
        return .done
    }

    /// Arguments: targets, to, on_failure, on_reply, on_branch.
    static func fork(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if isOver(call) { return .done }
        try checkUndecided(call, "req:fork")
        let nextHop = try nextHop(call, 1, "req:fork")
        try addTargets(call, 0, "req:fork")
        keepHandlers(call, first: 2)
        let request = call.sip.pointee.currentRequest
        request.stateDemand = .stateful
        request.relay(nextHop: nextHop)
        return .done
    }

    private static func addTargets(
        _ call: borrowing ScriptCall, _ index: Int, _ caller: StaticString
    ) throws(ScriptFailure) {
        let request = call.sip.pointee.currentRequest
        let count = call.listCount(index) ?? 0
        guard count > 0 else {
            throw ScriptFailure("\(caller): the list of targets is empty; reply 404 or so when there are none")
        }
        guard count <= request.targetsMax else {
            throw ScriptFailure("\(caller): \(count) targets (limit \(request.targetsMax))")
        }
        for element in 0..<count {
            do throws(ScriptFailure) {
                let target = try target(call, index, element, caller)
                guard
                    request.addTarget(
                        uri: target.uri, destination: target.destination, preference: target.preference)
                else {
                    throw ScriptFailure("\(caller): no room for the targets in this handler")
                }
            } catch {
                request.clearVerdict()
                throw error
            }
        }
    }

    /// An element of a list of targets: a URI, or a table such as `registrar.lookup` makes.
    private static func target(
        _ call: borrowing ScriptCall, _ index: Int, _ element: Int, _ caller: StaticString
    ) throws(ScriptFailure) -> Target {
        let item = call.argument(index).items[element]
        var target = Target(uri: item.type == UInt8(SV_BYTES) ? item.buffer : .none)
        if item.type == UInt8(SV_RECORD) {
            for field in 0..<item.count {
                let (name, value) = (item.items[2 * field].buffer, item.items[2 * field + 1])
                if name.equals(UnsafeRawBufferPointer("q" as StaticString)) {
                    target.preference = try preference(value, caller)
                }
                guard value.type == UInt8(SV_BYTES) else { continue }
                if name.equals(UnsafeRawBufferPointer("uri" as StaticString)) { target.uri = value.buffer }
                if name.equals(UnsafeRawBufferPointer("to" as StaticString)) {
                    target.destination = try destination(call, value.buffer, caller)
                }
            }
        }
        guard target.uri.count > 0 else {
            throw ScriptFailure(
                "\(caller): target \(element + 1) is neither a string nor a table with uri; targets are URIs such as \"sip:alice@192.0.2.1\", or tables { uri = …, to = … }"
            )
        }
        try URIBindings.check(target.uri, caller)
        return target
    }

    private static func preference(_ value: sv_value, _ caller: StaticString) throws(ScriptFailure) -> UInt16 {
        let q = value.type == UInt8(SV_INTEGER) ? Double(value.integer) : value.number
        guard value.type == UInt8(SV_INTEGER) || value.type == UInt8(SV_NUMBER), (0.0...1.0).contains(q) else {
            throw ScriptFailure("\(caller): q is a number from 0 to 1")
        }
        return UInt16((q * 1_000).rounded())
    }

    /// Keeps on_failure, on_reply and on_branch, which stand in this order. Nothing may fail afterwards: what is
    /// kept must reach the transaction.
    private static func keepHandlers(_ call: borrowing ScriptCall, first: Int) {
        let request = call.sip.pointee.currentRequest
        if let function = call.keepFunction(first) { request.handlers.onFailure = function.raw }
        if let function = call.keepFunction(first + 1) { request.handlers.onReply = function.raw }
        if let function = call.keepFunction(first + 2) { request.handlers.onBranch = function.raw }
    }

    /// Where `to` leads; `.none` when it was left out.
    private static func nextHop(
        _ call: borrowing ScriptCall, _ index: Int, _ caller: StaticString
    ) throws(ScriptFailure) -> SocketAddress {
        guard let text = call.bytes(index) else { return .none }
        let host = call.sip
        if text.count == host.pointee.lastHopCount,
            text.equals(UnsafeRawBufferPointer(rebasing: host.pointee.lastHopText[..<text.count])), text.count > 0
        {
            return host.pointee.lastHop
        }
        let address = try destination(call, text, caller)
        if text.count <= host.pointee.lastHopText.count {
            host.pointee.lastHopText.copyMemory(from: text)
            host.pointee.lastHopCount = text.count
            host.pointee.lastHop = address
        }
        return address
    }

    private static func destination(
        _ call: borrowing ScriptCall, _ text: UnsafeRawBufferPointer, _ caller: StaticString
    ) throws(ScriptFailure) -> SocketAddress {
        let address = resolve(call, text)
        guard !address.isNone, address.port != 0 else {
            throw ScriptFailure(
                "\(caller): to = \(text.quoted) cannot be resolved: write an IP address or a host of the configuration, with or without a port"
            )
        }
        return address
    }

    private static let hopBytesMax = 512

    private static func resolve(_ call: borrowing ScriptCall, _ text: UnsafeRawBufferPointer) -> SocketAddress {
        guard text.count > 0, text.count <= hopBytesMax else { return .none }
        // An IPv6 address without brackets would read as host and port.
        if let address = SocketAddress(ip: text, port: 5_060) { return address }
        let request = call.sip.pointee.currentRequest
        if isURI(text, "sip:") || isURI(text, "sips:") { return request.resolve(text) }
        var uri = ScratchText(call.scratch(byteCount: text.count + 4))
        uri.append("sip:")
        uri.append(text)
        return request.resolve(uri.bytes)
    }

    private static func isURI(_ text: UnsafeRawBufferPointer, _ scheme: StaticString) -> Bool {
        let count = scheme.utf8CodeUnitCount
        return text.count > count
            && equalIgnoringCase(text.part(ByteRange(0, count)), UnsafeRawBufferPointer(scheme))
    }

    // MARK: Answering

    static func reply(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if isOver(call) { return .done }
        try checkUndecided(call, "req:reply")
        let code = Int(call.integer(0))
        let lowest = call.sip.pointee.currentRequest.failureCode > 0 ? 300 : 200
        guard code >= lowest else {
            throw ScriptFailure(
                code < 200
                    ? "req:reply: scripts cannot send provisional replies yet: 200…699, got \(code)"
                    : "req:reply: after a failure a request can be answered with 300…699, got \(code)")
        }
        let reason = call.bytes(1) ?? .none
        guard reason.isSingleLine else { throw ScriptFailure("req:reply: the reason holds a line end or a zero byte") }
        let headers = try replyHeaders(call, 2)
        guard call.sip.pointee.currentRequest.reply(code: code, reason: reason, headers: headers) else {
            throw ScriptFailure("req:reply: no room for the reason and headers in this handler")
        }
        return .done
    }

    static func drop(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        if isOver(call) { return .done }
        try checkUndecided(call, "req:drop")
        call.sip.pointee.currentRequest.drop()
        return .done
    }

    /// Header lines of a table of names and values; a value may be a list of strings.
    private static func replyHeaders(
        _ call: borrowing ScriptCall, _ index: Int
    ) throws(ScriptFailure) -> UnsafeRawBufferPointer {
        let record = call.argument(index)
        guard record.type == UInt8(SV_RECORD), record.count > 0 else { return .none }
        var lines = ScratchText(call.scratch(byteCount: replyHeadersBytesMax))
        for field in 0..<record.count {
            let name = record.items[2 * field].buffer
            let value = record.items[2 * field + 1]
            try EditedHeader.check(name, HeaderName.identify(name), "req:reply: headers")
            if value.type == UInt8(SV_LIST) {
                for element in 0..<value.count { try appendLine(name, value.items[element], to: &lines) }
            } else {
                try appendLine(name, value, to: &lines)
            }
        }
        guard !lines.overflowed else {
            throw ScriptFailure("req:reply: the headers are too long (limit \(replyHeadersBytesMax) bytes)")
        }
        return lines.bytes
    }

    private static func appendLine(
        _ name: UnsafeRawBufferPointer, _ value: sv_value, to lines: inout ScratchText
    ) throws(ScriptFailure) {
        lines.append(name)
        lines.append(": ")
        switch Int(value.type) {
        case SV_BYTES:
            try EditedHeader.check(
                value: value.buffer, of: HeaderName.identify(name), "req:reply: headers")
            lines.append(value.buffer)
        case SV_INTEGER: lines.append(decimal: value.integer)
        default:
            throw ScriptFailure(
                "req:reply: header \(name.quoted): a value is a string, an integer or a list of strings")
        }
        lines.append("\r\n")
    }

    // MARK: One decision

    /// A tracked dialog is known by the transaction of its INVITE, and a record comes with the answer.
    private static func checkHeld(
        _ call: borrowing ScriptCall, _ demand: StateDemand, _ caller: StaticString
    ) throws(ScriptFailure) {
        guard demand == .stateless else { return }
        let request = call.sip.pointee.currentRequest
        guard request.tracksDialog || request.isAccounted else { return }
        let what = request.tracksDialog ? "a tracked dialog" : "a request that is to be accounted"
        throw ScriptFailure("\(caller): \(what) needs state; relay it without state = \"stateless\"")
    }

    /// Whether the request got its final response while the handler waited: by CANCEL, for example, which is no mistake of
    /// the script's. Decisions have no effect then.
    private static func isOver(_ call: borrowing ScriptCall) -> Bool { call.sip.pointee.currentRequest.isAnswered }

    static func checkUndecided(
        _ call: borrowing ScriptCall, _ caller: StaticString
    ) throws(ScriptFailure) {
        let request = call.sip.pointee.currentRequest
        switch request.verdict {
        case .none, .wait: return
        case .relay: throw ScriptFailure("\(caller): already decided to relay")
        case .reply: throw ScriptFailure("\(caller): already decided to reply \(request.replyCode)")
        case .drop: throw ScriptFailure("\(caller): already decided to drop")
        }
    }
}
