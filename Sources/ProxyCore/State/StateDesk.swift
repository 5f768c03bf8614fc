internal import Reactor
internal import SIPTransaction
public import StatePolicy

/// Where one worker and the control side meet about state: the worker counts and passes on what neighbours say, the
/// control side leaves its decisions. Neither waits for the other.
///
/// Made by `StateNode`, one a worker. The methods of this file's extensions belong to the worker's thread, those of
/// `StateDesk+Control.swift` to the control side.
public final class StateDesk: @unchecked Sendable {
    /// The policy's name, and its answer when it has only one.
    public let policyName: String
    public let fixedMode: StateMode?
    /// Without trusted peers nothing is shared with anybody, and nothing is counted here.
    let sharesState: Bool

    let fromWorker: CounterBlock
    let fromControl: CounterBlock

    // The worker's own.
    let neighbours: UnsafeMutablePointer<NeighbourTable>
    /// When each neighbour was last told something: milliseconds of the worker's clock.
    let toldAt: UnsafeMutablePointer<UInt64>
    let paths: UnsafeMutablePointer<PathTable>

    init(policyName: String, fixedMode: StateMode?, trustedPeers: [TrustedPeer]) {
        self.policyName = policyName
        self.fixedMode = fixedMode
        sharesState = !trustedPeers.isEmpty
        fromWorker = CounterBlock(count: sharesState ? StateMemory.FromWorker.count : 1)
        fromControl = CounterBlock(count: sharesState ? StateMemory.FromControl.count : 1)
        let capacity = sharesState ? StateMemory.neighboursMax : 0
        neighbours = .allocate(capacity: 1)
        neighbours.initialize(to: NeighbourTable(trusted: trustedPeers, neighboursMax: capacity))
        toldAt = .allocate(capacity: max(capacity, 1))
        toldAt.initialize(repeating: 0, count: max(capacity, 1))
        paths = .allocate(capacity: 1)
        paths.initialize(to: PathTable(rowsMax: sharesState ? StateMemory.pathsMax : 1))
        if sharesState { enterFirstPath() }
    }

    deinit {
        neighbours.deinitialize(count: 1).deallocate()
        toldAt.deallocate()
        paths.deinitialize(count: 1).deallocate()
        fromWorker.deallocate()
        fromControl.deallocate()
    }

    /// A desk that nobody sits at on the other side: everything is held.
    static func unattended(_ settings: ProxySettings) -> StateDesk {
        let policy = settings.policy.make()
        return StateDesk(
            policyName: policy.name, fixedMode: policy.fixedMode, trustedPeers: settings.trustedPeers)
    }
}
