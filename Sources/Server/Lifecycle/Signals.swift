internal import Glibc

/// Turns signals into events, on a thread that waits for them; no code runs in a signal handler.
public enum Signals {
    private static let watched = [SIGHUP, SIGTERM, SIGINT]

    /// Blocks the watched signals on this thread and on those that it starts, and ignores SIGPIPE. Call it first of
    /// all, before any thread exists, so that no thread is left that a signal could kill.
    public static func block() {
        var set = watchedSet()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Starts the waiting thread. SIGHUP reloads; SIGTERM and SIGINT drain, the second of them stops at once.
    public static func forward(to post: @escaping @Sendable (LifecycleEvent) -> Void) throws(SystemError) {
        try NamedThread.start("signals") {
            var set = watchedSet()
            while true {
                var number: Int32 = 0
                guard sigwait(&set, &number) == 0 else { continue }
                post(number == SIGHUP ? .reload : .terminate)
            }
        }.detach()
    }

    private static func watchedSet() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in watched { sigaddset(&set, number) }
        return set
    }
}
