internal import ProxyCore

/// What a handler waits for, from its call until the core has put its request aside.
struct PendingWait {
    let wait: HandlerWait
    /// Begins what will wake the handler.
    let begin: ((WaitToken) -> Void)?

    init(_ wait: HandlerWait, begin: ((WaitToken) -> Void)? = nil) {
        self.wait = wait
        self.begin = begin
    }
}

extension SIPBindings {
    static let globals = BindingGroup(
        "", "",
        [
            .function(
                "sleep", [BindingParameter("seconds", [.integer, .number], summary: "At most 60.")],
                phases: .decides, waits: true,
                "Lets time pass. The request is held meanwhile, and other requests are handled.", WaitBindings.sleep)
        ])
}

enum WaitBindings {
    private static let secondsMax = 60.0

    static func sleep(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let seconds = call.number(0)
        guard seconds >= 0, seconds <= secondsMax else {
            throw ScriptFailure("sleep: seconds from 0 to \(Int(secondsMax)), got \(seconds)")
        }
        try checkMayWait(call, "sleep")
        call.sip.pointee.wait = PendingWait(.time(UInt64((seconds * 1_000).rounded(.up))))
        return .wait
    }

    /// What waits holds its request, so there must be a transaction for it, and the decision must still be open.
    static func checkMayWait(_ call: borrowing ScriptCall, _ caller: StaticString) throws(ScriptFailure) {
        let request = call.sip.pointee.currentRequest
        if request.isAnswered { return }
        guard request.mayWait else {
            throw ScriptFailure(
                "\(caller): ACK and CANCEL have no transaction that could wait; ask req.method first")
        }
        try DecisionBindings.checkUndecided(call, caller)
    }
}
