import Glibc

/// Sizes and addresses of a group of workers, fixed at its start.
public struct ReactorConfiguration: Sendable {
    public static let listenersMax = 32
    public static let batchMaxLimit = 256
    public static let mailboxSlotsMax = 1 << 20
    public static let workersMax = 1_024
    /// Fewer expected datagrams are not worth a pause.
    public static let gatherDatagramsMin: UInt64 = 2
    /// A pause must not make timers late.
    public static let gatherMicrosecondsMax = 1_000
    public static let busyPollMicrosecondsMax = 1_000_000

    /// Each worker binds a socket of its own to each of them. Port 0 lets the system choose one, the same for all workers.
    public var listen: [SocketAddress]
    /// 1 … `workersMax`.
    public var workers = ProcessorQuota.current()
    /// Binds each worker to a processor, when there are as many workers as processors.
    public var pinWorkers = false
    /// Datagrams received by one system call, 1 … `batchMaxLimit`.
    public var batchMax = 64
    /// Asked of the kernel for each socket; 0 leaves the system's default. Without CAP_NET_ADMIN the system's maximum applies.
    public var receiveBufferBytes = 4 << 20
    public var sendBufferBytes = 1 << 20
    /// How long a worker that has just had traffic polls before it sleeps: shorter latencies, paid
    /// for with processor time. 0: never.
    public var busyPollMicroseconds = 0
    /// Under traffic so dense that at least `gatherDatagramsMin` datagrams are expected in this time, a worker pauses this long
    /// before it looks again, instead of being woken for each of them. 0: never.
    public var gatherMicroseconds = 0
    /// How long a flush waits in all for a socket whose send buffer is full.
    public var sendWaitMilliseconds = 5
    /// Letters that fit into a worker's mailbox, rounded up to a power of two.
    public var mailboxSlots = 1_024
    /// Room for datagrams composed in one turn; a full arena is flushed early.
    public var sendArenaBytes = 1 << 20
    /// Datagrams queued for each socket before a flush.
    public var sendSlots = 256
    /// Have the kernel note when each datagram arrived (`Worker.kernelNanoseconds`).
    public var kernelTimestamps = false
    /// Have each turn's CPU time and datagrams summed up (`Worker.turnCounters`): one reading of a clock more a turn.
    public var measuresTurns = false
    /// Refuse an address that another process listens on; off lets two processes share it while one replaces the other.
    public var exclusive = true
    public var stackBytes = 8 << 20
    public var time = TimeSource.system

    public init(listen: [SocketAddress]) {
        self.listen = listen
    }
}

func errnoText(_ code: Int32) -> String { String(cString: strerror(code)) }
