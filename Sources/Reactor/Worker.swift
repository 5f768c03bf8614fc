import CLinux
import Glibc
import Synchronization

/// One thread of the reactor with sockets, arenas and counters of its own.
///
/// `post`, `stop`, `counters` and the constants may be used from any thread, everything else only from the worker's own: that is,
/// inside a `WorkerDelegate`'s functions.
public final class Worker: DatagramSink, @unchecked Sendable {
    /// Work for the worker's own thread, for what is rare: reloading, snapshots. The delegate is the worker's.
    public typealias Command = @Sendable (_ worker: Worker, _ delegate: any WorkerDelegate) -> Void

    /// Position in the group.
    public let index: Int
    public let listeners: [Listener]
    /// Indexed by `ReactorCounter`.
    public let counters: CounterBlock
    /// Indexed by `TurnCounter`; stay 0 unless `measuresTurns` is on.
    public let turnCounters: CounterBlock

    let configuration: ReactorConfiguration
    let clock: WorkerClock
    let mailbox: Mailbox
    let epoll: Int32
    let sockets: UnsafeMutablePointer<WorkerSocket>
    let receiveSide: UnsafeMutablePointer<ReceiveSide>
    let sendSide: UnsafeMutablePointer<SendSide>
    let current: UnsafeMutablePointer<CurrentDatagram>
    let time: UnsafeMutablePointer<Milliseconds>
    let stopping = Atomic(false)
    let processorClock = Atomic<Int32>(0)
    let processorNanosecondsAtExit = Atomic<UInt64>(0)
    /// The mailboxes of the whole group, owned by their workers; set before the threads start, freed by the group.
    var peerMailboxes: UnsafeMutableBufferPointer<Unmanaged<Mailbox>>

    /// - Parameter sockets: bound, one for each listener; the worker closes them, also when it cannot be made.
    init(index: Int, listeners: [Listener], sockets: [Int32], configuration: ReactorConfiguration)
        throws(ReactorError)
    {
        self.index = index
        self.listeners = listeners
        self.configuration = configuration
        clock = WorkerClock(configuration.time)
        let counters = CounterBlock(count: ReactorCounter.allCases.count)
        self.counters = counters
        let turnCounters = CounterBlock(count: TurnCounter.allCases.count)
        self.turnCounters = turnCounters
        // What can fail comes before the memory that only `deinit` frees, and `deinit` runs once every property is set.
        var isComplete = false
        defer {
            if !isComplete {
                for socket in sockets { cl_close(socket) }
                counters.deallocate()
                turnCounters.deallocate()
            }
        }
        mailbox = try Mailbox(slots: configuration.mailboxSlots)
        let receiving = try ReceiveSide(slots: configuration.batchMax)
        let sending = try SendSide(sockets: sockets, configuration: configuration, counters: counters)
        peerMailboxes = UnsafeMutableBufferPointer(start: nil, count: 0)
        self.sockets = .allocate(capacity: sockets.count)
        for (position, descriptor) in sockets.enumerated() {
            (self.sockets + position).initialize(
                to: WorkerSocket(descriptor: descriptor, isWildcard: listeners[position].address.isWildcard))
        }
        receiveSide = .allocate(capacity: 1)
        receiveSide.initialize(to: receiving)
        sendSide = .allocate(capacity: 1)
        sendSide.initialize(to: sending)
        current = .allocate(capacity: 1)
        current.initialize(to: CurrentDatagram())
        time = .allocate(capacity: 1)
        time.initialize(to: clock.milliseconds(at: cl_monotonic_nanoseconds()))
        epoll = cl_epoll_create()
        isComplete = true
        guard epoll >= 0 else { throw .system(step: "epoll_create1", errno: -epoll) }
        var result = cl_epoll_add(epoll, mailbox.eventDescriptor, UInt64(sockets.count), 1)
        for (position, descriptor) in sockets.enumerated() where result == 0 {
            result = cl_epoll_add(epoll, descriptor, UInt64(position), 0)
        }
        guard result == 0 else { throw .system(step: "epoll_ctl", errno: -result) }
    }

    deinit {
        if epoll >= 0 { cl_close(epoll) }
        for position in listeners.indices { cl_close(sockets[position].descriptor) }
        sockets.deallocate()
        receiveSide.deinitialize(count: 1)
        receiveSide.deallocate()
        sendSide.deinitialize(count: 1)
        sendSide.deallocate()
        current.deallocate()
        time.deallocate()
        counters.deallocate()
        turnCounters.deallocate()
    }

    // MARK: Any thread

    /// Posts a letter to this worker; its delegate's `mail` gets it. Letters of one thread arrive in the order posted. False when the
    /// mailbox is full or closed, the payload larger than `Mail.payloadBytesMax` or the kind reserved; nothing was posted then.
    public func post(_ mail: borrowing Mail) -> Bool { mailbox.post(mail) }

    /// Posts a command. False as above; one that was accepted by a worker that stops is freed without being run.
    public func post(_ command: @escaping Command) -> Bool { mailbox.post(command) }

    /// Ends the loop after its current turn; `WorkerGroup.stop` waits for it.
    public func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        mailbox.close()
        mailbox.wake()
    }

    /// CPU time the worker's thread has used; 0 before its start.
    public var processorNanoseconds: UInt64 {
        let atExit = processorNanosecondsAtExit.load(ordering: .acquiring)
        if atExit > 0 { return atExit }
        let clock = processorClock.load(ordering: .acquiring)
        return clock == 0 ? 0 : cl_clock_nanoseconds(clock)
    }

    // MARK: The worker's thread

    /// The time of this turn, the same for all calls of one batch.
    public var now: Milliseconds { time.pointee }

    /// The address the current datagram was sent to (port 0), when its listener is bound to a wildcard; else `.none`.
    public var localAddress: SocketAddress { current.pointee.localAddress }

    /// When the kernel received the current datagram (CLOCK_REALTIME); 0 unless `kernelTimestamps` is on.
    public var kernelNanoseconds: UInt64 { current.pointee.kernelNanoseconds }

    /// Posts to another worker of the group; what is refused is counted here. False also for an index out of range, which a peer's
    /// message may bring.
    public func post(_ mail: borrowing Mail, toWorker index: Int) -> Bool {
        guard index >= 0, index < peerMailboxes.count else { return false }
        let posted = peerMailboxes[index]._withUnsafeGuaranteedRef { $0.post(mail) }
        if !posted { counters.add(.mailboxFull) }
        return posted
    }

    public func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        sendSide.pointee.reserve(capacity)
    }

    /// A reply to the current datagram of a wildcard listener leaves from the address that was asked.
    public func commit(_ count: Int, to address: SocketAddress, listener: Int) {
        let local = current.pointee.localAddress
        let answers = !local.isNone && address.sameIP(as: current.pointee.source)
        sendSide.pointee.commit(count, to: address, listener: listener, localAddress: answers ? local : .none)
    }

    public func commit(_ count: Int, to address: SocketAddress, listener: Int, localAddress: SocketAddress) {
        sendSide.pointee.commit(count, to: address, listener: listener, localAddress: localAddress)
    }
}
