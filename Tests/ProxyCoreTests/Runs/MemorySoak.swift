import CAllocationCounter
import Glibc
import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Calls through a stateful proxy, round after round, with an eye on this process's memory.
enum MemorySoak {
    private static let callsPerRound = 10_000
    /// What the C library and the test library may take meanwhile; a leak of three bytes a call would be more.
    private static let growthBytesMax = 2 << 20

    static func run(calls: Int) {
        let rounds = max(calls / callsPerRound, 3)
        let recording = MessageLoop.record(calls: callsPerRound)
        let loop = MessageLoop(.stateful)
        var warmBytes = 0
        for round in 0..<rounds {
            loop.play(recording)
            loop.pass(milliseconds: 20_000)
            loop.pass(milliseconds: 20_000)
            if round == 1 { warmBytes = residentBytes() }
        }
        let growth = residentBytes() - warmBytes
        print("\(rounds * callsPerRound) calls: resident \(warmBytes / 1_024) KiB, growth \(growth / 1_024) KiB")
        #expect(loop.proxy.transactionsInUse == 0)
        #expect(loop.proxy.messageBlocksInUse == 0)
        // INVITE and BYE of each call: none was taken for a retransmission.
        #expect(loop.counters.value(ProxyCounter.transactionsCreated.rawValue) == UInt64(2 * rounds * callsPerRound))
        #expect(loop.counters.value(ProxyCounter.retransmissionsAbsorbed.rawValue) == 0)
        // Sanitizers keep freed memory for a while.
        #expect(growth < growthBytesMax || !ca_available())
    }

    private static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, 256, file) != nil else { return 0 }
        let fields = String(decoding: line.map { UInt8(bitPattern: $0) }.prefix { $0 != 0 }, as: UTF8.self)
            .split(separator: " ")
        return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }
}
