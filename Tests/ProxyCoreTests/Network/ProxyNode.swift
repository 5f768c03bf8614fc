import ProxyCore
import Reactor
import StatePolicy

/// A proxy in the simulated network, with one worker or several.
///
/// Datagrams of one source always reach the same worker, as a kernel with SO_REUSEPORT does it.
final class ProxyNode: NetworkNode {
    /// One worker's way out.
    private final class Sink: DatagramSink {
        unowned let network: SimulatedNetwork
        let listeners: [SocketAddress]
        private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 16)

        init(network: SimulatedNetwork, listeners: [SocketAddress]) {
            self.network = network
            self.listeners = listeners
        }

        deinit { room.deallocate() }

        func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(rebasing: room[..<min(capacity, datagramBytesMax)])
        }

        func commit(_ count: Int, to address: SocketAddress, listener: Int) {
            network.send(UnsafeRawBufferPointer(rebasing: room[..<count]), from: listeners[listener], to: address)
        }
    }

    /// The other workers, reached through letters that are read at the end of each turn.
    private final class Peers: WorkerPeers {
        unowned let node: ProxyNode

        init(node: ProxyNode) {
            self.node = node
        }

        func post(_ datagram: UnsafeRawBufferPointer, to worker: Int, source: SocketAddress, listener: Int) -> Bool {
            node.letters.append((Array(datagram), worker, source, listener))
            return true
        }

        func clientTransactions(of worker: Int) -> UInt64 {
            node.counters[worker].value(ProxyCounter.clientTransactionsLive.rawValue)
        }
    }

    private(set) var workers: [Proxy] = []
    private let counters: [CounterBlock]
    private unowned let network: SimulatedNetwork
    private let listeners: [SocketAddress]
    private var nodeIndex = -1
    private var letters: [([UInt8], Int, SocketAddress, Int)] = []
    private var peers: Peers?
    /// The time at which each worker is woken next.
    private var wakeAt: [UInt64]
    private(set) var serversHighest = 0
    /// The control side, ticked by the run.
    let node: StateNode
    /// Transactions that were held here, in order.
    private(set) var holders: [Holder] = []

    init(
        network: SimulatedNetwork, settings: ProxySettings, makePolicy: (@Sendable () -> any StatePolicy)? = nil,
        logic: (Int) -> any RoutingLogic
    ) {
        node = StateNode(settings: settings, epoch: 1_000, makePolicy: makePolicy)
        self.network = network
        listeners = settings.listeners.map(\.address)
        counters = (0..<settings.workerCount).map { _ in CounterBlock(count: ProxyCounter.allCases.count) }
        wakeAt = Array(repeating: .max, count: settings.workerCount)
        let dialogs = DialogTable(dialogsMax: settings.limits.dialogsMax, hashKey: settings.hashKey)
        if settings.workerCount > 1 { peers = Peers(node: self) }
        for index in 0..<settings.workerCount {
            let sink = Sink(network: network, listeners: listeners)
            workers.append(
                Proxy(
                    settings: settings, workerIndex: index, logic: logic(index), sink: sink, counters: counters[index],
                    peers: peers, desk: node.desks[index], now: network.now, dialogs: dialogs))
            workers[index].holderNoted = { [unowned self] in holders.append(Holder($0)) }
        }
        network.add(self, at: listeners)
        nodeIndex = network.index(of: self)
    }

    deinit {
        for block in counters { block.deallocate() }
    }

    func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, to own: SocketAddress, now: UInt64
    ) {
        let listener = listeners.firstIndex(of: own)!
        let worker =
            workers.count == 1
            ? 0 : Int(SeededGenerator.mixed(source.low ^ UInt64(source.port)) % UInt64(workers.count))
        workers[worker].received(datagram, from: source, listener: listener, now: now)
        ask(worker, now: now)
        readLetters(now: now)
    }

    func wake(_ worker: Int, now: UInt64) {
        guard now >= wakeAt[worker] else { return }
        wakeAt[worker] = .max
        workers[worker].advance(to: now)
        ask(worker, now: now)
    }

    private func readLetters(now: UInt64) {
        while !letters.isEmpty {
            let batch = letters
            letters.removeAll()
            for (bytes, worker, source, listener) in batch {
                bytes.withUnsafeBytes {
                    workers[worker].receivedFromWorker($0, from: source, listener: listener, now: now)
                }
                ask(worker, now: now)
            }
        }
    }

    private func ask(_ worker: Int, now: UInt64) {
        guard let deadline = workers[worker].nextDeadline(), deadline < wakeAt[worker] else { return }
        wakeAt[worker] = max(deadline, now)
        network.wake(nodeIndex, worker, at: wakeAt[worker])
    }

    func count(_ counter: ProxyCounter) -> UInt64 {
        counters.reduce(0) { $0 + $1.value(counter.rawValue) }
    }

    /// No transaction and no message block is held.
    var isEmpty: Bool {
        workers.allSatisfy { $0.transactionsInUse == 0 && $0.messageBlocksInUse == 0 && $0.nextDeadline() == nil }
    }
}
