internal import Reactor
internal import SIPTransaction

/// All transactions of one worker: slots, the two indexes, the messages they keep and their timers.
///
/// Memory is set aside by capacity and touched as it is used (see `SlotPool`, `BufferPool`).
struct TransactionTable: ~Copyable {
    var servers: SlotPool<ServerSlot>
    var clients: SlotPool<ClientSlot>
    var buffers: BufferPool
    var wheel: TimerWheel
    var recentSends = RecentSends()
    /// Of the latest `advance`, in milliseconds.
    var latestTime: UInt64
    private let serverBuckets: UnsafeMutablePointer<UInt32>
    private let clientBuckets: UnsafeMutablePointer<UInt32>
    private let bucketMask: Int

    init(limits: ProxySettings.Limits, now: UInt64) {
        latestTime = now
        servers = SlotPool(capacity: limits.transactionsMax)
        // Forks and CANCELs take more than one a request.
        clients = SlotPool(capacity: limits.transactionsMax * 2)
        buffers = BufferPool(bytesMax: limits.transactionMemoryBytesMax)
        wheel = TimerWheel(
            now: now,
            timersMax: limits.transactionsMax * 3 + limits.waitingHandlersMax
                + RoutingTimerTable.timersMax)
        var bucketCount = 1_024
        while bucketCount < limits.transactionsMax { bucketCount *= 2 }
        bucketMask = bucketCount - 1
        serverBuckets = .allocate(capacity: bucketCount)
        serverBuckets.initialize(repeating: 0, count: bucketCount)
        clientBuckets = .allocate(capacity: bucketCount)
        clientBuckets.initialize(repeating: 0, count: bucketCount)
    }

    deinit {
        serverBuckets.deallocate()
        clientBuckets.deallocate()
    }

    // MARK: Server transactions

    func findServer(_ key: TransactionKey, _ method: TransactionMethod) -> UInt32 {
        guard servers.count > 0 else { return 0 }
        var slot = serverBuckets[bucket(key, method)]
        while slot != 0 {
            let candidate = servers[slot]
            if candidate.pointee.key == key && candidate.pointee.method == method { return slot }
            slot = candidate.pointee.chain
        }
        return 0
    }

    /// 0 when the table is full.
    mutating func insertServer(_ value: ServerSlot) -> UInt32 {
        let slot = servers.take(value)
        guard slot != 0 else { return 0 }
        let index = bucket(value.key, value.method)
        servers[slot].pointee.chain = serverBuckets[index]
        serverBuckets[index] = slot
        return slot
    }

    /// Ends a server transaction. Its clients go on by themselves, without anyone to report to.
    mutating func removeServer(_ slot: UInt32) {
        let server = servers[slot]
        unlink(slot, from: serverBuckets + bucket(server.pointee.key, server.pointee.method), in: servers)
        var client = server.pointee.firstClient
        while client != 0 {
            clients[client].pointee.server = 0
            client = clients[client].pointee.nextOfServer
        }
        releaseMessages(of: slot)
        buffers.give(back: &server.pointee.response)
        if server.pointee.timer != 0 { wheel.cancel(server.pointee.timer) }
        servers.give(back: slot)
    }

    /// What a server transaction needs only until its final response has gone upstream.
    mutating func releaseMessages(of slot: UInt32) {
        let server = servers[slot]
        buffers.give(back: &server.pointee.request)
        buffers.give(back: &server.pointee.best)
        buffers.give(back: &server.pointee.challenges)
        buffers.give(back: &server.pointee.later)
    }

    // MARK: Client transactions

    func findClient(_ key: ClientKey) -> UInt32 {
        // A purely stateless proxy never touches the buckets.
        guard clients.count > 0 else { return 0 }
        var slot = clientBuckets[bucket(key)]
        while slot != 0 {
            let candidate = clients[slot]
            if candidate.pointee.key == key { return slot }
            slot = candidate.pointee.chain
        }
        return 0
    }

    /// 0 when the table is full.
    mutating func insertClient(_ value: ClientSlot) -> UInt32 {
        let slot = clients.take(value)
        guard slot != 0 else { return 0 }
        let index = bucket(value.key)
        clients[slot].pointee.chain = clientBuckets[index]
        clientBuckets[index] = slot
        if value.server != 0 {
            clients[slot].pointee.nextOfServer = servers[value.server].pointee.firstClient
            servers[value.server].pointee.firstClient = slot
        }
        return slot
    }

    mutating func removeClient(_ slot: UInt32) {
        let client = clients[slot]
        let head = clientBuckets + bucket(client.pointee.key)
        if head.pointee == slot {
            head.pointee = client.pointee.chain
        } else {
            var previous = head.pointee
            while clients[previous].pointee.chain != slot { previous = clients[previous].pointee.chain }
            clients[previous].pointee.chain = client.pointee.chain
        }
        if client.pointee.server != 0 { detach(slot, from: client.pointee.server) }
        buffers.give(back: &client.pointee.request)
        if client.pointee.timer != 0 { wheel.cancel(client.pointee.timer) }
        // Tells that nobody is here (`Proxy.sendFailed`).
        client.pointee.timer = 0
        clients.give(back: slot)
    }

    private mutating func detach(_ slot: UInt32, from server: UInt32) {
        let next = clients[slot].pointee.nextOfServer
        if servers[server].pointee.firstClient == slot {
            servers[server].pointee.firstClient = next
            return
        }
        var previous = servers[server].pointee.firstClient
        while clients[previous].pointee.nextOfServer != slot { previous = clients[previous].pointee.nextOfServer }
        clients[previous].pointee.nextOfServer = next
    }

    private func unlink(
        _ slot: UInt32, from head: UnsafeMutablePointer<UInt32>, in pool: borrowing SlotPool<ServerSlot>
    ) {
        if head.pointee == slot {
            head.pointee = pool[slot].pointee.chain
            return
        }
        var previous = head.pointee
        while pool[previous].pointee.chain != slot { previous = pool[previous].pointee.chain }
        pool[previous].pointee.chain = pool[slot].pointee.chain
    }

    // MARK: Timers

    /// Payload of a client's timer has the top bit; the rest is the slot.
    static let clientTimer: UInt64 = 1 << 63

    /// Makes sure that a timer fires no later than the transaction's next deadline.
    ///
    /// A timer set earlier than needed is left where it is: when it fires, the transaction looks at its
    /// clocks and asks again. That is cheaper than moving it at every state change. False: no timer free.
    mutating func armServer(_ slot: UInt32) -> Bool {
        let server = servers[slot]
        let deadline = server.pointee.machine.nextDeadline
        guard deadline < server.pointee.timerAt else { return true }
        if server.pointee.timer != 0 { wheel.cancel(server.pointee.timer) }
        server.pointee.timer = wheel.schedule(at: deadline, payload: UInt64(slot))
        server.pointee.timerAt = server.pointee.timer == 0 ? .max : deadline
        return server.pointee.timer != 0
    }

    mutating func armClient(_ slot: UInt32) -> Bool {
        let client = clients[slot]
        let deadline = client.pointee.nextDeadline
        guard deadline < client.pointee.timerAt else { return true }
        if client.pointee.timer != 0 { wheel.cancel(client.pointee.timer) }
        client.pointee.timer = wheel.schedule(at: deadline, payload: Self.clientTimer | UInt64(slot))
        client.pointee.timerAt = client.pointee.timer == 0 ? .max : deadline
        return client.pointee.timer != 0
    }

    // MARK: Buckets

    @inline(__always)
    private func bucket(_ key: TransactionKey, _ method: TransactionMethod) -> Int {
        Int(truncatingIfNeeded: key.low ^ UInt64(method.rawValue)) & bucketMask
    }

    @inline(__always)
    private func bucket(_ key: ClientKey) -> Int {
        Int(truncatingIfNeeded: key.hash ^ UInt64(key.index) << 3) & bucketMask
    }
}
