public import ProxyCore

// Functions that the script has called as time passes.
extension ScriptRouting {
    public func start(_ timers: any RoutingTimers) { host.pointee.timers.start(timers) }

    public func stopTimers() { host.pointee.timers.stop() }

    public func timerFired(_ number: UInt64, now: UInt64) {
        guard let timer = host.pointee.timers.take(number) else { return }
        host.pointee.timerTime = now
        if !isResting(at: now) {
            let status = vm.run(timer.function, as: .onTimer, [])
            if status != .finished { reportFailure(.onTimer, status, now: now) }
        }
        host.pointee.timerTime = 0
        if timer.periodMilliseconds == 0 { vm.release(timer.function) }
        for function in host.pointee.timers.refused { vm.release(function) }
        host.pointee.timers.refused = []
    }
}
