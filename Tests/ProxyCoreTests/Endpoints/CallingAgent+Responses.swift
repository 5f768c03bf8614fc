import SIPMessage
import SIPTransaction

// Responses: matched by the branch (RFC 3261 §17.1.3), which holds the call's number.
extension CallingAgent {
    func receivedResponse(now: UInt64) {
        let branch = message.pointee.bytes(message.pointee.topVia.branch)
        let call = leadingNumber(branch, skipping: 8) - firstNumber
        // Exactly one Via must be left: ours.
        let isAlone =
            message.pointee.topViaElement.isLast
            && message.pointee.next(after: message.pointee.topViaElement.headerIndex) < 0
        guard branch.count > 10, calls.indices.contains(call), isAlone else {
            strayResponses += 1
            return
        }
        let code = message.pointee.statusCode
        let isBye = branch[branch.count - 1] == UInt8(ascii: "b")
        switch message.pointee.cSeqMethod {
        case .invite: receivedForInvite(call, code, now: now)
        case .cancel: _ = calls[call].cancel?.handle(code < 200 ? .provisional : .final, timers: timers, now: now)
        case .bye where isBye:
            let actions = calls[call].bye?.handle(code < 200 ? .provisional : .final, timers: timers, now: now) ?? []
            if actions.contains(.deliver), code >= 200 { calls[call].byeCode = code }
        default: receivedForOther(call, code, now: now)
        }
        ask(call)
    }

    private func receivedForOther(_ call: Int, _ code: Int, now: UInt64) {
        if code == 408 { lateTimeouts += 1 }
        let actions = calls[call].other?.handle(code < 200 ? .provisional : .final, timers: timers, now: now) ?? []
        if actions.contains(.deliver), code >= 200 { finish(call, code) }
    }

    private func receivedForInvite(_ call: Int, _ code: Int, now: UInt64) {
        guard var machine = calls[call].invite else {
            strayResponses += 1
            return
        }
        let actions = machine.handle(
            code < 200 ? .provisional : code < 300 ? .success : .failure, timers: timers, now: now)
        calls[call].invite = machine
        if actions.contains(.acknowledge) { sendAckForFailure(call) }
        guard actions.contains(.deliver) else { return }
        if code < 200 {
            let wantedToCancel = !calls[call].hasProvisional && calls[call].kind.cancelsAfter != nil
            calls[call].hasProvisional = true
            // The wish to hang up that waited for a provisional response.
            if wantedToCancel, calls[call].cancelAt == .max { hangUpEarly(call, now: now) }
        } else if code < 300 {
            answered(call, now: now)
        } else {
            finish(call, code)
        }
    }

    /// The first success makes the dialog; each one is acknowledged (§13.2.2.4).
    private func answered(_ call: Int, now: UInt64) {
        if calls[call].remote.isEmpty {
            finish(call, message.pointee.statusCode)
            calls[call].remote = Array(message.pointee.bytes(message.pointee.to))
            keepContact(call)
            keepRoutes(call)
            calls[call].byeAt = now + talkMilliseconds
        }
        sendAckForSuccess(call)
    }

    private func keepContact(_ call: Int) {
        guard let contact = NameAddress.parse(message.pointee.value(.contact), in: message.pointee.bytes) else {
            return
        }
        calls[call].contact = Array(message.pointee.bytes(contact.uri))
    }

    /// §12.1.2: the route set is Record-Route in reverse.
    private func keepRoutes(_ call: Int) {
        var values: [[UInt8]] = []
        var cursor = message.pointee.elements(of: .recordRoute)
        while let element = cursor.next(in: message.pointee) {
            values.append(Array(message.pointee.bytes(element.value)))
        }
        var lines: [UInt8] = []
        for value in values.reversed() {
            lines += Array("Route: ".utf8) + value + [13, 10]
        }
        calls[call].routes = lines
    }
}
