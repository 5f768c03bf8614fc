internal import Glibc

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
