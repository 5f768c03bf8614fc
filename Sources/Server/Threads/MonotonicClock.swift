internal import Glibc

/// Milliseconds of CLOCK_MONOTONIC, for timeouts of the control path.
enum MonotonicClock {
    static var milliseconds: Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
    }
}
