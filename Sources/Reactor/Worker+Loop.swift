import CLinux
import Synchronization

// The loop. It keeps its state in locals and behind pointers and calls the delegate without holding an access to either, since the
// delegate comes back through `reserve`, `commit` and `post`.
extension Worker {
    /// Letters delivered in one turn.
    private static let mailTurnMax = 256
    /// How often the sockets' drop counters are read while there is traffic.
    private static let dropsIntervalNanoseconds: UInt64 = 1_000_000_000

    /// Longer waits are a clock that was set: no receive buffer holds so much.
    private static let queueingNanosecondsMax: Int64 = 60_000_000_000

    /// Datagrams further apart than this count as this far apart.
    fileprivate static let gapNanosecondsMax: UInt64 = 1_000_000

    private struct LoopState {
        /// Bit by listener: may have datagrams waiting.
        var ready: UInt64 = 0
        /// CLOCK_MONOTONIC, nanoseconds.
        var now: UInt64 = 0
        var lastWork: UInt64 = 0
        /// Not yet counted as microseconds.
        var busyNanoseconds: UInt64 = 0
        var lastDropsRead: UInt64 = 0
        /// Traffic since the drop counters were read.
        var dropsUnread = false
        /// Datagrams of this turn.
        var received = 0
        /// When the last ones came, and the mean time between two of them.
        var lastReceive: UInt64 = 0
        var gapNanoseconds = Worker.gapNanosecondsMax
        /// The thread's CPU time, and the datagrams received and sent, at the end of the last measured turn.
        var turnNanoseconds: UInt64 = 0
        var turnDatagrams: UInt64 = 0
    }

    /// Runs until `stop`; on the worker's thread.
    func run(_ delegate: any WorkerDelegate) {
        var state = LoopState()
        readTime(&state)
        state.lastDropsRead = state.now
        delegate.started(worker: self)
        state.turnNanoseconds = processorNanoseconds
        if configuration.gatherMicroseconds > 0 { cl_timer_slack(1) }
        while !stopping.load(ordering: .relaxed) {
            let began = state.now
            var worked = receive(&state, delegate)
            worked = deliverMail(delegate) || worked
            delegate.advance(to: time.pointee)
            worked = reportFailures(delegate) || sendSide.pointee.queued > 0 || worked
            sendSide.pointee.flush()
            readTime(&state)
            if worked {
                state.lastWork = state.now
                counters.add(.turns)
                if configuration.measuresTurns { noteTurn(&state) }
                state.busyNanoseconds &+= state.now &- began
                counters.add(.busyMicroseconds, state.busyNanoseconds / 1_000)
                state.busyNanoseconds %= 1_000
            }
            if state.now &- state.lastDropsRead >= Self.dropsIntervalNanoseconds { readDrops(&state) }
            wait(&state, delegate)
        }
        mailbox.close()
        _ = deliverMail(delegate)
        delegate.stopped()
        sendSide.pointee.flush()
        readDrops(&state)
    }

    /// From the end of the last turn that found something, so that falling asleep and waking up for this one are in it.
    private func noteTurn(_ state: inout LoopState) {
        let used = processorNanoseconds
        let datagrams = counters.value(.datagramsReceived) &+ counters.value(.datagramsSent)
        let nanoseconds = used &- state.turnNanoseconds
        let count = datagrams &- state.turnDatagrams
        (state.turnNanoseconds, state.turnDatagrams) = (used, datagrams)
        turnCounters.add(.turnsMeasured, 1)
        turnCounters.add(.datagrams, count)
        turnCounters.add(.datagramsSquared, count &* count)
        turnCounters.add(.nanoseconds, nanoseconds)
        turnCounters.add(.nanosecondsTimesDatagrams, nanoseconds &* count)
        guard count >= TurnCounter.busyDatagramsMin else { return }
        turnCounters.add(.busyDatagrams, count)
        turnCounters.add(.busyNanoseconds, nanoseconds)
    }

    private func readTime(_ state: inout LoopState) {
        state.now = cl_monotonic_nanoseconds()
        time.pointee = clock.milliseconds(at: state.now)
    }

    /// One batch from each socket that may have one, so that a busy one does not starve the others.
    private func receive(_ state: inout LoopState, _ delegate: any WorkerDelegate) -> Bool {
        var pending = state.ready
        var received = false
        while pending != 0 {
            let listener = pending.trailingZeroBitCount
            pending &= pending &- 1
            let count = receiveBatch(listener, delegate)
            if count < configuration.batchMax { state.ready &= ~(UInt64(1) << UInt64(listener)) }
            received = received || count > 0
            state.received += count
        }
        if received { state.dropsUnread = true }
        estimateGap(&state)
        return received
    }

    private func estimateGap(_ state: inout LoopState) {
        guard state.received > 0 else { return }
        let gap = min((state.now &- state.lastReceive) / UInt64(state.received), Self.gapNanosecondsMax)
        state.gapNanoseconds = (state.gapNanoseconds * 7 + gap) / 8
        state.lastReceive = state.now
    }

    private func receiveBatch(_ listener: Int, _ delegate: any WorkerDelegate) -> Int {
        var drops = sockets[listener].dropsSeen
        let receiver = receiveSide.pointee.receiver
        let count = cl_receive(receiver, sockets[listener].descriptor, Int32(configuration.batchMax), &drops)
        guard count > 0 else {
            if count < 0 { counters.add(.receiveErrors) }
            return 0
        }
        let slab = receiveSide.pointee.slab
        let datagrams = cl_receiver_datagrams(receiver)
        let now = time.pointee
        noteQueueing(of: datagrams[Int(count) / 2])
        var bytes: UInt64 = 0
        for slot in 0..<Int(count) {
            let datagram = datagrams + slot
            bytes &+= UInt64(datagram.pointee.length)
            guard datagram.pointee.truncated == 0 else {
                counters.add(.datagramsTruncated)
                continue
            }
            let source = SocketAddress(datagram.pointee.source)
            current.pointee.source = source
            current.pointee.localAddress = SocketAddress(datagram.pointee.local)
            current.pointee.kernelNanoseconds = datagram.pointee.kernel_nanoseconds
            delegate.received(
                UnsafeMutableRawBufferPointer(
                    start: slab + slot * ReceiveSide.strideBytes, count: Int(datagram.pointee.length)),
                from: source, listener: listener, now: now)
        }
        current.pointee.localAddress = .none
        counters.add(.datagramsReceived, UInt64(count))
        counters.add(.bytesReceived, bytes)
        counters.add(.receiveBatches)
        noteDrops(drops, listener)
        return Int(count)
    }

    /// How long the batch's middle datagram waited in the kernel: about the mean of the batch.
    private func noteQueueing(of datagram: cl_datagram) {
        let arrived = datagram.kernel_nanoseconds
        guard arrived > 0 else { return }
        // The kernel stamps with the time of day, which somebody may set meanwhile: absurd waits are not counted.
        let waited = Int64(bitPattern: cl_realtime_nanoseconds() &- arrived)
        guard waited < Self.queueingNanosecondsMax else { return }
        counters.add(.queueingSamples)
        counters.add(.queueingMicroseconds, UInt64(max(waited, 0)) / 1_000)
    }

    private func deliverMail(_ delegate: any WorkerDelegate) -> Bool {
        var delivered = 0
        while delivered < Self.mailTurnMax, mailbox.deliverOne(to: delegate, of: self, now: time.pointee) {
            delivered += 1
        }
        return delivered > 0
    }

    /// Those that the delegate provokes while it is told wait for the next turn.
    private func reportFailures(_ delegate: any WorkerDelegate) -> Bool {
        let count = sendSide.pointee.failuresCount
        guard count > 0 else { return false }
        for index in 0..<count {
            let failure = sendSide.pointee.failures[index]
            delegate.sendFailed(to: failure.address, listener: failure.listener, errno: failure.errno)
        }
        sendSide.pointee.forgetFailures(count)
        return true
    }

    /// Finds out which sockets have datagrams; sleeps when nothing else is to be done.
    private func wait(_ state: inout LoopState, _ delegate: any WorkerDelegate) {
        let pollNanoseconds = UInt64(configuration.busyPollMicroseconds) * 1_000
        let gatherNanoseconds = UInt64(configuration.gatherMicroseconds) * 1_000
        if state.ready != 0 || sendSide.pointee.failuresCount > 0 {
            // Somebody is served already: only look.
            if listeners.count > 1 { poll(&state, timeout: 0) }
        } else if state.now &- state.lastWork < pollNanoseconds {
            if listeners.count == 1 {
                state.ready = 1
            } else {
                poll(&state, timeout: 0)
            }
        } else if state.received > 0,
            state.gapNanoseconds * ReactorConfiguration.gatherDatagramsMin < gatherNanoseconds
        {
            cl_pause(gatherNanoseconds)
            counters.add(.wakeups)
            readTime(&state)
            state.ready = UInt64(1) << UInt64(listeners.count) - 1
        } else {
            sleep(&state, delegate)
        }
        state.received = 0
    }

    private func sleep(_ state: inout LoopState, _ delegate: any WorkerDelegate) {
        var timeout: UInt64 = state.dropsUnread ? Self.dropsIntervalNanoseconds / 1_000_000 : UInt64(Int32.max)
        if clock.manual != nil { timeout = 1 }
        if let deadline = delegate.nextDeadline() {
            let now = time.pointee
            timeout = min(timeout, deadline > now ? deadline - now : 0)
        }
        guard timeout > 0, mailbox.fallAsleep() else { return poll(&state, timeout: 0) }
        if stopping.load(ordering: .sequentiallyConsistent) { timeout = 0 }
        poll(&state, timeout: Int32(timeout))
        mailbox.awake()
        counters.add(.wakeups)
        readTime(&state)
    }

    private func poll(_ state: inout LoopState, timeout: Int32) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 64) { tags in
            guard let start = tags.baseAddress else { return }
            let count = cl_epoll_wait(epoll, start, 64, timeout)
            for index in 0..<max(0, Int(count)) where start[index] < UInt64(listeners.count) {
                state.ready |= 1 << start[index]
            }
        }
    }

    /// The counter comes with the next datagram after a drop; reading it as well finds the drops of the last ones.
    private func readDrops(_ state: inout LoopState) {
        state.lastDropsRead = state.now
        guard state.dropsUnread else { return }
        state.dropsUnread = false
        for listener in listeners.indices {
            var drops: UInt32 = 0
            if cl_socket_drops(sockets[listener].descriptor, &drops) == 0 { noteDrops(drops, listener) }
        }
    }

    private func noteDrops(_ drops: UInt32, _ listener: Int) {
        // A datagram carries the counter as it was when it was queued, which may be older than what was read since.
        let difference = Int32(bitPattern: drops &- sockets[listener].dropsSeen)
        guard difference > 0 else { return }
        sockets[listener].dropsSeen = drops
        counters.add(.kernelDrops, UInt64(difference))
    }
}
