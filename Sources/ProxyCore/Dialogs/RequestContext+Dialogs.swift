internal import Reactor
internal import SIPMessage
internal import SIPTransaction

extension RequestContext {
    /// Asks that the dialog which this INVITE may begin be tracked. It is counted from now on, stays on this proxy's path
    /// (Record-Route), and its INVITE is held here.
    ///
    /// - Parameter given: values of the script for the columns of its accounting record.
    public func trackDialog(_ options: DialogOptions, given: GivenValues = [:]) -> DialogAdmission {
        guard message.pointee.method == .invite, message.pointee.toTag.isAbsent else { return .noInitialInvite }
        guard dialogMark == nil, !leavesDialogToHolder else { return .trackedBefore }
        let callID = message.pointee.bytes(message.pointee.callID)
        let callHash = dialogs.hash(callID: callID)
        let cSeq = message.pointee.cSeqNumber
        let known = dialogs.look(callHash, callerTag: tag(message.pointee.fromTag), cSeq: cSeq)
        if let same = known.same, hasBeenHere {
            // A spiral (RFC 3261 §16.3 step 4): one dialog, whichever way round.
            dialogMark = same
            recordsRoute = true
            return .tracked
        }
        let admission =
            known.count < DialogTable.perCallMax ? dialogs.reserve(options.key, limit: options.limit) : .tableFull
        guard admission == .tracked else {
            counters.add(
                (admission == .limitReached ? ProxyCounter.dialogsLimited : .dialogsRefused).rawValue)
            return admission
        }
        let id = dialogs.id(of: message.pointee, transaction: selectionSeed)
        draft = DialogDraft(
            id: id, callHash: callHash, options: options, callID: Array(callID), caller: caller(cSeq), beganAt: now,
            recordFields: options.isAccounted && ledger != nil ? accountingValues(given) : nil)
        isDrafting = true
        dialogMark = id
        recordsRoute = true
        return .tracked
    }

    /// Asks for the same of whichever proxy of the chain comes to hold the INVITE: this one, if it does. The others leave
    /// requests of the dialog to it.
    public func trackDialogWhereHeld(_ options: DialogOptions, given: GivenValues = [:]) -> DialogAdmission {
        guard message.pointee.method == .invite, message.pointee.toTag.isAbsent else { return .noInitialInvite }
        guard dialogMark == nil, !leavesDialogToHolder else { return .trackedBefore }
        dialogs.leaveToHolder()
        wish = (options, given)
        leavesDialogToHolder = true
        return .tracked
    }

    /// The INVITE is held here.
    func draftWish() {
        guard leavesDialogToHolder, let wish else { return }
        leavesDialogToHolder = false
        self.wish = nil
        // Refused, the call goes on, and is counted.
        _ = trackDialog(wish.options, given: wish.given)
    }

    /// Dialogs counted under a key over all workers; those included whose INVITE is under way.
    public func dialogCount(of key: UnsafeRawBufferPointer) -> Int { dialogs.count(of: key) }

    /// Whether this INVITE begins a tracked dialog.
    public var tracksDialog: Bool { isDrafting }

    /// Gives up a dialog that has not begun.
    func dropDraft() {
        guard isDrafting else { return }
        isDrafting = false
        guard let dropped = draft else { return }
        draft = nil
        dialogs.giveBack(dropped.options.key)
    }

    /// The draft, for the transaction that takes it over.
    func takeDraft() -> DialogDraft? {
        isDrafting = false
        defer { draft = nil }
        return draft
    }

    private func caller(_ cSeq: UInt32) -> DialogParty {
        var party = DialogParty()
        party.tag = Array(tag(message.pointee.fromTag))
        party.address = Array(message.pointee.bytes(message.pointee.from))
        party.target = message.pointee.contactURI
        party.routes = message.pointee.recordRoutes
        party.cSeq = cSeq
        party.hop = source
        party.listener = listener
        return party
    }

    private func tag(_ range: ByteRange) -> UnsafeRawBufferPointer { message.pointee.tagBytes(range) }

    /// Whether one of the Vias is ours.
    private var hasBeenHere: Bool {
        var cursor = message.pointee.elements(of: .via)
        while let element = cursor.next(in: message.pointee) {
            if let via = Via.parse(element.value, in: message.pointee.bytes), isOwn(via) { return true }
        }
        return false
    }
}

extension SIPMessage {
    /// The tag's bytes; none without one.
    func tagBytes(_ range: ByteRange) -> UnsafeRawBufferPointer {
        range.isAbsent ? UnsafeRawBufferPointer(start: nil, count: 0) : bytes(range)
    }

    /// URI of the first Contact; empty without one.
    var contactURI: [UInt8] {
        var cursor = elements(of: .contact)
        guard let element = cursor.next(in: self), let address = NameAddress.parse(element.value, in: bytes) else {
            return []
        }
        return Array(bytes(address.uri))
    }

    /// The Record-Route values in their order. Each is at most as long as the message.
    var recordRoutes: [[UInt8]] {
        var routes: [[UInt8]] = []
        var cursor = elements(of: .recordRoute)
        while let element = cursor.next(in: self) { routes.append(Array(bytes(element.value))) }
        return routes
    }
}
