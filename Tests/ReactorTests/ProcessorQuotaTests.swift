import Reactor
import Testing

@Suite("CPU quota") struct ProcessorQuotaTests {
    func quota(_ files: [String: String]) -> Double? {
        ProcessorQuota.cgroupQuota { files[$0] }
    }

    @Test("version 2: the smallest quota from the own group up to the root counts")
    func unified() {
        #expect(
            quota([
                "/proc/self/cgroup": "0::/system.slice/proxy.service\n",
                "/sys/fs/cgroup/system.slice/proxy.service/cpu.max": "400000 100000\n",
                "/sys/fs/cgroup/system.slice/cpu.max": "150000 100000\n",
            ]) == 1.5)
        #expect(quota(["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "30000 10000\n"]) == 3)
        #expect(quota(["/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/cpu.max": "max 100000\n"]) == nil)
    }

    @Test("version 1: the cpu controller's group counts, among others")
    func controllers() {
        let groups = "5:memory:/m\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/s\n0::/s\n"
        #expect(
            quota([
                "/proc/self/cgroup": groups, "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "30000\n",
                "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
            ]) == 0.3)
        // In a container the group's path is the host's, and only the root of the mount is there.
        #expect(
            quota([
                "/proc/self/cgroup": groups, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            ]) == 2)
        #expect(
            quota([
                "/proc/self/cgroup": groups, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            ]) == nil)
    }

    @Test("a quota below the processors counts with its fraction, one above them does not")
    func fractions() {
        let files = ["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n"]
        #expect(ProcessorQuota.processors(affinity: 4) { files[$0] } == 1.5)
        #expect(ProcessorQuota.processors(affinity: 1) { files[$0] } == 1)
        #expect(ProcessorQuota.processors(affinity: 4) { _ in nil } == 4)
        #expect(ProcessorQuota.processors(affinity: 0) { _ in nil } == 1)
        let throttled = ["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "3000 10000\n"]
        #expect(ProcessorQuota.processors(affinity: 2) { throttled[$0] } == 0.3)
        #expect(ProcessorQuota.processors() > 0)
        #expect(ProcessorQuota.current() == Int(ProcessorQuota.processors().rounded(.up)))
    }

    @Test("files that say nothing sensible count as no quota")
    func nonsense() {
        for text in ["", "\n", "::", "0::", "0::relative", "4:cpu", "a:b:c:d", "0::/../x"] {
            #expect(quota(["/proc/self/cgroup": text]) == nil)
        }
        for text in ["", "x y", "0 0", "100000 0", "inf 1", "nan nan", "-5 100", "1e308 1e-308"] {
            #expect(quota(["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": text]) == nil)
        }
        #expect(quota([:]) == nil)
        #expect(ProcessorQuota.current() >= 1)
    }

    @Test("counters of a block are independent, named once and explained")
    func counters() {
        let block = CounterBlock(count: ReactorCounter.allCases.count)
        defer { block.deallocate() }
        block.add(.datagramsSent, 5)
        block.add(.datagramsSent)
        block.set(ReactorCounter.wakeups.rawValue, 9)
        #expect(block.value(.datagramsSent) == 6)
        #expect(block.value(.wakeups) == 9)
        #expect(block.value(.bytesSent) == 0)
        #expect(Set(ReactorCounter.allCases.map(\.name)).count == ReactorCounter.allCases.count)
        #expect(ReactorCounter.allCases.allSatisfy { $0.name.hasSuffix("_total") && $0.help.hasSuffix(".") })
    }
}
