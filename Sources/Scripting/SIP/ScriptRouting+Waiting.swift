public import ProxyCore

// Handlers that wait and go on.
extension ScriptRouting {
    /// Leaves it to the core to hold the request until the handler goes on.
    func putAside(_ request: RequestContext, _ run: RunIdentifier) {
        guard let pending = host.pointee.wait else { preconditionFailure("a binding waits for nothing") }
        request.wait(pending.wait, handler: run.number)
    }

    public func waits(_ handler: UInt64, as token: WaitToken) {
        let pending = host.pointee.wait
        host.pointee.wait = nil
        pending?.begin?(token)
    }

    public func resume(_ request: RequestContext, _ handler: UInt64, _ result: WaitResult) {
        let run = RunIdentifier(number: handler)
        if isResting(at: request.now) {
            vm.abandon(run)
            request.noteScriptFailure()
            if request.failureCode == 0, !request.isAnswered { _ = request.reply(code: 503) }
            return
        }
        let previous = request.handlers
        host.pointee.begin(request, touched: 0, keepsOriginal: false)
        let status = vm.resume(run, values: Self.values(result))
        if request.isAnswered {
            concludeAnswered(request, status)
        } else if request.failureCode > 0 {
            concludeFailure(request, status, handlers: previous)
        } else {
            conclude(request, status)
        }
        host.pointee.end()
    }

    public func abandon(_ handler: UInt64) {
        host.pointee.wait = nil
        vm.abandon(RunIdentifier(number: handler))
    }

    private func concludeAnswered(_ request: RequestContext, _ status: RunStatus) {
        switch status {
        case .finished: break
        case .waiting(let run): putAside(request, run)
        case .failed, .killed:
            reportFailure(.onRequest, status, now: request.now)
            request.noteScriptFailure()
        }
    }

    /// What the call that waited returns.
    private static func values(_ result: WaitResult) -> [ScriptValue] {
        switch result {
        case .elapsed: []
        case .answered(let code): [.integer(Int64(code))]
        case .expired: [.null, .string("timeout")]
        case .value(let value): value as? [ScriptValue] ?? []
        }
    }
}
