internal import Glibc
internal import ProxyCore
internal import Reactor
internal import SIPTransaction

/// A tracked dialog as the operator sees it.
public struct DialogStatus: Sendable, Equatable {
    /// Sixteen hexadecimal digits.
    public var id: String
    public var state: String
    public var key: String
    public var callID: String
    /// From and To with their tags; the callee's is empty until it has answered.
    public var caller: String
    public var callee: String
    public var worker: Int
    public var secondsSinceInvite: Double
    /// nil: not answered yet.
    public var secondsSinceAnswer: Double?

    public init(
        id: String, state: String, key: String, callID: String, caller: String, callee: String, worker: Int,
        secondsSinceInvite: Double, secondsSinceAnswer: Double?
    ) {
        self.id = id
        self.state = state
        self.key = key
        self.callID = callID
        self.caller = caller
        self.callee = callee
        self.worker = worker
        self.secondsSinceInvite = secondsSinceInvite
        self.secondsSinceAnswer = secondsSinceAnswer
    }
}

extension DataPlane {
    public func dialogStatus() -> [DialogStatus] {
        let now = UInt64(MonotonicClock.milliseconds)
        func seconds(since time: UInt64) -> Double { Double(now > time ? now - time : 0) / 1_000 }
        return dialogs.summaries().map { dialog in
            DialogStatus(
                id: dialog.id.text, state: dialog.state.name, key: dialog.key, callID: dialog.callID,
                caller: dialog.caller, callee: dialog.callee, worker: dialog.worker,
                secondsSinceInvite: seconds(since: dialog.beganAt),
                secondsSinceAnswer: dialog.confirmedAt == 0 ? nil : seconds(since: dialog.confirmedAt))
        }
    }

    public func terminateDialog(_ id: String) throws(RuntimeError) {
        guard let wanted = DialogID(text: id), let dialog = dialogs.find(wanted) else {
            throw RuntimeError("there is no dialog \(id.prefix(64))")
        }
        let workers = running.withLock { running in running.group?.workers ?? [] }
        guard dialog.worker < workers.count else { throw RuntimeError("the workers have ended") }
        let answer = Monitor(Bool?.none)
        let posted = workers[dialog.worker].post { worker, delegate in
            let isEnding = (delegate as? Proxy)?.terminateDialog(wanted, now: worker.now) ?? false
            answer.withLock { $0 = isEnding }
            answer.notify()
        }
        guard posted else { throw RuntimeError("worker \(dialog.worker) took no command; try again") }
        let isEnding = answer.wait(milliseconds: commandMilliseconds, until: { $0 != nil }, then: { $0 })
        switch isEnding {
        case true?: return
        case false?: throw RuntimeError("the dialog has just ended")
        case nil: throw RuntimeError("worker \(dialog.worker) did not answer")
        }
    }

    /// Dialogs by their state.
    var dialogValues: [RuntimeValue] {
        [
            (DialogState.calling, "Tracked INVITEs that nobody has answered with a To tag now."),
            (.early, "Tracked early dialogs now."),
            (.confirmed, "Tracked confirmed dialogs now."),
        ].map { state, help in
            RuntimeValue(
                family: MetricFamily("servartuka_dialogs_\(state.name)", kind: .gauge, help: help),
                value: UInt64(clamping: dialogs.count(state)))
        }
    }
}

extension DialogID {
    var text: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    init?(text: String) {
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else { return nil }
        self.init(rawValue: value)
    }
}
