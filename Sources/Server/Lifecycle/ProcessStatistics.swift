internal import Glibc

/// What the kernel knows about this process, under the names that Prometheus clients share.
struct ProcessStatistics: Sendable {
    let startedSeconds: Double
    private let startedMilliseconds: Int

    init() {
        startedSeconds = Self.timeSeconds
        startedMilliseconds = MonotonicClock.milliseconds
    }

    var uptimeSeconds: Int { (MonotonicClock.milliseconds - startedMilliseconds) / 1_000 }

    var cpuSeconds: Double {
        var used = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
        return Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
    }

    /// nil where /proc is not mounted.
    var residentBytes: UInt64? {
        guard case .success(let text) = TextFile.read("/proc/self/statm", bytesMax: 4_096) else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return nil }
        return pages &* UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// nil where /proc is not mounted. The descriptor of the count itself is not counted.
    var openDescriptors: UInt64? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count: UInt64 = 0
        while readdir(folder) != nil { count += 1 }
        return count < 3 ? nil : count - 3
    }
}

extension ProcessStatistics {
    static var processID: Int32 { getpid() }

    /// Since 1970, to the millisecond.
    static var timeSeconds: Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec / 1_000_000) / 1_000
    }
}
