import CLinux
import Glibc
import Synchronization

/// The workers of a server: opens their sockets, runs a thread for each, joins them.
///
/// Used from one thread: `init`, `start`, `stop`.
public final class WorkerGroup {
    public let workers: [Worker]
    /// As bound: real ports.
    public let listeners: [Listener]
    private let configuration: ReactorConfiguration
    private let mailboxes: UnsafeMutableBufferPointer<Unmanaged<Mailbox>>
    private var threads: [pthread_t] = []

    /// Opens and binds all sockets, so that what the operator got wrong is told before anything runs. Datagrams that come before
    /// `start` wait in the sockets.
    public init(_ configuration: ReactorConfiguration) throws(ReactorError) {
        let configuration = configuration.withinLimits()
        guard !configuration.listen.isEmpty else { throw .noListeners }
        guard configuration.listen.count <= ReactorConfiguration.listenersMax else {
            throw .tooManyListeners(configuration.listen.count)
        }
        var listeners: [Listener] = []
        var sockets: [[Int32]] = []
        do {
            for (position, address) in configuration.listen.enumerated() {
                if configuration.exclusive, address.port != 0 { try Self.checkUnused(address) }
                sockets.append([])
                var bound = address
                for _ in 0..<configuration.workers {
                    let socket = try Self.open(bound, configuration)
                    sockets[position].append(socket)
                    var actual = cl_address()
                    if cl_socket_address(socket, &actual) == 0 { bound = SocketAddress(actual) }
                }
                listeners.append(Listener(index: position, address: bound))
            }
        } catch {
            for socket in sockets.joined() { cl_close(socket) }
            throw error
        }
        var workers: [Worker] = []
        for index in 0..<configuration.workers {
            do {
                workers.append(
                    try Worker(
                        index: index, listeners: listeners, sockets: sockets.map { $0[index] },
                        configuration: configuration))
            } catch {
                // Those up to this one are closed by their workers.
                for ofListener in sockets { for socket in ofListener[(index + 1)...] { cl_close(socket) } }
                throw error
            }
        }
        self.configuration = configuration
        self.listeners = listeners
        self.workers = workers
        mailboxes = .allocate(capacity: workers.count)
        _ = mailboxes.initialize(from: workers.map { Unmanaged.passUnretained($0.mailbox) })
        for worker in workers { worker.peerMailboxes = mailboxes }
    }

    deinit {
        stop()
        mailboxes.deallocate()
    }

    /// Starts the threads. `makeDelegate` runs on each worker's own thread, where its delegate will live; the first error that one
    /// throws stops all and is thrown here.
    public func start(_ makeDelegate: @escaping @Sendable (Worker) throws -> any WorkerDelegate) throws {
        precondition(threads.isEmpty, "started twice")
        let pinned = configuration.pinWorkers && workers.count == Int(cl_affinity_count())
        for worker in workers {
            let launch = Launch(worker: worker, pinned: pinned, makeDelegate: makeDelegate)
            do {
                threads.append(try launch.startThread(stackBytes: configuration.stackBytes))
                try launch.waitUntilReady()
            } catch {
                stop()
                throw error
            }
        }
    }

    /// Buffer sizes that the kernel granted the first worker's socket of a listener, in the terms in which they were asked for; nil when it
    /// does not tell.
    public func grantedBufferBytes(listener: Int) -> (receive: Int, send: Int)? {
        guard let worker = workers.first, worker.listeners.indices.contains(listener) else { return nil }
        var receive: Int32 = 0
        var send: Int32 = 0
        guard cl_socket_buffers(worker.sockets[listener].descriptor, &receive, &send) == 0 else { return nil }
        // The kernel doubles what it is asked for, for its own bookkeeping, and reports that.
        return (Int(receive) / 2, Int(send) / 2)
    }

    /// Ends all loops and waits for their threads. Does nothing the second time.
    public func stop() {
        for worker in workers { worker.stop() }
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    private static func open(_ address: SocketAddress, _ configuration: ReactorConfiguration) throws(ReactorError)
        -> Int32
    {
        let options = cl_udp_options(
            receive_buffer_bytes: Int32(clamping: configuration.receiveBufferBytes),
            send_buffer_bytes: Int32(clamping: configuration.sendBufferBytes), reuse_port: 1,
            local_address: address.isWildcard ? 1 : 0, timestamps: configuration.kernelTimestamps ? 1 : 0)
        return try open(address, options)
    }

    private static func open(_ address: SocketAddress, _ options: cl_udp_options) throws(ReactorError) -> Int32 {
        var name = cl_address(address)
        var options = options
        var step: UnsafePointer<CChar>?
        let socket = cl_udp_open(&name, &options, &step)
        guard socket >= 0 else {
            throw .socket(address, step: step.map { String(cString: $0) } ?? "", errno: -socket)
        }
        return socket
    }

    /// SO_REUSEPORT would share the address with another process of the same user without a word: bind once without it.
    private static func checkUnused(_ address: SocketAddress) throws(ReactorError) {
        cl_close(try open(address, cl_udp_options()))
    }
}

/// Carries what a new thread needs, and its first words back.
private final class Launch: @unchecked Sendable {
    private let worker: Worker
    private let pinned: Bool
    private let makeDelegate: @Sendable (Worker) throws -> any WorkerDelegate
    private let outcome = Monitor<Result<Void, any Error>?>(nil)
    private let ready: UnsafeMutablePointer<sem_t>

    init(
        worker: Worker, pinned: Bool, makeDelegate: @escaping @Sendable (Worker) throws -> any WorkerDelegate
    ) {
        self.worker = worker
        self.pinned = pinned
        self.makeDelegate = makeDelegate
        ready = .allocate(capacity: 1)
        sem_init(ready, 0, 0)
    }

    deinit {
        sem_destroy(ready)
        ready.deallocate()
    }

    func startThread(stackBytes: Int) throws(ReactorError) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, max(stackBytes, 256 << 10))
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, &attributes,
            { argument in
                if let argument { Unmanaged<Launch>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument.toOpaque())
        guard result == 0 else {
            argument.release()
            throw .system(step: "pthread_create", errno: result)
        }
        return thread
    }

    func waitUntilReady() throws {
        while sem_wait(ready) != 0 {}
        try outcome.withLock { $0 }?.get()
    }

    private func run() {
        cl_thread_name("sip-worker-\(worker.index)")
        if pinned { _ = cl_affinity_pin(Int32(worker.index)) }
        let clock = cl_thread_cpu_clock()
        worker.processorClock.store(clock, ordering: .releasing)
        defer { worker.processorNanosecondsAtExit.store(cl_clock_nanoseconds(clock), ordering: .releasing) }
        do {
            let delegate = try makeDelegate(worker)
            outcome.withLock { $0 = .success(()) }
            sem_post(ready)
            worker.run(delegate)
        } catch {
            outcome.withLock { $0 = .failure(error) }
            sem_post(ready)
        }
    }
}

extension ReactorConfiguration {
    /// Sizes cut to what is possible.
    func withinLimits() -> ReactorConfiguration {
        var result = self
        result.workers = min(max(workers, 1), Self.workersMax)
        result.batchMax = min(max(batchMax, 1), Self.batchMaxLimit)
        result.busyPollMicroseconds = min(max(busyPollMicroseconds, 0), Self.busyPollMicrosecondsMax)
        result.gatherMicroseconds = min(max(gatherMicroseconds, 0), Self.gatherMicrosecondsMax)
        result.mailboxSlots = min(max(mailboxSlots, 2), Self.mailboxSlotsMax)
        result.sendSlots = min(max(sendSlots, 1), 1_024)
        result.sendArenaBytes = min(max(sendArenaBytes, 2 * (datagramBytesMax + 1)), 1 << 30)
        return result
    }
}
