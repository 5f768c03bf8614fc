import Reactor
import SIPMessage
import SIPTransaction

/// A user agent server that answers as the call's kind says (RFC 3261 §8.2, §9.2, §13.3, §17.2).
final class AnsweringAgent: NetworkNode {
    /// Either server machine.
    enum Machine {
        case invite(InviteServerTransaction)
        case other(NonInviteServerTransaction)

        var nextDeadline: UInt64 {
            switch self {
            case .invite(let machine): machine.clocks.nextDeadline
            case .other(let machine): machine.clocks.nextDeadline
            }
        }
    }

    struct Transaction {
        var key: Key
        var machine: Machine
        var number: Int
        var kind: CallKind
        var request: [UInt8]
        var target: SocketAddress
        var lastCode = 0
        var ringAt = UInt64.max
        var answerAt = UInt64.max
        var answerCode = 0
        /// §13.3.1.4: the 2xx is retransmitted until the ACK comes.
        var repeatAt = UInt64.max
        var repeatInterval: UInt64 = 0
        var repeatUntil = UInt64.max
        var isLive = true
        var wakeAt = UInt64.max

        var nextDeadline: UInt64 { min(machine.nextDeadline, min(ringAt, answerAt), repeatAt) }
    }

    struct Key: Hashable {
        var key: TransactionKey
        var method: TransactionMethod
    }

    /// What became of a call here.
    struct Outcome {
        var invite: Int32 = -1
        var finalCode: Int16 = 0
        var acknowledged = false
        var byes: Int16 = 0
    }

    let network: SimulatedNetwork
    let address: SocketAddress
    let contact: [UInt8]
    let timers = TransactionTimers()
    let hashKey = HashKey(low: 3, high: 4)
    var nodeIndex = -1
    var transactions: [Transaction] = []
    private var free: [Int] = []
    private var index: [Key: Int] = [:]
    var outcomes: [Outcome]
    let message: UnsafeMutablePointer<SIPMessage>
    let stored: UnsafeMutablePointer<SIPMessage>
    let composer = Composer()
    private var tag = Composer()
    /// INVITEs of a call that came on a second branch (§8.2.2.2).
    private(set) var mergedRequests = 0
    private(set) var unknownRequests = 0
    private(set) var malformedRequests = 0
    /// 2xx that were never acknowledged.
    private(set) var unacknowledged = 0

    init(network: SimulatedNetwork, address: SocketAddress, callCount: Int) {
        self.network = network
        self.address = address
        outcomes = Array(repeating: Outcome(), count: callCount)
        contact = Array("Contact: <sip:bob@".utf8) + hostAndPort(address) + Array(">\r\n".utf8)
        message = .allocate(capacity: 1)
        message.initialize(to: SIPMessage())
        stored = .allocate(capacity: 1)
        stored.initialize(to: SIPMessage())
        network.add(self, at: [address])
        nodeIndex = network.index(of: self)
    }

    deinit {
        message.deinitialize(count: 1).deallocate()
        stored.deinitialize(count: 1).deallocate()
    }

    var liveTransactions: Int { index.count }

    func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, to own: SocketAddress, now: UInt64
    ) {
        guard case .complete = message.pointee.parse(UnsafeRawBufferPointer(datagram)), message.pointee.isRequest else {
            malformedRequests += 1
            return
        }
        let number = leadingNumber(message.pointee.bytes(message.pointee.callID))
        guard outcomes.indices.contains(number) else {
            malformedRequests += 1
            return
        }
        let key = Key(
            key: TransactionKey(request: message.pointee, hashKey: hashKey),
            method: TransactionMethod(of: message.pointee, hashKey: hashKey))
        if message.pointee.method == .ack { return receivedAck(key, number, now: now) }
        if let known = index[key] { return retransmitted(known, now: now) }
        begin(key, number, now: now)
    }

    func wake(_ slot: Int, now: UInt64) {
        guard transactions[slot].isLive, now >= transactions[slot].wakeAt else { return }
        transactions[slot].wakeAt = .max
        timePassed(slot, now: now)
        ask(slot)
    }

    private func ask(_ slot: Int) {
        guard transactions[slot].isLive else { return }
        let next = transactions[slot].nextDeadline
        guard next < transactions[slot].wakeAt else { return }
        transactions[slot].wakeAt = next
        network.wake(nodeIndex, slot, at: next)
    }

    // MARK: Requests

    private func begin(_ key: Key, _ number: Int, now: UInt64) {
        let method = message.pointee.method
        let user = message.pointee.bytes(message.pointee.requestTarget.user)
        let kind = CallKind(rawValue: UInt8(clamping: leadingNumber(user))) ?? .answered
        // As if it were not there.
        if kind == .unansweredMessage || (kind == .unanswered && method == .invite) { return }
        var machine = Machine.other(NonInviteServerTransaction(reliability: .unreliable))
        if method == .invite { machine = .invite(InviteServerTransaction(reliability: .unreliable)) }
        let bytes = Array(UnsafeRawBufferPointer(rebasing: message.pointee.bytes[..<message.pointee.byteCount]))
        var transaction = Transaction(
            key: key, machine: machine, number: number, kind: kind, request: bytes, target: viaTarget())
        let isMerged = method == .invite && outcomes[number].invite >= 0
        if method == .invite || method == .options || method == .message, !isMerged {
            if let after = kind.ringsAfter { transaction.ringAt = now + after }
            if let answer = kind.answers {
                transaction.answerAt = now + answer.after
                transaction.answerCode = answer.code
            }
        }
        let slot = insert(transaction)
        if isMerged {
            mergedRequests += 1
            respond(slot, 482, now: now)
        } else if method == .invite {
            outcomes[number].invite = Int32(slot)
        } else if method == .bye {
            outcomes[number].byes += 1
            respond(slot, outcomes[number].finalCode == 200 ? 200 : 481, now: now)
        } else if method == .cancel {
            cancelled(slot, key, now: now)
        } else if method != .options && method != .message {
            unknownRequests += 1
            respond(slot, 501, now: now)
        }
        timePassed(slot, now: now)
        ask(slot)
    }

    private func insert(_ transaction: Transaction) -> Int {
        var slot = transactions.count
        if let reused = free.popLast() {
            slot = reused
            transactions[slot] = transaction
        } else {
            transactions.append(transaction)
        }
        index[transaction.key] = slot
        return slot
    }

    /// §9.2.
    private func cancelled(_ slot: Int, _ key: Key, now: UInt64) {
        guard let invite = index[Key(key: key.key, method: .invite)] else { return respond(slot, 481, now: now) }
        respond(slot, 200, now: now)
        guard transactions[invite].lastCode < 200 else { return }
        transactions[invite].ringAt = .max
        transactions[invite].answerAt = .max
        respond(invite, 487, now: now)
        ask(invite)
    }

    private func receivedAck(_ key: Key, _ number: Int, now: UInt64) {
        if let slot = index[key], case .invite(var machine) = transactions[slot].machine {
            let actions = machine.handle(.ack, timers: timers, now: now)
            transactions[slot].machine = .invite(machine)
            if !actions.contains(.deliver) {
                outcomes[number].acknowledged = true
                return ask(slot)
            }
        }
        // To a 2xx: it belongs to the dialog.
        outcomes[number].acknowledged = true
        let slot = Int(outcomes[number].invite)
        if slot >= 0, transactions[slot].isLive, transactions[slot].number == number {
            transactions[slot].repeatAt = .max
        }
    }

    private func retransmitted(_ slot: Int, now: UInt64) {
        let actions: TransactionActions
        switch transactions[slot].machine {
        case .invite(var machine):
            actions = machine.handle(.retransmission, timers: timers, now: now)
            transactions[slot].machine = .invite(machine)
        case .other(var machine):
            actions = machine.handle(.retransmission, timers: timers, now: now)
            transactions[slot].machine = .other(machine)
        }
        if actions.contains(.transmit), transactions[slot].lastCode > 0 { transmit(slot) }
    }

    // MARK: Time and responses

    private func timePassed(_ slot: Int, now: UInt64) {
        if now >= transactions[slot].ringAt {
            transactions[slot].ringAt = .max
            respond(slot, 180, now: now)
        }
        if now >= transactions[slot].answerAt {
            transactions[slot].answerAt = .max
            respond(slot, transactions[slot].answerCode, now: now)
        }
        if now >= transactions[slot].repeatAt { repeatSuccess(slot, now: now) }
        let actions: TransactionActions
        switch transactions[slot].machine {
        case .invite(var machine):
            actions = machine.handle(.timer, timers: timers, now: now)
            transactions[slot].machine = .invite(machine)
        case .other(var machine):
            actions = machine.handle(.timer, timers: timers, now: now)
            transactions[slot].machine = .other(machine)
        }
        if actions.contains(.transmit) { transmit(slot) }
        if actions.contains(.terminated) { end(slot) }
    }

    private func repeatSuccess(_ slot: Int, now: UInt64) {
        guard now < transactions[slot].repeatUntil else {
            transactions[slot].repeatAt = .max
            unacknowledged += 1
            return
        }
        transmit(slot)
        transactions[slot].repeatInterval = min(2 * transactions[slot].repeatInterval, timers.t2Milliseconds)
        transactions[slot].repeatAt = now + transactions[slot].repeatInterval
    }

    private func respond(_ slot: Int, _ code: Int, now: UInt64) {
        transactions[slot].lastCode = code
        let actions: TransactionActions
        switch transactions[slot].machine {
        case .invite(var machine):
            actions = machine.handle(
                code < 200 ? .sendProvisional : code < 300 ? .sendSuccess : .sendFailure, timers: timers, now: now)
            transactions[slot].machine = .invite(machine)
            if code >= 200, code != 482 { outcomes[transactions[slot].number].finalCode = Int16(code) }
            if code / 100 == 2 {
                transactions[slot].repeatInterval = timers.t1Milliseconds
                transactions[slot].repeatAt = now + timers.t1Milliseconds
                // A little before the transaction itself ends.
                transactions[slot].repeatUntil = now + timers.transactionTimeoutMilliseconds - 1
            }
        case .other(var machine):
            actions = machine.handle(code < 200 ? .sendProvisional : .sendFinal, timers: timers, now: now)
            transactions[slot].machine = .other(machine)
        }
        if actions.contains(.transmit) { transmit(slot) }
    }

    private func transmit(_ slot: Int) {
        let transaction = transactions[slot]
        tag.begin()
        tag.append("t")
        tag.append(transaction.number)
        transaction.request.withUnsafeBytes { request in
            _ = stored.pointee.parse(request)
            var content = ResponseWriter.Content()
            content.toTag = tag.bytes
            contact.withUnsafeBytes { contact in
                if transaction.lastCode < 300 { content.extraHeaders = contact }
                composer.fill(
                    ResponseWriter.write(transaction.lastCode, content, to: stored.pointee, into: composer.room))
            }
        }
        network.send(composer.bytes, from: address, to: transaction.target)
    }

    private func end(_ slot: Int) {
        index[transactions[slot].key] = nil
        transactions[slot].isLive = false
        transactions[slot].request = []
        free.append(slot)
    }

    /// §18.2.2, RFC 3581: where the current request's responses go.
    private func viaTarget() -> SocketAddress {
        let via = message.pointee.topVia
        let host = via.received.isAbsent ? via.host : via.received
        let port = via.rport > 0 ? UInt16(via.rport) : via.port == 0 ? 5_060 : via.port
        return SocketAddress(ip: message.pointee.bytes(host), port: port) ?? .none
    }
}
