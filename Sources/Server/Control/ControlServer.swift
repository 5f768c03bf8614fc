internal import Glibc

/// Bounds of the control socket; tests use smaller ones.
public struct ControlLimits: Sendable, Equatable {
    public var clients = 16
    public var requestLineBytes = 65_536
    /// A client that takes no byte of its answer for this long is cut off.
    public var stalledMilliseconds = 10_000
    /// A client that asks nothing for this long is cut off.
    public var idleMilliseconds = 300_000
    /// How long the answers under way are still delivered when the server stops.
    public var lingerMilliseconds = 500

    public init() {}
}

/// Answers newline-delimited JSON on a Unix socket, on a thread of its own, so that no worker ever waits for a client.
///
/// One request of a client is answered before its next one is looked at, and nothing more is read from it until it has
/// taken the answer; a slow reader thus holds one answer and one partial line at most.
public final class ControlServer: Sendable {
    public typealias Handler = @Sendable (ControlRequest) -> ControlAnswer

    /// The end of a pipe whose closing tells the thread to stop.
    private let wake: Int32
    private let thread: NamedThread
    public let path: String

    /// Binds and starts to answer.
    public init(
        path: String, limits: ControlLimits = ControlLimits(), handler: @escaping Handler
    ) throws(ControlError) {
        let listener = try ControlListener(path: path)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ControlError("control socket \(path): \(SystemError.current)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let loop = ControlLoop(listener: listener, wake: ends[0], limits: limits, handler: handler)
        do {
            thread = try NamedThread.start("control") { loop.run() }
        } catch {
            for end in ends { close(end) }
            throw ControlError("control socket \(path): \(error)")
        }
        wake = ends[1]
        self.path = path
    }

    /// Delivers answers under way, closes every connection, removes the file and ends the thread. Call it once, and
    /// not from the handler.
    public func stop() {
        close(wake)
        thread.join()
    }
}

/// The state of the control thread; touched by that thread only once it runs.
private final class ControlLoop: @unchecked Sendable {
    private let listener: ControlListener
    private let wake: Int32
    private let limits: ControlLimits
    private let handler: ControlServer.Handler
    private var clients: [ControlConnection] = []
    /// Out of descriptors: the listener is left alone until then.
    private var acceptAgainAt = 0

    init(
        listener: consuming ControlListener, wake: Int32, limits: ControlLimits,
        handler: @escaping ControlServer.Handler
    ) {
        self.listener = listener
        self.wake = wake
        self.limits = limits
        self.handler = handler
    }

    func run() {
        while turn() {}
        let deadline = MonotonicClock.milliseconds + limits.lingerMilliseconds
        while clients.contains(where: \.hasOutput) {
            let left = deadline - MonotonicClock.milliseconds
            if left <= 0 { break }
            var waits = clients.map { pollfd(fd: $0.descriptor, events: Int16(POLLOUT), revents: 0) }
            _ = poll(&waits, nfds_t(waits.count), Int32(left))
            for client in clients { client.writeSome(now: MonotonicClock.milliseconds) }
            clients.removeAll { !$0.hasOutput }
        }
        clients = []
        close(wake)
    }

    /// How long accepting rests after it failed for want of descriptors or memory.
    private static let acceptRestMilliseconds = 100

    /// One poll and what it brought; false when the server is to stop.
    private func turn() -> Bool {
        let accepts = MonotonicClock.milliseconds >= acceptAgainAt
        var waits = [
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            pollfd(fd: accepts ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        waits += clients.map { pollfd(fd: $0.descriptor, events: $0.wantedEvents, revents: 0) }
        let count = poll(&waits, nfds_t(waits.count), timeout(accepts: accepts))
        if count < 0 { return errno == EINTR }
        if waits[0].revents != 0 { return false }
        let now = MonotonicClock.milliseconds
        for (client, wait) in zip(clients, waits.dropFirst(2)) where wait.revents != 0 {
            if client.hasOutput { client.writeSome(now: now) } else { client.readSome(now: now) }
            client.answer(with: handler, limits: limits, now: now)
        }
        for client in clients { client.expire(limits: limits, now: now) }
        clients.removeAll { $0.isFinished }
        if waits[1].revents != 0 { acceptAll(now: now) }
        return true
    }

    private func timeout(accepts: Bool) -> Int32 {
        let now = MonotonicClock.milliseconds
        var deadline = clients.map { $0.deadline(limits: limits) }.min() ?? .max
        if !accepts { deadline = min(deadline, acceptAgainAt) }
        if deadline == .max { return -1 }
        return Int32(clamping: max(0, deadline - now + 1))
    }

    private func acceptAll(now: Int) {
        while true {
            let descriptor = accept(listener.descriptor, nil, nil)
            if descriptor < 0 {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EAGAIN: return
                default:
                    acceptAgainAt = now + Self.acceptRestMilliseconds
                    return
                }
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            ControlAddress.setNonBlocking(descriptor)
            let client = ControlConnection(descriptor: descriptor, now: now)
            if clients.count >= limits.clients {
                client.refuse("too many clients, at most \(limits.clients) at a time")
                client.writeSome(now: now)
            } else {
                clients.append(client)
            }
        }
    }
}
