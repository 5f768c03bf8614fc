internal import Reactor
internal import SIPMessage
internal import SIPTransaction

// What requests and responses mean for the dialogs that are tracked: docs/dialogs.md.
extension Proxy {
    // MARK: Requests

    /// Notes what a request within a tracked dialog changes in it. Those that may change it are held here, so that their
    /// answers are seen.
    func noteDialogRequest() {
        let method = message.pointee.method
        guard !message.pointee.toTag.isAbsent, method != .ack, method != .cancel, !request.isTrackedElsewhere else {
            return
        }
        let found = dialogs.find(
            dialogs.hash(callID: message.pointee.bytes(message.pointee.callID)), id: request.routeDialog,
            from: message.pointee.tagBytes(message.pointee.fromTag),
            to: message.pointee.tagBytes(message.pointee.toTag))
        guard let found else { return }
        let number = message.pointee.cSeqNumber
        // RFC 3261 §12.2.2 and RFC 3311 §5.2: these refresh the remote target.
        let target = method == .invite || method == .update ? message.pointee.contactURI : []
        dialogs.update(found.dialog) { content in
            content[found.sender].cSeq = max(content[found.sender].cSeq, number)
            if !target.isEmpty { content[found.sender].target = target }
        }
        guard method == .invite || method == .update || method == .bye else { return }
        request.dialog = found.dialog
        request.dialogSender = found.sender
        request.isInDialog = true
    }

    /// A server transaction holds the request: what it means for a dialog, also what was left to whoever holds it.
    func beginDialog(_ server: UInt32) {
        if request.leavesDialogToHolder {
            request.draftWish()
            if request.recordsRoute { table.pointee.servers[server].pointee.flags.insert(.recordRoute) }
        }
        if holdsForDialog { enterDialog(server) }
    }

    /// The server transaction takes over what the request means for a dialog.
    private func enterDialog(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        if request.isDrafting, let draft = request.takeDraft() {
            let dialog = Dialog(draft, worker: workerIndex, server: server)
            dialogs.insert(dialog)
            slot.pointee.flags.insert(.beginsDialog)
            slot.pointee.dialog = Unmanaged.passRetained(dialog)
            count(.dialogsTracked)
        } else if request.isInDialog, let dialog = request.dialog {
            if message.pointee.method == .bye {
                slot.pointee.flags.insert(request.dialogSender == .caller ? .byeOfCaller : .byeOfCallee)
            }
            slot.pointee.dialog = Unmanaged.passRetained(dialog)
            request.dialog = nil
        }
    }

    /// A BYE that cannot be held: nobody will see its answer.
    func endDialogUnheld() {
        guard request.isInDialog, message.pointee.method == .bye, let dialog = request.dialog else { return }
        request.dialog = nil
        endDialog(dialog, .bye(by: request.dialogSender), now: request.now)
    }

    /// The tracked dialog that the branches of a held INVITE tell in their Record-Route.
    func dialogMark(of server: UInt32) -> DialogID? {
        let slot = table.pointee.servers[server]
        guard slot.pointee.flags.contains(.beginsDialog) else { return nil }
        return slot.pointee.dialog?.takeUnretainedValue().id
    }

    // MARK: Responses

    /// A provisional response to a tracked INVITE is about to go upstream.
    func dialogProvisional(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        guard slot.pointee.flags.contains(.beginsDialog), !message.pointee.toTag.isAbsent,
            let dialog = slot.pointee.dialog?.takeUnretainedValue()
        else { return }
        dialogs.update(dialog) { content in
            if content.state == .calling { content.state = .early }
        }
    }

    /// A 2xx to an INVITE or UPDATE of a tracked dialog is about to go upstream.
    func dialogSuccess(_ server: UInt32, client: UInt32, now: UInt64) {
        let slot = table.pointee.servers[server]
        guard let dialog = slot.pointee.dialog?.takeUnretainedValue(),
            slot.pointee.flags.isDisjoint(with: [.byeOfCaller, .byeOfCallee])
        else { return }
        let target = message.pointee.contactURI
        guard slot.pointee.flags.contains(.beginsDialog) else {
            guard !target.isEmpty else { return }
            let from = message.pointee.tagBytes(message.pointee.fromTag)
            dialogs.update(dialog) { content in
                content[from.elementsEqual(content.caller.tag) ? .callee : .caller].target = target
            }
            return
        }
        var callee = DialogParty()
        callee.tag = Array(message.pointee.tagBytes(message.pointee.toTag))
        callee.address = Array(message.pointee.bytes(message.pointee.to))
        callee.target = target
        callee.hop = table.pointee.clients[client].pointee.destination
        callee.listener = Int(table.pointee.clients[client].pointee.listener)
        let routes = message.pointee.recordRoutes
        let own = routes.firstIndex { isOwnRoute($0) }
        confirm(dialog, callee, routes: routes, own: own, now: now)
    }

    private func confirm(_ dialog: Dialog, _ callee: DialogParty, routes: [[UInt8]], own: Int?, now: UInt64) {
        let further = dialogs.update(dialog) { content -> DialogParty? in
            guard !content.answered.contains(callee.tag), content.answered.count < DialogTable.perCallMax else {
                return nil
            }
            content.answered.append(callee.tag)
            // §12.1.2: what stands above our own value lies between us and the callee.
            var callee = callee
            callee.routes = routes.prefix(own ?? max(routes.count - content.caller.routes.count, 0)).reversed()
            guard content.state != .confirmed else { return callee }
            content.confirm(callee, at: now, for: dialog.durationMilliseconds)
            return nil
        }
        count(.dialogsAnswered, if: further != nil)
        // §13.2.2.4: every branch that answers has a dialog of its own.
        guard let further, let branch = further, let caller = dialogs.update(dialog, { $0.caller }) else { return }
        guard dialogs.reserve(dialog.key, limit: nil) == .tracked else { return count(.dialogsRefused) }
        let another = Dialog(branching: dialog, caller: caller)
        another.content.confirm(branch, at: now, for: dialog.durationMilliseconds)
        dialogs.insert(another)
        count(.dialogsTracked)
    }

    private func isOwnRoute(_ route: [UInt8]) -> Bool {
        route.withUnsafeBytes { bytes in
            guard let address = NameAddress.parse(ByteRange(0, bytes.count), in: bytes),
                let uri = SIPURI.parse(address.uri, in: bytes), !uri.host.isAbsent
            else { return false }
            return identity.isOwnHost(
                UnsafeRawBufferPointer(rebasing: bytes[uri.host.start..<uri.host.end]), port: uri.port)
        }
    }

    /// The final response to a request that concerns a tracked dialog has gone upstream.
    func dialogFinal(_ server: UInt32, code: Int, now: UInt64) {
        let slot = table.pointee.servers[server]
        guard let dialog = slot.pointee.dialog?.takeUnretainedValue() else { return }
        if slot.pointee.flags.contains(.beginsDialog) {
            if code >= 300 { endDialog(dialog, .failed(code), now: now) }
            return
        }
        // RFC 3261 §15.1.1: whatever the answer to a BYE, the session is over; but who is asked for credentials says it again.
        guard code != 401, code != 407 else { return }
        if slot.pointee.flags.contains(.byeOfCaller) { endDialog(dialog, .bye(by: .caller), now: now) }
        if slot.pointee.flags.contains(.byeOfCallee) { endDialog(dialog, .bye(by: .callee), now: now) }
    }

    /// The server transaction goes.
    func leaveDialog(_ server: UInt32) {
        let slot = table.pointee.servers[server]
        guard let dialog = slot.pointee.dialog else { return }
        // Without a final response, for want of timers or memory: nobody will ever answer.
        if !slot.pointee.flags.contains(.finalSent) {
            dialogFinal(server, code: 500, now: table.pointee.latestTime)
        }
        slot.pointee.dialog = nil
        dialog.release()
    }

    // MARK: Ends

    func endDialog(_ dialog: Dialog, _ ending: DialogEnding, now: UInt64) {
        guard let last = dialogs.end(dialog) else { return }
        accountCall(dialog, last, ending, now: now)
        switch ending {
        case .failed: count(.dialogsFailed)
        case .bye: count(.dialogsEnded)
        case .timedOut: count(.dialogsTimedOut)
        case .terminated: count(.dialogsTerminated)
        }
    }

    private func count(_ counter: ProxyCounter, if condition: Bool) {
        if condition { count(counter) }
    }
}

extension DialogContent {
    mutating func confirm(_ callee: DialogParty, at now: UInt64, for milliseconds: UInt64) {
        let cSeq = self.callee.cSeq
        self.callee = callee
        self.callee.cSeq = cSeq
        state = .confirmed
        confirmedAt = now
        deadline = now &+ milliseconds
    }
}
