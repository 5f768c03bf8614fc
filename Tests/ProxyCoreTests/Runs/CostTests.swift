import CAllocationCounter
import Glibc
import ProxyCore
import Reactor
import StatePolicy
import Testing

/// What the proxy takes of heap, memory and time, without network and endpoints.
@Suite(.serialized) struct CostTests {
    private static let optimisedOnly = Comment("debug builds allocate where optimised ones do not: run with -c release")

    @Test("the counter sees allocations")
    func counterWorks() {
        ca_start()
        let block = malloc(10)
        let other = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 64)
        let seen = ca_stop()
        free(block)
        other.deallocate()
        #expect(seen == 2)
    }

    @Test(
        "no message allocates on the heap, in neither mode", .enabled(if: isOptimised, optimisedOnly),
        arguments: PolicyName.allCases)
    func noAllocations(policy: PolicyName) {
        let recording = MessageLoop.record(calls: 2_000)
        let loop = MessageLoop(policy)
        // The first round warms up the pools; then nothing may be taken any more.
        loop.play(recording)
        loop.pass(milliseconds: 60_000)
        ca_start()
        for _ in 0..<3 {
            loop.play(recording)
            loop.pass(milliseconds: 60_000)
        }
        let allocations = ca_stop()
        #expect(allocations == 0, "\(allocations) allocations in \(3 * recording.entries.count) messages")
        // The messages did go through: six for each call, and 100 in stateful mode.
        let perCall = policy == .stateful ? 7 : 6
        #expect(loop.sink.sentCount == 4 * 2_000 * perCall)
        #expect(loop.proxy.transactionsInUse == 0)
    }

    @Test("stateless forwarding allocates nothing even for the first message", .enabled(if: isOptimised, optimisedOnly))
    func noWarmUp() {
        let recording = MessageLoop.record(calls: 1)
        let loop = MessageLoop(.stateless)
        ca_start()
        loop.play(recording)
        #expect(ca_stop() == 0)
    }

    /// Resident memory of this process in bytes.
    private func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, 256, file) != nil else { return 0 }
        let fields = String(decoding: line.map { UInt8(bitPattern: $0) }.prefix { $0 != 0 }, as: UTF8.self)
            .split(separator: " ")
        return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// PROXY_SOAK_CALLS sets the number of calls.
    @Test("resident memory is flat after warm-up, over a million calls")
    func flatMemory() {
        let perRound = 10_000
        let rounds = environmentNumber("PROXY_SOAK_CALLS", default: isOptimised ? 1_000_000 : 30_000) / perRound
        let recording = MessageLoop.record(calls: perRound)
        let loop = MessageLoop(.stateful)
        var resident: [Int] = []
        for _ in 0..<max(rounds, 3) {
            loop.play(recording)
            // Half the time transactions of the round before are still there.
            loop.pass(milliseconds: 20_000)
            loop.pass(milliseconds: 20_000)
            resident.append(residentBytes())
        }
        #expect(loop.proxy.transactionsInUse == 0)
        #expect(loop.proxy.messageBlocksInUse == 0)
        #expect(counter(loop, .transactionsCreated) == UInt64(2 * perRound * max(rounds, 3)))
        #expect(counter(loop, .retransmissionsAbsorbed) == 0)
        let warm = resident[1]
        let growth = resident[resident.count - 1] - warm
        print("\(rounds * perRound) calls: resident \(warm / 1_024) KiB after warm-up, growth \(growth / 1_024) KiB")
        // Other tests of this process may run meanwhile: allow for them, not for a leak of even 10 bytes a call.
        #expect(growth < (isOptimised ? 8 : 64) << 20)
    }

    /// Figures only: nothing is asserted about time.
    @Test("time a message takes", arguments: PolicyName.allCases)
    func time(policy: PolicyName) {
        let calls = isOptimised ? 20_000 : 500
        let recording = MessageLoop.record(calls: calls)
        let loop = MessageLoop(policy)
        loop.play(recording)
        loop.pass(milliseconds: 60_000)
        var best = Double.infinity
        for _ in 0..<3 {
            let start = threadSeconds()
            loop.play(recording)
            loop.pass(milliseconds: 20_000)
            loop.pass(milliseconds: 40_000)
            best = min(best, threadSeconds() - start)
        }
        let nanoseconds = best * 1e9 / Double(recording.entries.count)
        print(
            "\(policy): \(Int(nanoseconds)) ns a message, \(Int(nanoseconds) * MessageLoop.messagesPerCall) ns a call")
        #expect(loop.proxy.transactionsInUse == 0)
    }

    private func counter(_ loop: MessageLoop, _ counter: ProxyCounter) -> UInt64 {
        loop.counters.value(counter.rawValue)
    }
}
