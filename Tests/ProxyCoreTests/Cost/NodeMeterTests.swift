import ProxyCore
import Reactor
import Synchronization
import Testing

@Suite("What the node may use") struct NodeMeterTests {
    private final class Quota: Sendable {
        let processors = Mutex(0.5)
        func set(_ value: Double) { processors.withLock { $0 = value } }
    }

    @Test("a quota that changes is noticed within a second, and more than one processor a worker is no use")
    func quota() throws {
        let quota = Quota()
        var configuration = ReactorConfiguration(listen: [SocketAddress("127.0.0.1:0")!])
        configuration.workers = 2
        let group = try WorkerGroup(configuration)
        let counters = group.workers.map { _ in CounterBlock(count: CostCounter.allCases.count) }
        defer { for block in counters { block.deallocate() } }
        var meter = NodeMeter(workers: group.workers, counters: counters) { quota.processors.withLock { $0 } }
        #expect(meter.read(at: 10).processors == 0.5)
        #expect(meter.read(at: 10.2).costs.count == 2)
        quota.set(0.25)
        #expect(meter.read(at: 10.4).processors == 0.5)
        #expect(meter.read(at: 11).processors == 0.25)
        quota.set(1_000)
        #expect(meter.read(at: 12.5).processors == 2)
    }
}
