internal import Glibc

/// The two times of one moment: workers count in the first, databases keep the second.
public struct StoreClock: Sendable {
    /// Milliseconds of CLOCK_MONOTONIC.
    public var monotonicMilliseconds: UInt64
    /// Milliseconds since 1970.
    public var unixMilliseconds: Int64

    public init(monotonicMilliseconds: UInt64, unixMilliseconds: Int64) {
        self.monotonicMilliseconds = monotonicMilliseconds
        self.unixMilliseconds = unixMilliseconds
    }

    public static var now: StoreClock {
        var (monotonic, unix) = (timespec(), timespec())
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        clock_gettime(CLOCK_REALTIME, &unix)
        return StoreClock(
            monotonicMilliseconds: UInt64(monotonic.tv_sec) * 1_000 + UInt64(monotonic.tv_nsec) / 1_000_000,
            unixMilliseconds: Int64(unix.tv_sec) * 1_000 + Int64(unix.tv_nsec) / 1_000_000)
    }

    public var unixSeconds: Int64 { unixMilliseconds / 1_000 }

    /// The time of day at a moment of the workers' clock, in whole seconds and not before it.
    func unixSeconds(at monotonic: UInt64) -> Int64 {
        let ahead = Int64(clamping: monotonic) - Int64(clamping: monotonicMilliseconds)
        return (unixMilliseconds + ahead + 999) / 1_000
    }

    /// The moment of the workers' clock at a time of day; nil when it has passed. What is further off than a binding can last
    /// counts as the longest that one can.
    func monotonic(atUnixSeconds seconds: Int64) -> UInt64? {
        let left = min(seconds - unixSeconds, Self.leftSecondsMax) * 1_000 - unixMilliseconds % 1_000
        return left > 0 ? monotonicMilliseconds + UInt64(left) : nil
    }

    /// A year: the most that `registrar.max_expires` takes.
    private static let leftSecondsMax: Int64 = 31_536_000
}
