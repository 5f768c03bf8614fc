internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// What becomes of requests tells how targets are, before any probe does.
extension Proxy {
    /// Longest time that a target may ask to be left alone by Retry-After, in seconds.
    private static let retryAfterSecondsMax: UInt64 = 3_600

    /// A final response came, to a request of any kind. On a path that every response takes.
    @inline(__always)
    func noteAnswer(_ code: Int, of client: UInt32, _ dispatcher: Dispatcher, now: UInt64) {
        if table.pointee.clients[client].pointee.flags.contains(.own) {
            noteProbeAnswer(code, of: client, dispatcher, now: now)
        } else if code == 503 || !dispatcher.table.suspects.isZero {
            noteRequestAnswer(code, of: client, dispatcher, now: now)
        }
    }

    @inline(never)
    private func noteRequestAnswer(_ code: Int, of client: UInt32, _ dispatcher: Dispatcher, now: UInt64) {
        let slot = table.pointee.clients[client]
        guard !slot.pointee.key.isCancel else { return }
        guard code == 503 else {
            return forMembers(of: dispatcher, at: slot.pointee.destination) { cell, rules, _ in
                cell.handle(.answered, rules, sentAt: now, now: now)
            }
        }
        let seconds = retryAfterSeconds()
        if seconds > 0 {
            // RFC 3261 §21.5.4: no other requests until then.
            forMembers(of: dispatcher, at: slot.pointee.destination) { cell, rules, place in
                cell.count(.failures, worker: dispatcher.worker)
                if cell.restsUntil <= now { note(place, of: dispatcher, .resting, .retryAfter) }
                cell.restUntil(now &+ seconds &* 1_000)
                return TargetCell.Change()
            }
        } else {
            failed(at: slot.pointee.destination, dispatcher, sentAt: now, now: now)
        }
    }

    /// A branch or probe timed out or could not be sent.
    func noteFailure(of client: UInt32, _ dispatcher: Dispatcher, timedOut: Bool, now: UInt64) {
        let slot = table.pointee.clients[client]
        if slot.pointee.flags.contains(.own) {
            return noteProbeFailure(of: client, dispatcher, now: now)
        }
        // Who was cancelled after he had rung owes nothing more.
        guard !slot.pointee.flags.contains(.cancelSent) else { return }
        var sentAt = now
        if timedOut {
            let patience =
                slot.pointee.flags.contains(.awaitsAnswer) && slot.pointee.server != 0
                ? UInt64(table.pointee.servers[slot.pointee.server].pointee.answerMilliseconds)
                : settings.timers.transactionTimeoutMilliseconds
            sentAt = now > patience ? now - patience : 0
        }
        failed(at: slot.pointee.destination, dispatcher, sentAt: sentAt, now: now)
    }

    private func failed(at address: SocketAddress, _ dispatcher: Dispatcher, sentAt: UInt64, now: UInt64) {
        forMembers(of: dispatcher, at: address) { cell, rules, place in
            cell.count(.failures, worker: dispatcher.worker)
            let change = cell.handle(.failed, rules, sentAt: sentAt, now: now)
            if rules.isProbed { dispatcher.suspects.append(place) }
            return change
        }
    }

    /// Tells every member at that address, and the log what came of it.
    private func forMembers(
        of dispatcher: Dispatcher, at address: SocketAddress,
        _ body: (TargetCell, HealthRules, (set: Int, member: Int)) -> TargetCell.Change
    ) {
        for set in dispatcher.groups.indices {
            for member in dispatcher.groups[set].members.indices
            where dispatcher.groups[set].members[member].address == address {
                let change = dispatcher.groups[set].members[member].cell._withUnsafeGuaranteedRef {
                    body($0, dispatcher.groups[set].rules, (set, member))
                }
                note(change, (set, member), of: dispatcher, .requests)
            }
        }
    }

    func note(
        _ change: TargetCell.Change, _ place: (set: Int, member: Int), of dispatcher: Dispatcher,
        _ cause: TargetNote.Cause
    ) {
        if let isDown = change.isDown { note(place, of: dispatcher, isDown ? .down : .up, cause) }
        if change.rests { note(place, of: dispatcher, .resting, cause) }
    }

    private func note(
        _ place: (set: Int, member: Int), of dispatcher: Dispatcher, _ condition: TargetCondition,
        _ cause: TargetNote.Cause
    ) {
        guard let targetNoted else { return }
        let group = dispatcher.groups[place.set]
        targetNoted(
            TargetNote(
                set: group.settings.name,
                uri: String(decoding: group.members[place.member].uri.bytes, as: UTF8.self), condition: condition,
                cause: cause))
    }

    /// RFC 3261 §20.33: the number at its beginning; 0 when there is none.
    private func retryAfterSeconds() -> UInt64 {
        let index = message.pointee.first(.retryAfter)
        guard index >= 0 else { return 0 }
        var seconds: UInt64 = 0
        for byte in message.pointee.bytes(message.pointee.header(index).value) {
            guard (0x30...0x39).contains(byte), seconds < Self.retryAfterSecondsMax else { break }
            seconds = seconds * 10 + UInt64(byte - 0x30)
        }
        return min(seconds, Self.retryAfterSecondsMax)
    }
}
