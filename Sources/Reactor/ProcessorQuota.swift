import CLinux
import Glibc

/// How much processor the process may use: what it may run on, cut to its CPU quota.
public enum ProcessorQuota {
    /// Workers worth starting, at least 1. A quota of one and a half processors counts as two: one worker could not use it up.
    public static func current() -> Int {
        max(1, Int(processors().rounded(.up)))
    }

    /// Processors it may use now, such as 0.3 or 4: greater than 0. Reads files, and a quota may change while the process runs.
    public static func processors() -> Double {
        processors(affinity: Int(cl_affinity_count()), readingFile: contents(of:))
    }

    /// The same from given sources.
    public static func processors(affinity: Int, readingFile read: (String) -> String?) -> Double {
        let possible = Double(max(affinity, 1))
        guard let quota = cgroupQuota(readingFile: read) else { return possible }
        return min(possible, quota)
    }

    /// The process's CPU quota in processors: the smallest on the way from its control group up to the root, version 2
    /// (`cpu.max`) or version 1 (`cpu.cfs_quota_us`). nil when there is none.
    ///
    /// - Parameter read: the text of a file, or nil when it can't be read.
    public static func cgroupQuota(readingFile read: (String) -> String?) -> Double? {
        guard let groups = read("/proc/self/cgroup") else { return nil }
        var smallest: Double?
        for line in groups.split(separator: "\n") {
            // hierarchy-ID:controllers:path (cgroups(7)); the path itself may contain colons.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[2].hasPrefix("/") else { continue }
            let unified = parts[0] == "0" && parts[1].isEmpty
            guard unified || parts[1].split(separator: ",").contains("cpu") else { continue }
            let mounts =
                unified
                ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : ["/sys/fs/cgroup/\(parts[1])", "/sys/fs/cgroup/cpu"]
            for directory in ancestors(of: String(parts[2])) {
                for mount in mounts {
                    guard let quota = quota(in: mount + directory, unified: unified, read: read) else { continue }
                    smallest = min(smallest ?? quota, quota)
                    break
                }
            }
        }
        return smallest
    }

    /// "/a/b" gives "/a/b", "/a", "". A path above the namespace's root ("/../x") is looked up at the root only.
    private static func ancestors(of path: String) -> [String] {
        guard !path.contains("/..") else { return [""] }
        var names = path.split(separator: "/")
        var result: [String] = []
        while !names.isEmpty {
            result.append("/" + names.joined(separator: "/"))
            names.removeLast()
        }
        return result + [""]
    }

    private static func quota(in directory: String, unified: Bool, read: (String) -> String?) -> Double? {
        let quota: Double?
        let period: Double?
        if unified {
            // "max 100000" or "150000 100000".
            guard let text = read(directory + "/cpu.max") else { return nil }
            let words = text.split(whereSeparator: \.isWhitespace)
            quota = words.first.flatMap { Double($0) }
            period = words.count > 1 ? Double(words[1]) : 100_000
        } else {
            // -1: none.
            quota = read(directory + "/cpu.cfs_quota_us").flatMap(number)
            period = read(directory + "/cpu.cfs_period_us").flatMap(number)
        }
        guard let quota, let period, quota > 0, period > 0, (quota / period).isFinite else { return nil }
        return quota / period
    }

    private static func number(_ text: String) -> Double? {
        text.split(whereSeparator: \.isWhitespace).first.flatMap { Double($0) }
    }

    private static func contents(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
