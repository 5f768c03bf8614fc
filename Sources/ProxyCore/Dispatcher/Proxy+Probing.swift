internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// OPTIONS to the targets of sets (RFC 3261 §11): regularly by the first worker, and by any worker to a target that has just failed it.
extension Proxy {
    /// Probes sent in one go, so that a great number of targets does not burst.
    private static let probesAtOnceMax = 32
    private static let probesPauseMilliseconds: UInt64 = 20
    /// A target that keeps failing requests is asked no more often than this.
    private static let suspicionMilliseconds: UInt64 = 1_000

    /// Sends the probes that are due. After everything else of the turn: a probe is composed where messages are.
    func probeTargets(of dispatcher: Dispatcher, now: UInt64) {
        if !dispatcher.suspects.isEmpty { probeSuspects(of: dispatcher, now: now) }
        guard dispatcher.isProbing, now >= dispatcher.probeAt else { return }
        var next = UInt64.max
        var sent = 0
        for set in dispatcher.groups.indices {
            guard let probe = dispatcher.groups[set].settings.probe else { continue }
            for member in dispatcher.groups[set].members.indices {
                let cell = dispatcher.groups[set].members[member].cell
                if sent < Self.probesAtOnceMax,
                    cell._withUnsafeGuaranteedRef({
                        $0.claimProbe(now: now, afterMilliseconds: probe.intervalMilliseconds)
                    })
                {
                    sendProbe((set, member), of: dispatcher, probe, now: now)
                    sent += 1
                }
                next = min(
                    next,
                    cell._withUnsafeGuaranteedRef { $0.nextProbe(everyMilliseconds: probe.intervalMilliseconds) })
            }
        }
        dispatcher.probeAt = max(next, now &+ Self.probesPauseMilliseconds)
    }

    private func probeSuspects(of dispatcher: Dispatcher, now: UInt64) {
        for place in dispatcher.suspects {
            guard let probe = dispatcher.groups[place.set].settings.probe else { continue }
            let interval = min(Self.suspicionMilliseconds, probe.intervalMilliseconds)
            let isMine = dispatcher.groups[place.set].members[place.member].cell._withUnsafeGuaranteedRef {
                $0.claimProbe(now: now, afterMilliseconds: interval)
            }
            if isMine { sendProbe(place, of: dispatcher, probe, now: now) }
        }
        dispatcher.suspects.removeAll(keepingCapacity: true)
    }

    private func sendProbe(
        _ place: (set: Int, member: Int), of dispatcher: Dispatcher, _ probe: TargetProbe, now: UInt64
    ) {
        let member = dispatcher.groups[place.set].members[place.member]
        let listener = identity.listener(for: member.address, incoming: 0)
        guard listener >= 0 else { return count(.targetsUnresolvable) }
        let branch = Branch(hash: .random(in: .min ... .max), loopHash: 0, index: 0)
        var writer = TextWriter(scratch)
        writer.append("OPTIONS ")
        writer.append(member.uri.bytes)
        writer.append(" SIP/2.0\r\n")
        writer.append(identity.viaStart(listener))
        branch.withText { writer.append($0) }
        origin(listener: listener, target: member.address).withText { writer.append($0) }
        writer.append("\r\nMax-Forwards: ")
        writer.append(decimal: settings.limits.maxForwards)
        writer.append("\r\nFrom: <")
        if let from = probe.from {
            writer.append(Array(from.utf8))
        } else {
            writer.append("sip:")
            writer.append(identity.sentBy(listener))
        }
        writer.append(">;tag=")
        writer.append(Self.randomText())
        writer.append("\r\nTo: <")
        writer.append(member.uri.bytes)
        writer.append(">\r\nCall-ID: ")
        writer.append(Self.randomText())
        writer.append("\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n")
        guard !writer.overflowed else { return count(.messageOverflows) }
        member.cell._withUnsafeGuaranteedRef { $0.count(.probes, worker: dispatcher.worker) }
        sendOwn(
            writer.written, ClientKey(branch, .options),
            to: Departure(destination: member.address, listener: listener, strictRoute: nil), now: now,
            answerMilliseconds: probe.timeoutMilliseconds, probed: member.cell)
    }

    private static func randomText() -> [UInt8] {
        Array(String(UInt64.random(in: .min ... .max), radix: 16).utf8)
    }

    // MARK: Answers

    /// The final response to a request of our own, which may be a probe.
    func noteProbeAnswer(_ code: Int, of client: UInt32, _ dispatcher: Dispatcher, now: UInt64) {
        let slot = table.pointee.clients[client]
        guard let cell = slot.pointee.probed else { return }
        slot.pointee.flags.insert(.finished)
        slot.pointee.giveUpAt = .max
        guard let place = dispatcher.place(of: cell), let probe = dispatcher.groups[place.set].settings.probe else {
            return
        }
        guard probe.isAlive(code) else { return probeFailed(place, of: dispatcher, now: now) }
        let rules = dispatcher.groups[place.set].rules
        let change = cell._withUnsafeGuaranteedRef { $0.handle(.probeAnswered, rules, sentAt: now, now: now) }
        note(change, place, of: dispatcher, .probes)
    }

    /// A request of our own got no answer, or could not be sent.
    func noteProbeFailure(of client: UInt32, _ dispatcher: Dispatcher, now: UInt64) {
        guard let cell = table.pointee.clients[client].pointee.probed, let place = dispatcher.place(of: cell) else {
            return
        }
        probeFailed(place, of: dispatcher, now: now)
    }

    private func probeFailed(_ place: (set: Int, member: Int), of dispatcher: Dispatcher, now: UInt64) {
        let rules = dispatcher.groups[place.set].rules
        let change = dispatcher.groups[place.set].members[place.member].cell._withUnsafeGuaranteedRef { cell in
            cell.count(.probesFailed, worker: dispatcher.worker)
            return cell.handle(.failed, rules, sentAt: now, now: now)
        }
        note(change, place, of: dispatcher, .probes)
    }
}

extension Dispatcher {
    /// Where a target is now; nil when it is in no set any more.
    func place(of cell: Unmanaged<TargetCell>) -> (set: Int, member: Int)? {
        for set in groups.indices {
            for member in groups[set].members.indices
            where groups[set].members[member].cell.toOpaque() == cell.toOpaque() {
                return (set, member)
            }
        }
        return nil
    }
}
