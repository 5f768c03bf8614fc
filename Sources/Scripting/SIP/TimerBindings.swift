internal import ProxyCore

/// A function that a script has called after some time.
struct ScriptTimer {
    let function: FunctionReference
    /// 0: once.
    let periodMilliseconds: UInt64
}

extension SIPBindings {
    static let timer = BindingGroup(
        "timer",
        "Functions called as time passes, without a message at hand. A reload ends them; the new script sets its own.",
        [
            .function(
                "every", [seconds, .function("handler", "handler(): called again and again.")], options: [workers],
                phases: [.load, .onStart],
                "Calls a function every so many seconds, from the start of the proxy or the reload on."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                try TimerBindings.set(call, "timer.every", repeats: true)
            },
            .function(
                "after", [seconds, .function("handler", "handler(): called once.")], options: [workers], phases: .all,
                "Calls a function after so many seconds. In a handler it is called on that handler's worker, whatever becomes of the request."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                try TimerBindings.set(call, "timer.after", repeats: false)
            },
        ])

    private static let seconds = BindingParameter("seconds", [.integer, .number], summary: "From 0.01 to 604,800.")

    private static let workers = BindingParameter.choice(
        "workers", ["one", "all"],
        "While the script loads and in `on_start`, which every worker runs: whether one of them calls it, as without it, or each."
    ).optional
}

enum TimerBindings {
    private static let secondsRange = 0.01...604_800.0

    static func set(
        _ call: borrowing ScriptCall, _ caller: StaticString, repeats: Bool
    ) throws(ScriptFailure) -> BindingOutcome {
        let seconds = call.number(0)
        guard secondsRange.contains(seconds) else {
            throw ScriptFailure("\(caller): seconds from 0.01 to 604,800, got \(seconds)")
        }
        let host = call.sip
        let isForAll = call.phase != .load && call.phase != .onStart || call.integer(2) == 1
        guard isForAll || host.pointee.services.worker == 0 else { return .done }
        guard let function = call.keepFunction(1) else { return .done }
        let milliseconds = UInt64((seconds * 1_000).rounded())
        let timer = ScriptTimer(function: function, periodMilliseconds: repeats ? milliseconds : 0)
        guard host.pointee.timers.add(timer, afterMilliseconds: milliseconds) else {
            // What was kept must be given back, and the VM is not within reach here.
            host.pointee.timers.refused.append(function)
            throw ScriptFailure("\(caller): no more timers can be set (limit \(ScriptTimers.timersMax))")
        }
        return .done
    }
}

/// The timers of one VM. Worker-owned once the proxy has taken the script over.
struct ScriptTimers {
    static let timersMax = 10_000

    private(set) var timers: [UInt64: ScriptTimer] = [:]
    private var latestNumber: UInt64 = 0
    /// Set before there was a proxy.
    private var waiting: [(number: UInt64, milliseconds: UInt64)] = []
    private weak var source: (any RoutingTimers)?
    private var isStarted = false
    /// Functions that no timer took.
    var refused: [FunctionReference] = []

    mutating func add(_ timer: ScriptTimer, afterMilliseconds milliseconds: UInt64) -> Bool {
        guard timers.count < Self.timersMax else { return false }
        latestNumber += 1
        if isStarted {
            guard let source, source.set(latestNumber, afterMilliseconds: milliseconds) else { return false }
        } else {
            waiting.append((latestNumber, milliseconds))
        }
        timers[latestNumber] = timer
        return true
    }

    mutating func start(_ source: any RoutingTimers) {
        self.source = source
        isStarted = true
        for timer in waiting { _ = source.set(timer.number, afterMilliseconds: timer.milliseconds) }
        waiting = []
    }

    /// The script has been replaced: nothing is set any more.
    mutating func stop() {
        source = nil
        isStarted = true
    }

    /// The timer that is due. One that repeats is set anew, from now on.
    mutating func take(_ number: UInt64) -> ScriptTimer? {
        guard let timer = timers[number] else { return nil }
        if timer.periodMilliseconds == 0 {
            timers[number] = nil
        } else {
            _ = source?.set(number, afterMilliseconds: timer.periodMilliseconds)
        }
        return timer
    }
}
