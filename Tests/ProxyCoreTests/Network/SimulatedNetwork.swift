import Reactor

/// Something with an address: a proxy or a user agent.
protocol NetworkNode: AnyObject {
    /// One datagram for one of the node's addresses. It may be changed in place.
    func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from source: SocketAddress, to own: SocketAddress, now: UInt64)

    /// A time that the node asked for with `wake` has come.
    func wake(_ payload: Int, now: UInt64)
}

/// Datagrams between nodes in simulated milliseconds. The same seed gives the same run, event by event.
final class SimulatedNetwork {
    private enum Happening {
        case delivery(UnsafeMutableRawBufferPointer, from: SocketAddress, to: SocketAddress)
        case wake(node: Int, payload: Int)
    }

    private(set) var now: UInt64 = 1_000
    let conditions: NetworkConditions
    private var random: SeededGenerator
    private var queue = DeliveryQueue<Happening>()
    private var nodes: [any NetworkNode] = []
    private var addresses: [SocketAddress: Int] = [:]
    private(set) var sentCount = 0
    private(set) var lostCount = 0
    private(set) var deliveredCount = 0
    /// Hash of every delivery in order: time, addresses, bytes.
    private(set) var trace: UInt64 = 0x9E37_79B9_7F4A_7C15

    init(seed: UInt64, conditions: NetworkConditions) {
        random = SeededGenerator(seed: seed)
        self.conditions = conditions
    }

    deinit {
        while let event = queue.pop() {
            if case .delivery(let bytes, _, _) = event.payload { bytes.deallocate() }
        }
    }

    func add(_ node: any NetworkNode, at own: [SocketAddress]) {
        nodes.append(node)
        for address in own { addresses[address] = nodes.count - 1 }
    }

    func index(of node: any NetworkNode) -> Int {
        nodes.firstIndex { $0 === node }!
    }

    /// A datagram leaves: lost, delayed, perhaps doubled.
    func send(_ bytes: UnsafeRawBufferPointer, from source: SocketAddress, to destination: SocketAddress) {
        sentCount += 1
        guard !random.chance(perMille: conditions.lossPerMille) else {
            lostCount += 1
            return
        }
        enqueue(bytes, from: source, to: destination)
        if random.chance(perMille: conditions.duplicationPerMille) { enqueue(bytes, from: source, to: destination) }
    }

    private func enqueue(_ bytes: UnsafeRawBufferPointer, from source: SocketAddress, to destination: SocketAddress) {
        let range = conditions.delayMilliseconds
        var delay = range.lowerBound
        if range.upperBound > range.lowerBound { delay += random.next() % (range.upperBound - range.lowerBound + 1) }
        if random.chance(perMille: conditions.reorderPerMille) { delay += conditions.reorderDelayMilliseconds }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        copy.copyMemory(from: bytes)
        queue.push(.delivery(copy, from: source, to: destination), at: now + delay)
    }

    /// Calls the node's `wake` at a time, not before now.
    func wake(_ node: Int, _ payload: Int, at time: UInt64) {
        queue.push(.wake(node: node, payload: payload), at: max(time, now))
    }

    /// Runs until nothing is left to happen, at most until `limit`. False: something was left.
    @discardableResult
    func run(until limit: UInt64 = .max) -> Bool {
        while let next = queue.nextTime {
            guard next <= limit else { return false }
            guard let event = queue.pop() else { return true }
            now = event.at
            switch event.payload {
            case .wake(let node, let payload):
                nodes[node].wake(payload, now: now)
            case .delivery(let bytes, let source, let destination):
                // Nobody there: the datagram is gone, as on a real network.
                if let node = addresses[destination] {
                    deliveredCount += 1
                    note(bytes, from: source, to: destination)
                    nodes[node].receive(bytes, from: source, to: destination, now: now)
                }
                bytes.deallocate()
            }
        }
        return true
    }

    private func note(_ bytes: UnsafeMutableRawBufferPointer, from source: SocketAddress, to destination: SocketAddress)
    {
        var hash = trace ^ now
        hash = SeededGenerator.mixed(hash ^ source.low ^ UInt64(source.port) << 48)
        hash = SeededGenerator.mixed(hash ^ destination.low ^ UInt64(destination.port) << 48)
        var index = 0
        while index + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
            index += 8
        }
        while index < bytes.count {
            hash = (hash ^ UInt64(bytes[index])) &* 0x9E37_79B9_7F4A_7C15
            index += 1
        }
        trace = SeededGenerator.mixed(hash)
    }
}
