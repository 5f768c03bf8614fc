internal import Reactor
public import SIPTransaction

/// How far a tracked dialog is.
public enum DialogState: UInt8, Sendable, CaseIterable {
    /// The INVITE is under way and nobody has answered with a To tag: no dialog yet (RFC 3261 §12.1).
    case calling
    /// Provisional responses established early dialogs, one or several.
    case early
    /// A 2xx established it.
    case confirmed
    case ended

    public var name: String { "\(self)" }
}

/// Why a tracked dialog ended.
public enum DialogEnding: Sendable, Equatable {
    /// The INVITE was answered with this code, 300 or more.
    case failed(Int)
    case bye(by: DialogSide)
    /// The longest duration has passed.
    case timedOut
    /// By `ctl dialog terminate`.
    case terminated
}

public enum DialogSide: Sendable, Equatable {
    case caller
    case callee
}

/// One side of a dialog, as far as a request to it needs: RFC 3261 §12.1 with this proxy in the place of the other side.
struct DialogParty: Sendable {
    var tag: [UInt8] = []
    /// Its From or To value, with the tag.
    var address: [UInt8] = []
    /// URI of its latest Contact: the remote target.
    var target: [UInt8] = []
    /// Route values from here to it, in their order.
    var routes: [[UInt8]] = []
    /// The greatest CSeq number that it has used.
    var cSeq: UInt32 = 0
    /// Where its messages come from, for when neither route nor target can be resolved at once.
    var hop = SocketAddress.none
    var listener = 0
}

/// What changes in the life of a dialog.
struct DialogContent: Sendable {
    var state = DialogState.calling
    var caller = DialogParty()
    var callee = DialogParty()
    /// Milliseconds of the workers' clock; 0: not yet.
    var confirmedAt: UInt64 = 0
    var deadline = UInt64.max
    /// To tags of all 2xx to the INVITE, each of which began a dialog of its own.
    var answered: [[UInt8]] = []

    subscript(side: DialogSide) -> DialogParty {
        get { side == .caller ? caller : callee }
        _modify {
            if side == .caller { yield &caller } else { yield &callee }
        }
    }
}

/// A tracked dialog as the proxy on its path sees it. Shared by all workers.
///
/// What is not constant belongs to the lock of the dialog's shard; only `DialogTable` reaches it.
public final class Dialog: @unchecked Sendable {
    public let id: DialogID
    /// What it is counted under; empty: nothing.
    public let key: [UInt8]
    public let callID: [UInt8]
    /// Milliseconds of the workers' clock.
    public let beganAt: UInt64
    let callHash: UInt64
    let cSeq: UInt32
    let durationMilliseconds: UInt64
    let byeOnTimeout: Bool
    /// Further columns of its accounting record; nil: none is made.
    let recordFields: [[UInt8]]?
    /// The worker that holds the INVITE's transaction, and its slot there.
    public let worker: Int
    let server: UInt32

    var content: DialogContent
    /// Another dialog of the same Call-ID.
    var nextOfCall: Dialog?
    /// Place and neighbours in the calendar; -1: not in it.
    var day = -1
    var later: Dialog?
    unowned(unsafe) var earlier: Dialog?

    init(_ draft: DialogDraft, worker: Int, server: UInt32) {
        id = draft.id
        key = draft.options.key
        callID = draft.callID
        beganAt = draft.beganAt
        callHash = draft.callHash
        cSeq = draft.caller.cSeq
        durationMilliseconds = draft.options.durationMilliseconds
        byeOnTimeout = draft.options.byeOnTimeout
        recordFields = draft.recordFields
        self.worker = worker
        self.server = server
        content = DialogContent()
        content.caller = draft.caller
    }

    /// A further dialog of the same INVITE: another branch answered it too (RFC 3261 §13.2.2.4).
    init(branching other: Dialog, caller: DialogParty) {
        id = other.id
        key = other.key
        callID = other.callID
        beganAt = other.beganAt
        callHash = other.callHash
        cSeq = other.cSeq
        durationMilliseconds = other.durationMilliseconds
        byeOnTimeout = other.byeOnTimeout
        recordFields = other.recordFields
        worker = other.worker
        server = 0
        content = DialogContent()
        content.caller = caller
    }
}

/// How a dialog is to be tracked.
public struct DialogOptions: Sendable, Equatable {
    /// What it is counted under: a user or a trunk. Empty: nothing.
    public var key: [UInt8] = []
    /// Dialogs that the key may have; nil: any number.
    public var limit: Int?
    public var durationMilliseconds: UInt64 = 43_200_000
    /// Whether both sides get a BYE when that has passed.
    public var byeOnTimeout = false
    /// Whether an accounting record is made when it ends.
    public var isAccounted = false

    public init() {}
}

/// A dialog that a handler has asked for; it begins when the INVITE's transaction does.
struct DialogDraft {
    var id: DialogID
    var callHash: UInt64
    var options: DialogOptions
    var callID: [UInt8]
    var caller: DialogParty
    var beganAt: UInt64
    var recordFields: [[UInt8]]?
}

/// What became of the wish to track a dialog.
public enum DialogAdmission: Sendable, Equatable {
    case tracked
    /// The key has as many as it may have.
    case limitReached
    /// `limits.dialogs` is reached, or the Call-ID has as many as one may have.
    case tableFull
    /// Only an INVITE without a To tag begins a dialog.
    case noInitialInvite
    case trackedBefore
}
