import Reactor
import SIPMessage
import SIPTransaction

/// A user agent client that makes calls as RFC 3261 §8, §9, §13 and §17.1 say. Files: `+Messages` writes them,
/// `+Responses` takes what comes.
final class CallingAgent: NetworkNode {
    /// One call, by its number: everything that identifies it is made of that.
    struct Call {
        var kind: CallKind
        var invite: InviteClientTransaction?
        /// OPTIONS or MESSAGE.
        var other: NonInviteClientTransaction?
        var cancel: NonInviteClientTransaction?
        var bye: NonInviteClientTransaction?
        var hasProvisional = false
        var cancelAt = UInt64.max
        var byeAt = UInt64.max
        var wakeAt = UInt64.max
        /// The final answer and how often the transaction passed one up (retransmitted 2xx aside).
        var finalCode = 0
        var finalCount = 0
        var byeCode = 0
        /// To value, Contact URI and Route lines of the dialog.
        var remote: [UInt8] = []
        var contact: [UInt8] = []
        var routes: [UInt8] = []

        var nextDeadline: UInt64 {
            var next = min(cancelAt, byeAt)
            if let invite { next = min(next, invite.clocks.nextDeadline) }
            if let other { next = min(next, other.clocks.nextDeadline) }
            if let cancel { next = min(next, cancel.clocks.nextDeadline) }
            if let bye { next = min(next, bye.clocks.nextDeadline) }
            return next
        }
    }

    let network: SimulatedNetwork
    let address: SocketAddress
    let proxy: SocketAddress
    let sentBy: [UInt8]
    let callee: [UInt8]
    /// Call numbers are firstNumber, firstNumber + 1, …
    let firstNumber: Int
    let timers = TransactionTimers()
    let talkMilliseconds: UInt64 = 200
    var nodeIndex = -1
    var calls: [Call] = []
    let composer = Composer()
    /// The request that a response belongs to, written again.
    let original = Composer()
    let message: UnsafeMutablePointer<SIPMessage>
    let originalMessage: UnsafeMutablePointer<SIPMessage>
    var strayResponses = 0
    var malformedResponses = 0
    /// 408 that came as a message to something other than INVITE (RFC 4320 forbids it).
    var lateTimeouts = 0

    init(
        network: SimulatedNetwork, address: SocketAddress, proxy: SocketAddress, callee: SocketAddress, firstNumber: Int
    ) {
        self.network = network
        self.address = address
        self.proxy = proxy
        self.firstNumber = firstNumber
        sentBy = hostAndPort(address)
        self.callee = hostAndPort(callee)
        message = .allocate(capacity: 1)
        message.initialize(to: SIPMessage())
        originalMessage = .allocate(capacity: 1)
        originalMessage.initialize(to: SIPMessage())
        network.add(self, at: [address])
        nodeIndex = network.index(of: self)
    }

    deinit {
        message.deinitialize(count: 1).deallocate()
        originalMessage.deinitialize(count: 1).deallocate()
    }

    /// Plans calls, one each `interval` milliseconds from `start` on.
    func plan(_ kinds: [CallKind], start: UInt64, interval: UInt64) {
        for (index, kind) in kinds.enumerated() {
            calls.append(Call(kind: kind))
            network.wake(nodeIndex, -1 - index, at: start + UInt64(index) * interval)
        }
    }

    func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, to own: SocketAddress, now: UInt64
    ) {
        guard case .complete = message.pointee.parse(UnsafeRawBufferPointer(datagram)), !message.pointee.isRequest
        else {
            malformedResponses += 1
            return
        }
        receivedResponse(now: now)
    }

    /// A negative payload begins a call, another one lets time pass for it.
    func wake(_ payload: Int, now: UInt64) {
        if payload < 0 { return begin(-1 - payload, now: now) }
        calls[payload].wakeAt = .max
        timePassed(payload, now: now)
        ask(payload)
    }

    private func begin(_ call: Int, now: UInt64) {
        let kind = calls[call].kind
        if kind.isInvite {
            calls[call].invite = InviteClientTransaction(reliability: .unreliable, timers: timers, now: now)
        } else {
            calls[call].other = NonInviteClientTransaction(reliability: .unreliable, timers: timers, now: now)
        }
        if let after = kind.cancelsAfter { calls[call].cancelAt = now + after }
        sendMain(call)
        ask(call)
    }

    func ask(_ call: Int) {
        let next = calls[call].nextDeadline
        guard next < calls[call].wakeAt else { return }
        calls[call].wakeAt = next
        network.wake(nodeIndex, call, at: next)
    }

    private func timePassed(_ call: Int, now: UInt64) {
        if let actions = calls[call].invite?.handle(.timer, timers: timers, now: now) {
            if actions.contains(.transmit) { sendMain(call) }
            if actions.contains(.timedOut) { finish(call, 408) }
        }
        if let actions = calls[call].other?.handle(.timer, timers: timers, now: now) {
            if actions.contains(.transmit) { sendMain(call) }
            if actions.contains(.timedOut) { finish(call, 408) }
        }
        if let actions = calls[call].cancel?.handle(.timer, timers: timers, now: now), actions.contains(.transmit) {
            sendCancel(call)
        }
        if let actions = calls[call].bye?.handle(.timer, timers: timers, now: now) {
            if actions.contains(.transmit) { sendBye(call) }
            if actions.contains(.timedOut) { calls[call].byeCode = 408 }
        }
        if now >= calls[call].cancelAt { hangUpEarly(call, now: now) }
        if now >= calls[call].byeAt { hangUp(call, now: now) }
    }

    func finish(_ call: Int, _ code: Int) {
        calls[call].finalCode = code
        calls[call].finalCount += 1
        calls[call].cancelAt = .max
    }

    /// §9.1: CANCEL, but not before a provisional response; until then the wish stands.
    func hangUpEarly(_ call: Int, now: UInt64) {
        guard calls[call].finalCode == 0 else { return }
        calls[call].cancelAt = .max
        guard calls[call].hasProvisional else { return }
        calls[call].cancel = NonInviteClientTransaction(reliability: .unreliable, timers: timers, now: now)
        sendCancel(call)
    }

    private func hangUp(_ call: Int, now: UInt64) {
        calls[call].byeAt = .max
        calls[call].bye = NonInviteClientTransaction(reliability: .unreliable, timers: timers, now: now)
        sendBye(call)
    }
}
