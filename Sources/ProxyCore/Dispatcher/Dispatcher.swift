internal import Glibc
public import Reactor
internal import SIPMessage
internal import SIPTransaction

/// The sets of one configuration as one worker uses them. How targets are is in cells that all workers share; whose turn it
/// is each worker knows for itself.
///
/// Made where scripts are loaded, then owned by its worker.
public final class Dispatcher: @unchecked Sendable {
    /// A target, ready to be chosen.
    struct Member {
        let uri: StoredText
        /// What stands before the user part in the URI, and what follows it.
        let scheme: UnsafeRawBufferPointer
        let place: UnsafeRawBufferPointer
        let address: SocketAddress
        let weight: Int
        let priority: Int
        /// Of the URI: the same on all machines.
        let hash: UInt64
        /// The table keeps it.
        let cell: Unmanaged<TargetCell>
        /// Smooth weighted round robin: how much its turn is due.
        var due = 0
    }

    struct Group {
        let name: StoredText
        let settings: DispatcherSet
        let rules: HealthRules
        /// By priority, and within it as configured.
        var members: [Member]
    }

    let table: TargetTable
    let worker: Int
    var groups: [Group]
    /// Members chosen by the last `select`, best first.
    var chosen: [Int] = []
    /// Scratch of `select`: members that take requests, and how much each is preferred.
    var candidates: [Int] = []
    var scores: [Double] = []
    /// When the first regular probe is due.
    var probeAt: UInt64 = 0
    /// Members that are to be probed out of turn.
    var suspects: [(set: Int, member: Int)] = []
    /// Some set is probed, and this is the worker that does it.
    let isProbing: Bool

    /// - Parameter worker: whose it will be; the first one probes.
    public init(_ sets: [DispatcherSet], table: TargetTable, worker: Int = 0) {
        self.table = table
        self.worker = worker
        groups = sets.map { set in
            let members = set.targets.map { Self.member($0, of: set, table: table) }
            return Group(
                name: StoredText(set.name), settings: set, rules: set.rules,
                members: members.enumerated().sorted {
                    ($0.element.priority, $0.offset) < ($1.element.priority, $1.offset)
                }.map(\.element))
        }
        isProbing = worker == 0 && sets.contains { $0.probe != nil && !$0.targets.isEmpty }
        let longest = groups.map(\.members.count).max() ?? 0
        chosen.reserveCapacity(longest)
        candidates.reserveCapacity(longest)
        scores.reserveCapacity(longest)
        for index in groups.indices {
            // Workers begin at different targets.
            stagger(index)
            bringBack(groups[index])
        }
    }

    /// No set at all.
    public static func empty() -> Dispatcher { Dispatcher([], table: TargetTable(workers: 1)) }

    private static func member(_ target: DispatcherTarget, of set: DispatcherSet, table: TargetTable) -> Member {
        let text = StoredText(target.uri)
        let bytes = text.bytes
        let colon = bytes.firstIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? 0
        var place = colon
        if let uri = SIPURI.parse(ByteRange(0, bytes.count), in: bytes), !uri.hostPort.isAbsent {
            place = uri.hostPort.start
        }
        var hash = KeyedHash(key: hashKey)
        hash.absorb(bytes)
        return Member(
            uri: text, scheme: UnsafeRawBufferPointer(rebasing: bytes[..<colon]),
            place: UnsafeRawBufferPointer(rebasing: bytes[place...]), address: target.address, weight: target.weight,
            priority: target.priority, hash: hash.finish(),
            cell: Unmanaged.passUnretained(table.cell(target.uri, of: set.name)))
    }

    /// Of hashes that all proxies with the same sets agree on, after a restart as well.
    static let hashKey = HashKey(low: 0x6469_7370_6174_6368, high: 0x7461_7267_6574_7321)

    /// A set that is probed no more: nobody else would bring back what probes found down.
    private func bringBack(_ group: Group) {
        guard !group.rules.isProbed else { return }
        for member in group.members {
            member.cell._withUnsafeGuaranteedRef { cell -> Void in
                let health = cell.health
                if health.isDown, !health.isMarked, !health.isDrained {
                    cell.handle(.marked(.up), group.rules, now: 0)
                }
            }
        }
    }

    // MARK: What scripts ask

    /// The set of that name.
    public func index(of name: UnsafeRawBufferPointer) -> Int? {
        groups.firstIndex { $0.name.bytes.count == name.count && $0.name.bytes.elementsEqual(name) }
    }

    /// There is no set.
    public var isEmpty: Bool { groups.isEmpty }

    public var names: [String] { groups.map(\.settings.name) }

    public func settings(_ set: Int) -> DispatcherSet { groups[set].settings }

    public func memberCount(_ set: Int) -> Int { groups[set].members.count }

    /// The URI of a member as it is configured; lives as long as this.
    public func uri(_ set: Int, _ member: Int) -> UnsafeRawBufferPointer { groups[set].members[member].uri.bytes }

    func address(_ set: Int, _ member: Int) -> SocketAddress { groups[set].members[member].address }

    public func weight(_ set: Int, _ member: Int) -> Int { groups[set].members[member].weight }

    public func priority(_ set: Int, _ member: Int) -> Int { groups[set].members[member].priority }

    public func condition(_ set: Int, _ member: Int, now: UInt64) -> TargetCondition {
        groups[set].members[member].cell._withUnsafeGuaranteedRef { $0.condition(at: now) }
    }

    /// A URI that leads to the member: its scheme, host, port and parameters, and the user part given.
    public func parts(_ set: Int, _ member: Int) -> (scheme: UnsafeRawBufferPointer, place: UnsafeRawBufferPointer) {
        (groups[set].members[member].scheme, groups[set].members[member].place)
    }

    /// Whether a target of the set is at that address.
    ///
    /// - Parameter port: its port and transport are to be the same too.
    public func contains(_ set: Int, _ address: SocketAddress, port: Bool) -> Bool {
        let address = address.unmapped
        return groups[set].members.contains { member in
            let own = member.address.unmapped
            return own.sameIP(as: address)
                && (!port || own.port == address.port && own.transport == address.transport)
        }
    }

    /// Says how a target is.
    ///
    /// - Returns: false when the set has no target of that URI, or at that address.
    public func mark(
        _ set: Int, uri: UnsafeRawBufferPointer, address: SocketAddress, _ mark: TargetMark, now: UInt64
    ) -> Bool {
        var isFound = false
        for member in groups[set].members
        where member.uri.bytes.elementsEqual(uri) || (!address.isNone && member.address == address) {
            isFound = true
            _ = member.cell._withUnsafeGuaranteedRef { $0.handle(.marked(mark), groups[set].rules, now: now) }
        }
        return isFound
    }
}

extension TargetTable {
    /// Says how a target is, for whoever has no worker's sets at hand.
    ///
    /// - Returns: false when the set has no such target.
    public func mark(_ uri: String, of set: DispatcherSet, _ mark: TargetMark, now: UInt64) -> Bool {
        guard set.targets.contains(where: { $0.uri == uri }), let cell = find(uri, of: set.name) else { return false }
        cell.handle(.marked(mark), set.rules, now: now)
        return true
    }
}
