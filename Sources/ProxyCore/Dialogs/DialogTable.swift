internal import Reactor
internal import SIPMessage
public import SIPTransaction
internal import Synchronization

/// All tracked dialogs of the process, shared by the workers: any of them may get a dialog's requests.
///
/// A lock for each of many shards, chosen by the Call-ID. Who tracks nothing never takes one: `isInUse` is all that is
/// asked then. Nothing is called and nothing is sent while a lock is held.
public final class DialogTable: Sendable {
    static let shardCount = 64
    /// Dialogs of one Call-ID: more than forks make, and few enough to look through.
    static let perCallMax = 64

    private let shards: [Monitor<DialogShard>]
    private let counts: [Monitor<[[UInt8]: Int]>]
    private let dialogsMax: Int
    private let hashKey: HashKey
    private let taken = Atomic<Int>(0)
    private let leavesToHolder = Atomic<Bool>(false)
    private let byState: [Gauge] = DialogState.allCases.map { _ in Gauge() }

    private final class Gauge: Sendable {
        let value = Atomic<Int>(0)
    }

    public init(dialogsMax: Int, hashKey: HashKey) {
        self.dialogsMax = dialogsMax
        self.hashKey = hashKey
        shards = (0..<Self.shardCount).map { _ in Monitor(DialogShard()) }
        counts = (0..<Self.shardCount).map { _ in Monitor([:]) }
    }

    /// Whether there is a dialog, or one may begin at once.
    @inline(__always)
    var isInUse: Bool { taken.load(ordering: .relaxed) != 0 }

    /// Whether Route headers may name dialogs: one is tracked, or was left to whoever holds its INVITE.
    @inline(__always)
    var readsMarks: Bool { isInUse || leavesToHolder.load(ordering: .relaxed) }

    /// From now on dialogs may be tracked by other proxies.
    func leaveToHolder() {
        if !leavesToHolder.load(ordering: .relaxed) { leavesToHolder.store(true, ordering: .relaxed) }
    }

    /// Dialogs in that state now.
    public func count(_ state: DialogState) -> Int { byState[Int(state.rawValue)].value.load(ordering: .relaxed) }

    /// Dialogs counted under a key, those included whose INVITE is under way.
    public func count(of key: UnsafeRawBufferPointer) -> Int {
        let key = [UInt8](key)
        return counts[shardIndex(of: key)].withLock { $0[key] ?? 0 }
    }

    /// All dialogs, those included whose INVITE is under way.
    public var count: Int { taken.load(ordering: .relaxed) }

    func hash(callID: UnsafeRawBufferPointer) -> UInt64 {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(callID)
        return hash.finish()
    }

    func id(of invite: borrowing SIPMessage, transaction: UInt64) -> DialogID {
        DialogID(invite: invite, transaction: transaction, hashKey: hashKey)
    }

    // MARK: Room

    /// Takes room for one dialog and counts it under its key, or says why not. Given back by `giveBack` or `end`.
    func reserve(_ key: [UInt8], limit: Int?) -> DialogAdmission {
        guard taken.add(1, ordering: .relaxed).newValue <= dialogsMax else {
            taken.subtract(1, ordering: .relaxed)
            return .tableFull
        }
        guard !key.isEmpty else { return .tracked }
        let isWithin = counts[shardIndex(of: key)].withLock { counts in
            let count = counts[key, default: 0]
            if let limit, count >= limit { return false }
            counts[key] = count + 1
            return true
        }
        if isWithin { return .tracked }
        taken.subtract(1, ordering: .relaxed)
        return .limitReached
    }

    func giveBack(_ key: [UInt8]) {
        taken.subtract(1, ordering: .relaxed)
        guard !key.isEmpty else { return }
        counts[shardIndex(of: key)].withLock { counts in
            let count = counts[key, default: 0]
            counts[key] = count > 1 ? count - 1 : nil
        }
    }

    private func shardIndex(of key: [UInt8]) -> Int { Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount)) }

    // MARK: Dialogs

    private func shard(_ callHash: UInt64) -> Monitor<DialogShard> {
        shards[Int(callHash % UInt64(Self.shardCount))]
    }

    /// Enters a dialog that room was reserved for.
    func insert(_ dialog: Dialog) {
        shard(dialog.callHash).withLock { $0.insert(dialog) }
        byState[Int(dialog.content.state.rawValue)].value.add(1, ordering: .relaxed)
    }

    /// How many dialogs a Call-ID has, and whether one of them is of that INVITE, which has come by here before.
    func look(_ callHash: UInt64, callerTag: UnsafeRawBufferPointer, cSeq: UInt32) -> (count: Int, same: DialogID?) {
        shard(callHash).withLock { shard in
            var (count, same) = (0, DialogID?.none)
            var dialog = shard.first(callHash)
            while let current = dialog {
                count += 1
                if current.cSeq == cSeq, current.content.state != .confirmed,
                    callerTag.elementsEqual(current.content.caller.tag)
                {
                    same = current.id
                }
                dialog = current.nextOfCall
            }
            return (count, same)
        }
    }

    /// The dialog that a request belongs to, and who sent it. Tags decide; `id` tells apart what has the same ones, or
    /// none on the callee's side yet.
    func find(
        _ callHash: UInt64, id: DialogID?, from: UnsafeRawBufferPointer, to: UnsafeRawBufferPointer
    ) -> (dialog: Dialog, sender: DialogSide)? {
        shard(callHash).withLock { shard in
            var best: (dialog: Dialog, sender: DialogSide)?
            var bestRank = 0
            var dialog = shard.first(callHash)
            while let current = dialog {
                dialog = current.nextOfCall
                guard let match = current.content.match(from: from, to: to) else { continue }
                let rank = match.rank * 2 + (current.id == id ? 1 : 0)
                if rank > bestRank { (best, bestRank) = ((current, match.sender), rank) }
            }
            return best
        }
    }

    /// For commands: looks everywhere.
    public func find(_ id: DialogID) -> Dialog? {
        for shard in shards {
            if let found = shard.withLock({ $0.all.first { $0.id == id } }) { return found }
        }
        return nil
    }

    /// Reads or changes a dialog that has not ended; nil when it has.
    @discardableResult
    func update<Result>(_ dialog: Dialog, _ body: (inout DialogContent) -> Result) -> Result? {
        let change = shard(dialog.callHash).withLock { shard -> (Result, DialogState, DialogState)? in
            guard dialog.content.state != .ended else { return nil }
            let (state, deadline) = (dialog.content.state, dialog.content.deadline)
            let result = body(&dialog.content)
            if dialog.content.deadline != deadline { shard.reschedule(dialog) }
            return (result, state, dialog.content.state)
        }
        guard let (result, before, after) = change else { return nil }
        if before != after {
            byState[Int(before.rawValue)].value.subtract(1, ordering: .relaxed)
            byState[Int(after.rawValue)].value.add(1, ordering: .relaxed)
        }
        return result
    }

    /// Takes a dialog out, once: its last content, or nil when it had ended before.
    func end(_ dialog: Dialog) -> DialogContent? {
        let last = shard(dialog.callHash).withLock { shard -> DialogContent? in
            guard dialog.content.state != .ended else { return nil }
            let last = dialog.content
            shard.remove(dialog)
            dialog.content = DialogContent()
            dialog.content.state = .ended
            return last
        }
        guard let last else { return nil }
        byState[Int(last.state.rawValue)].value.subtract(1, ordering: .relaxed)
        giveBack(dialog.key)
        return last
    }

    /// The dialogs whose time has passed, of shards that nobody has looked at in this second. They stay in.
    func takeExpired(now: UInt64) -> [Dialog] {
        var expired: [Dialog] = []
        for shard in shards { shard.withLock { $0.visitCalendar(now: now, &expired) } }
        return expired
    }

    /// A copy of all, shard by shard, for reports.
    func contents() -> [(dialog: Dialog, content: DialogContent)] {
        shards.flatMap { shard in shard.withLock { $0.all.map { ($0, $0.content) } } }
    }
}

extension DialogContent {
    /// Who sent a request with these tags, and how sure that is: 2 both tags are known, 1 the callee's is not yet.
    func match(from: UnsafeRawBufferPointer, to: UnsafeRawBufferPointer) -> (sender: DialogSide, rank: Int)? {
        let isOpen = state != .confirmed
        if from.elementsEqual(caller.tag) {
            if to.elementsEqual(callee.tag) { return (.caller, 2) }
            if isOpen { return (.caller, 1) }
        }
        if to.elementsEqual(caller.tag) {
            if from.elementsEqual(callee.tag) { return (.callee, 2) }
            if isOpen { return (.callee, 1) }
        }
        return nil
    }
}

/// A tracked dialog in a report.
public struct DialogSummary: Sendable, Equatable {
    public var id: DialogID
    public var state: DialogState
    public var callID: String
    public var key: String
    /// Their From and To values with tags; the callee's is empty until it has answered.
    public var caller: String
    public var callee: String
    public var worker: Int
    /// Milliseconds of the workers' clock; 0: not answered yet.
    public var beganAt: UInt64
    public var confirmedAt: UInt64
}

extension DialogTable {
    /// All dialogs, the oldest first. Takes each shard's lock for as long as copying it takes.
    public func summaries() -> [DialogSummary] {
        contents().map { dialog, content in
            DialogSummary(
                id: dialog.id, state: content.state, callID: Self.text(dialog.callID), key: Self.text(dialog.key),
                caller: Self.text(content.caller.address), callee: Self.text(content.callee.address),
                worker: dialog.worker, beganAt: dialog.beganAt, confirmedAt: content.confirmedAt)
        }.sorted { ($0.beganAt, $0.id.rawValue) < ($1.beganAt, $1.id.rawValue) }
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
