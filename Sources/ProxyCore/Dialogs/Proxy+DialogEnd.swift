internal import Reactor
internal import SIPMessage
public import SIPTransaction

// Dialogs that this proxy ends: their time has passed, or the operator wants it.
extension Proxy {
    /// How often the calendar is looked at.
    private static let sweepMilliseconds: UInt64 = 1_000

    /// Ends the dialogs whose time has passed. Any worker may: the first to look in a second takes them.
    func sweepDialogs(now: UInt64) {
        guard now >= dialogSweepAt else { return }
        dialogSweepAt = (now / Self.sweepMilliseconds + 1) * Self.sweepMilliseconds
        for dialog in dialogs.takeExpired(now: now) {
            if dialog.byeOnTimeout { sendByes(dialog, now: now) }
            endDialog(dialog, .timedOut, now: now)
        }
    }

    /// Ends a dialog with BYE to both sides, or cancels its INVITE. On the worker that `Dialog.worker` names.
    ///
    /// - Returns: false when there is no such dialog any more.
    public func terminateDialog(_ id: DialogID, now: UInt64) -> Bool {
        guard let dialog = dialogs.find(id), let state = dialogs.update(dialog, { $0.state }) else { return false }
        if state == .confirmed {
            sendByes(dialog, now: now)
            endDialog(dialog, .terminated, now: now)
            return true
        }
        guard dialog.worker == workerIndex, dialog.server != 0 else { return false }
        let slot = table.pointee.servers[dialog.server]
        guard slot.pointee.dialog?.takeUnretainedValue() === dialog, !slot.pointee.flags.contains(.finalSent) else {
            return false
        }
        request.begin(source: slot.pointee.source, listener: Int(slot.pointee.listener), now: now)
        cancelRequest(dialog.server, now: now)
        return true
    }

    /// A BYE to each side in the name of the other (RFC 3261 §15.1.1).
    private func sendByes(_ dialog: Dialog, now: UInt64) {
        let content = dialogs.update(dialog) { content in
            // Greater than any number that side has used (§12.2.1.1).
            content.caller.cSeq &+= 1
            content.callee.cSeq &+= 1
            return content
        }
        guard let content, content.state == .confirmed else { return }
        sendBye(dialog, from: content.callee, to: content.caller, now: now)
        sendBye(dialog, from: content.caller, to: content.callee, now: now)
    }

    private func sendBye(_ dialog: Dialog, from sender: DialogParty, to receiver: DialogParty, now: UInt64) {
        request.begin(source: receiver.hop, listener: receiver.listener, now: now)
        request.selectionSeed = dialog.id.rawValue
        let route = DialogRoute(to: receiver)
        let destination = route.nextHop.withUnsafeBytes { bytes in
            // By the connection that it has, whatever its Contact says.
            if receiver.hop.transport.isWebSocket { return receiver.hop }
            if case .address(let address) = resolve(bytes), address.port != 0 { return address }
            // A name that nobody has asked for lately: where its messages come from is the best guess.
            return receiver.hop
        }
        let listener = identity.listener(for: destination, incoming: receiver.listener)
        guard !destination.isNone, listener >= 0 else { return count(.targetsUnresolvable) }
        let branch = Branch(hash: .random(in: .min ... .max), loopHash: 0, index: 0)
        var writer = TextWriter(scratch)
        writer.append("BYE ")
        writer.append(route.requestURI)
        writer.append(" SIP/2.0\r\n")
        writer.append(identity.viaStart(listener))
        branch.withText { writer.append($0) }
        origin(listener: listener, target: destination).withText { writer.append($0) }
        route.appendRoutes(to: &writer)
        writer.append("\r\nMax-Forwards: ")
        writer.append(decimal: settings.limits.maxForwards)
        writer.append("\r\nFrom: ")
        writer.append(sender.address)
        writer.append("\r\nTo: ")
        writer.append(receiver.address)
        writer.append("\r\nCall-ID: ")
        writer.append(dialog.callID)
        writer.append("\r\nCSeq: ")
        writer.append(decimal: Int(sender.cSeq))
        writer.append(" BYE\r\nContent-Length: 0\r\n\r\n")
        guard !writer.overflowed else { return count(.messageOverflows) }
        count(.byesSent)
        sendOwn(
            writer.written, ClientKey(branch, .bye),
            to: Departure(destination: destination, listener: listener, strictRoute: nil), now: now)
    }
}
