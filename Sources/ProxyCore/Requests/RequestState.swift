public import Reactor
internal import SIPMessage
internal import SIPTransaction
internal import StatePolicy

/// What a `RequestContext` knows beside the message: plain values, renewed for each request.
struct RequestState {
    var source = SocketAddress.none
    var listener = 0
    var now: UInt64 = 0
    var verdict = Verdict.none
    var replyCode = 0
    var replyReason = UnsafeRawBufferPointer(start: nil, count: 0)
    var replyHeaders = UnsafeRawBufferPointer(start: nil, count: 0)
    var targetCount = 0
    var targetOrder = TargetOrder.parallel
    var answerMilliseconds: UInt32 = 0
    var nextHop = SocketAddress.none
    var stateDemand = StateDemand.auto
    var handlers = TransactionHandlers()
    var wasRoutedHere = false
    /// The connection that the route we recorded names, when it is another than the request came by; `.none`: none.
    var flow = SocketAddress.none
    var recordsRoute = false
    var newRequestURI = UnsafeRawBufferPointer(start: nil, count: 0)
    var isRequestURIEdited = false
    var failureCode = 0
    var generation: UInt16 = 0
    var routesRemoved = 0
    var loopHash: UInt32 = 0
    var needsReceived = false
    // Of state distribution; untouched where there are no trusted peers.
    var upstream = PathSample.outside
    var nextHopNumber = PathSample.outside
    var marker = StateMarker.absent
    var hasForeignSignals = false
    var holdReason = HolderNote.Reason.kept
    var departure = Departure(destination: .none, listener: -1, strictRoute: nil)
    // Of names.
    var pendingName = PendingName.none
    var selectionSeed: UInt64 = 0
    var waitsNoMore = false
    // Of handlers that wait.
    var handler: UInt64 = 0
    var wait = HandlerWait.outcome
    var answeredCode = 0
    // Of tracked dialogs.
    var routeDialog: DialogID?
    var dialogMark: DialogID?
    var isDrafting = false
    var leavesDialogToHolder = false
    var isTrackedElsewhere = false
    var isInDialog = false
    var dialogSender = DialogSide.caller
    // Of accounting.
    var isAccounted = false
    var authenticatedUser = UnsafeRawBufferPointer(start: nil, count: 0)

    mutating func clearVerdict() {
        verdict = .none
        replyCode = 0
        replyReason = UnsafeRawBufferPointer(start: nil, count: 0)
        replyHeaders = UnsafeRawBufferPointer(start: nil, count: 0)
        targetCount = 0
        targetOrder = .parallel
        answerMilliseconds = 0
        nextHop = .none
        handler = 0
    }
}

extension RequestContext {
    public internal(set) var source: SocketAddress {
        get { state.pointee.source }
        set { state.pointee.source = newValue }
    }

    public internal(set) var listener: Int {
        get { state.pointee.listener }
        set { state.pointee.listener = newValue }
    }

    public internal(set) var now: UInt64 {
        get { state.pointee.now }
        set { state.pointee.now = newValue }
    }

    public internal(set) var verdict: Verdict {
        get { state.pointee.verdict }
        set { state.pointee.verdict = newValue }
    }

    public internal(set) var replyCode: Int {
        get { state.pointee.replyCode }
        set { state.pointee.replyCode = newValue }
    }

    public internal(set) var replyReason: UnsafeRawBufferPointer {
        get { state.pointee.replyReason }
        set { state.pointee.replyReason = newValue }
    }

    /// Complete header lines for the response.
    public internal(set) var replyHeaders: UnsafeRawBufferPointer {
        get { state.pointee.replyHeaders }
        set { state.pointee.replyHeaders = newValue }
    }

    public internal(set) var targetCount: Int {
        get { state.pointee.targetCount }
        set { state.pointee.targetCount = newValue }
    }

    public var targetOrder: TargetOrder {
        get { state.pointee.targetOrder }
        set { state.pointee.targetOrder = newValue }
    }

    /// How long a branch may stay without any answer before it counts as failed by 408; 0: until its timer ends (64·T1).
    public var answerMilliseconds: UInt32 {
        get { state.pointee.answerMilliseconds }
        set { state.pointee.answerMilliseconds = newValue }
    }

    /// Where every target goes unless it says otherwise; `.none`: by Route or URI.
    public internal(set) var nextHop: SocketAddress {
        get { state.pointee.nextHop }
        set { state.pointee.nextHop = newValue }
    }

    public var stateDemand: StateDemand {
        get { state.pointee.stateDemand }
        set { state.pointee.stateDemand = newValue }
    }

    public var handlers: TransactionHandlers {
        get { state.pointee.handlers }
        set { state.pointee.handlers = newValue }
    }

    /// Our own Route was on top, or a strict router's Request-URI was put right (RFC 3261 §16.4).
    var flow: SocketAddress {
        get { state.pointee.flow }
        set { state.pointee.flow = newValue }
    }

    public internal(set) var wasRoutedHere: Bool {
        get { state.pointee.wasRoutedHere }
        set { state.pointee.wasRoutedHere = newValue }
    }

    /// Record-Route is to be added.
    public var recordsRoute: Bool {
        get { state.pointee.recordsRoute }
        set { state.pointee.recordsRoute = newValue }
    }

    /// New Request-URI; empty: the message's own.
    var newRequestURI: UnsafeRawBufferPointer {
        get { state.pointee.newRequestURI }
        set { state.pointee.newRequestURI = newValue }
    }

    /// A pending edit puts `newRequestURI` into the message already.
    var isRequestURIEdited: Bool {
        get { state.pointee.isRequestURIEdited }
        set { state.pointee.isRequestURIEdited = newValue }
    }

    /// The final response a failure handler is asked about; 0 outside of one.
    public internal(set) var failureCode: Int {
        get { state.pointee.failureCode }
        set { state.pointee.failureCode = newValue }
    }

    var generation: UInt16 {
        get { state.pointee.generation }
        set { state.pointee.generation = newValue }
    }

    /// Topmost Route values that a pending edit removes.
    var routesRemoved: Int {
        get { state.pointee.routesRemoved }
        set { state.pointee.routesRemoved = newValue }
    }

    /// Of the request as it arrived (`Branch.loopHash`).
    var loopHash: UInt32 {
        get { state.pointee.loopHash }
        set { state.pointee.loopHash = newValue }
    }

    /// Number of the trusted neighbour that sent it and takes part, or `outside`.
    var upstream: Int32 {
        get { state.pointee.upstream }
        set { state.pointee.upstream = newValue }
    }

    /// Number of the neighbour that it goes to next, or `outside`.
    var nextHopNumber: Int32 {
        get { state.pointee.nextHopNumber }
        set { state.pointee.nextHopNumber = newValue }
    }

    /// What a trusted neighbour upstream said of its state.
    var marker: StateMarker {
        get { state.pointee.marker }
        set { state.pointee.marker = newValue }
    }

    /// The top Via says something of state that isn't to be believed, and is to be removed.
    var hasForeignSignals: Bool {
        get { state.pointee.hasForeignSignals }
        set { state.pointee.hasForeignSignals = newValue }
    }

    /// Why its state is held here, if it is.
    var holdReason: HolderNote.Reason {
        get { state.pointee.holdReason }
        set { state.pointee.holdReason = newValue }
    }

    /// Where the only target was found to be before the choice of who holds the state; none: not looked for, or to be
    /// looked for again.
    var departure: Departure {
        get { state.pointee.departure }
        set { state.pointee.departure = newValue }
    }

    /// Why no destination was found, when it is for a name that is not known yet.
    var pendingName: PendingName {
        get { state.pointee.pendingName }
        set { state.pointee.pendingName = newValue }
    }

    /// The choice among the addresses of a name follows from it: the same for all retransmissions.
    var selectionSeed: UInt64 {
        get { state.pointee.selectionSeed }
        set { state.pointee.selectionSeed = newValue }
    }

    /// It has waited for its name once.
    var waitsNoMore: Bool {
        get { state.pointee.waitsNoMore }
        set { state.pointee.waitsNoMore = newValue }
    }

    /// The tracked dialog that our own Route named.
    var routeDialog: DialogID? {
        get { state.pointee.routeDialog }
        set { state.pointee.routeDialog = newValue }
    }

    /// The tracked dialog that our Record-Route is to name.
    var dialogMark: DialogID? {
        get { state.pointee.dialogMark }
        set { state.pointee.dialogMark = newValue }
    }

    /// The handler asked for a dialog to be tracked, and no transaction has taken it over yet.
    var isDrafting: Bool {
        get { state.pointee.isDrafting }
        set { state.pointee.isDrafting = newValue }
    }

    /// The handler asked for a dialog to be tracked where its INVITE is held, and that is not decided yet.
    var leavesDialogToHolder: Bool {
        get { state.pointee.leavesDialogToHolder }
        set { state.pointee.leavesDialogToHolder = newValue }
    }

    /// Our own Route says that another proxy tracks the dialog.
    var isTrackedElsewhere: Bool {
        get { state.pointee.isTrackedElsewhere }
        set { state.pointee.isTrackedElsewhere = newValue }
    }

    /// Belongs to a tracked dialog that it may change.
    var isInDialog: Bool {
        get { state.pointee.isInDialog }
        set { state.pointee.isInDialog = newValue }
    }

    /// Which side of that dialog sent it.
    var dialogSender: DialogSide {
        get { state.pointee.dialogSender }
        set { state.pointee.dialogSender = newValue }
    }

    /// Received and rport are still to be written into the top Via.
    var needsReceived: Bool {
        get { state.pointee.needsReceived }
        set { state.pointee.needsReceived = newValue }
    }
}
