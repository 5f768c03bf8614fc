internal import Glibc

/// CLOCK_MONOTONIC, for timeouts and measuring on the control path.
enum MonotonicClock {
    static var milliseconds: Int {
        let now = time
        return now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
    }

    static var seconds: Double {
        let now = time
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    private static var time: timespec {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now
    }
}
