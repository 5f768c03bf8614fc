internal import Glibc

/// State behind a lock that threads can wait on. For the control path only: workers never wait.
final class Monitor<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    init(_ state: sending State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        // Waits are by the monotonic clock, so that setting the time of day neither ends nor prolongs them.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Wakes every waiter, which then look at the state again.
    func notify() { pthread_cond_broadcast(condition) }

    /// Waits until `isReady` holds or `milliseconds` have passed (nil: for ever), then runs `body` in either case.
    func wait<Result>(
        milliseconds: Int?, until isReady: (State) -> Bool, then body: (inout State) -> Result
    ) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let milliseconds {
            var deadline = timespec()
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = deadline.tv_nsec + (milliseconds % 1_000) * 1_000_000
            deadline.tv_sec += milliseconds / 1_000 + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
            while !isReady(state) {
                if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
            }
        } else {
            while !isReady(state) { pthread_cond_wait(condition, mutex) }
        }
        return body(&state)
    }
}

/// A thread of the control path.
struct NamedThread: Sendable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` at once with every signal blocked, so that signals reach the one thread that waits for them.
    /// `name` is cut to fifteen bytes by the kernel.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) -> NamedThread {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var everySignal = sigset_t()
        var before = sigset_t()
        sigfillset(&everySignal)
        pthread_sigmask(SIG_BLOCK, &everySignal, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                NamedThread.setName(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw SystemError(code: result)
        }
        return NamedThread(handle: handle)
    }

    /// `pthread_setname_np` hides behind _GNU_SOURCE, which Swift's Glibc module does not set; the file does the same.
    private static func setName(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        // Only the name in `top` is at stake, so a failure is not worth a word.
        _ = write(file, name, min(name.utf8.count, 15))
    }

    /// Waits for its end; exactly one of `join` and `detach` is called.
    func join() { pthread_join(handle, nil) }

    func detach() { pthread_detach(handle) }
}
