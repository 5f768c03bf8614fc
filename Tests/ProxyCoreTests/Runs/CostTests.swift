import CAllocationCounter
import Glibc
import ProxyCore
import Reactor
import StatePolicy
import Testing

/// What the proxy takes of heap, memory and time, without network and endpoints.
@Suite(.serialized) struct CostTests {
    private static let optimisedOnly = Comment(
        "debug builds allocate where optimised ones do not, sanitizers bring their own allocator: run with -c release")

    /// Whether allocations can be counted and are worth it.
    private static let countsAllocations = isOptimised && ca_available()

    nonisolated(unsafe) private static var kept: [Int] = []

    @inline(never)
    private static func allocate(count: Int) {
        kept = Array(repeating: 1, count: count)
    }

    @Test("the counter sees allocations", .enabled(if: ca_available(), "sanitizers bring an allocator of their own"))
    func counterWorks() {
        ca_start()
        // One by the Swift library and one by the C library, neither of which an optimiser can leave out.
        Self.allocate(count: Int(getpid()))
        let file = fopen("/dev/null", "r")
        let seen = ca_stop()
        fclose(file)
        #expect(seen >= 2)
    }

    @Test(
        "no message allocates on the heap, in neither mode", .enabled(if: countsAllocations, optimisedOnly),
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

    @Test(
        "no message allocates on the heap among proxies that share state either",
        .enabled(if: countsAllocations, optimisedOnly), arguments: [0.0, 0.5, 1], [";svk=open", ";svk=held"])
    func noAllocationsSharing(keep: Double, marker: String) {
        let recording = MessageLoop.record(calls: 2_000, marker: marker)
        let loop = MessageLoop(.stateful, dial: PolicyDial(keep: keep))
        for _ in 0..<2 {
            loop.play(recording)
            loop.tick()
        }
        loop.pass(milliseconds: 60_000)
        ca_start()
        loop.play(recording)
        let allocations = ca_stop()
        #expect(allocations == 0, "\(allocations) allocations in \(recording.entries.count) messages")
        #expect(loop.counters.value(ProxyCounter.stateFeedbackReceived.rawValue) > 0)
        #expect(loop.counters.value(ProxyCounter.stateFeedbackSent.rawValue) > 0)
    }

    @Test(
        "stateless forwarding allocates nothing even for the first message",
        .enabled(if: countsAllocations, optimisedOnly))
    func noWarmUp() {
        let recording = MessageLoop.record(calls: 1)
        let loop = MessageLoop(.stateless)
        ca_start()
        loop.play(recording)
        #expect(ca_stop() == 0)
    }

    /// PROXY_SOAK_CALLS sets the number of calls.
    @Test("resident memory is flat after warm-up, over a million calls")
    func flatMemory() async {
        // In a process of its own: what other tests take does not show.
        await #expect(processExitsWith: .success) {
            MemorySoak.run(calls: environmentNumber("PROXY_SOAK_CALLS", default: isOptimised ? 1_000_000 : 30_000))
        }
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
}
