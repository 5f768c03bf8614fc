import CLinux
import Glibc

/// A worker's outgoing half: an arena in which datagrams are composed, a queue for each socket, one flush a turn.
///
/// Lives behind a pointer and never calls the delegate, so no two accesses overlap. What a flush could not send is kept until the loop
/// tells the delegate.
struct SendSide: ~Copyable {
    struct Failure {
        var address: SocketAddress
        var listener: Int
        var errno: Int32
    }

    /// Failures kept for the delegate between two turns; further ones are only counted.
    static let failuresMax = 512

    private let arena: UnsafeMutableRawPointer
    private let arenaBytes: Int
    private var arenaUsed = 0
    private var reserved = 0
    private let senders: UnsafeMutablePointer<OpaquePointer>
    private let queuedCounts: UnsafeMutablePointer<Int>
    private let listenersCount: Int
    private let slots: Int
    private let waitMilliseconds: Int32
    private let scratch: UnsafeMutablePointer<cl_send_failure>
    private let counters: CounterBlock
    private(set) var queued = 0
    let failures: UnsafeMutablePointer<Failure>
    private(set) var failuresCount = 0

    init(sockets: [Int32], configuration: ReactorConfiguration, counters: CounterBlock) throws(ReactorError) {
        let bytes = configuration.sendArenaBytes
        let slots = configuration.sendSlots
        guard let memory = cl_map(bytes) else { throw .memory(bytes: bytes) }
        let senders = UnsafeMutablePointer<OpaquePointer>.allocate(capacity: sockets.count)
        for (index, socket) in sockets.enumerated() {
            guard let sender = cl_sender_create(socket, Int32(slots)) else {
                for made in 0..<index { cl_sender_destroy(senders[made]) }
                senders.deallocate()
                cl_unmap(memory, bytes)
                throw .memory(bytes: bytes)
            }
            (senders + index).initialize(to: sender)
        }
        arena = memory
        arenaBytes = bytes
        self.senders = senders
        self.slots = slots
        listenersCount = sockets.count
        waitMilliseconds = Int32(clamping: max(configuration.sendWaitMilliseconds, 0))
        self.counters = counters
        queuedCounts = .allocate(capacity: sockets.count)
        queuedCounts.initialize(repeating: 0, count: sockets.count)
        scratch = .allocate(capacity: slots)
        failures = .allocate(capacity: Self.failuresMax)
    }

    deinit {
        for index in 0..<listenersCount { cl_sender_destroy(senders[index]) }
        senders.deallocate()
        queuedCounts.deallocate()
        scratch.deallocate()
        failures.deallocate()
        cl_unmap(arena, arenaBytes)
    }

    mutating func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        let bytes = max(0, min(capacity, datagramBytesMax))
        if arenaUsed + bytes > arenaBytes { flush() }
        reserved = bytes
        return UnsafeMutableRawBufferPointer(start: arena + arenaUsed, count: bytes)
    }

    mutating func commit(_ count: Int, to address: SocketAddress, listener: Int, localAddress: SocketAddress) {
        precondition(count >= 0 && count <= reserved, "committed more than was reserved")
        guard listener >= 0, listener < listenersCount else {
            return failed(address, listener: listener, errno: EBADF)
        }
        var to = cl_address(address)
        var local = cl_address(localAddress)
        let result = cl_sender_queue(senders[listener], arena + arenaUsed, count, &to, &local)
        reserved = 0
        guard result > 0 else { return failed(address, listener: listener, errno: -result) }
        queued += 1
        queuedCounts[listener] += 1
        // The next datagram starts on a cache line of its own.
        arenaUsed = (arenaUsed + count + 63) & ~63
        if queuedCounts[listener] == slots { flush() }
    }

    /// Sends all that is queued, a socket after the other.
    mutating func flush() {
        if queued > 0 {
            for listener in 0..<listenersCount where queuedCounts[listener] > 0 {
                flush(listener)
                queuedCounts[listener] = 0
            }
        }
        queued = 0
        arenaUsed = 0
    }

    /// Forgets the first `count`; those noted meanwhile stay.
    mutating func forgetFailures(_ count: Int) {
        failuresCount -= count
        failures.update(from: failures + count, count: failuresCount)
    }

    private mutating func flush(_ listener: Int) {
        var result = cl_send_result()
        cl_sender_flush(senders[listener], waitMilliseconds, scratch, &result)
        counters.add(.datagramsSent, UInt64(result.sent))
        counters.add(.bytesSent, result.bytes)
        counters.add(.sendBatches, UInt64(result.calls))
        for index in 0..<Int(result.failed) {
            failed(SocketAddress(scratch[index].to), listener: listener, errno: scratch[index].error)
        }
    }

    private mutating func failed(_ address: SocketAddress, listener: Int, errno: Int32) {
        counters.add(Self.counter(for: errno))
        guard failuresCount < Self.failuresMax else { return }
        (failures + failuresCount).initialize(to: Failure(address: address, listener: listener, errno: errno))
        failuresCount += 1
    }

    private static func counter(for errno: Int32) -> ReactorCounter {
        switch errno {
        case EAGAIN, ENOBUFS: .sendErrorsBusy
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, EAFNOSUPPORT: .sendErrorsUnreachable
        case EMSGSIZE: .sendErrorsTooLarge
        case EPERM, EACCES, ECONNREFUSED: .sendErrorsRefused
        default: .sendErrorsOther
        }
    }
}

extension cl_address {
    init(_ address: SocketAddress) {
        self.init(
            high: address.high, low: address.low, scope: address.scope, port: address.port,
            family: address.family.rawValue)
    }
}

extension SocketAddress {
    init(_ address: cl_address) {
        let family: Family =
            switch address.family {
            case Family.ipv4.rawValue: .ipv4
            case Family.ipv6.rawValue: .ipv6
            default: .none
            }
        self.init(
            high: address.high, low: address.low, scope: address.scope, port: address.port, family: family)
    }
}
