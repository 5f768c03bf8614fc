import Reactor
import Testing

@testable import ProxyCore

@Suite("Location table") struct LocationTableTests {
    private func address(_ number: Int) -> AddressOfRecord {
        AddressOfRecord(user: "user\(number)".utf8, host: "Example.com".utf8)!
    }

    @Test("what is packed is what is unpacked")
    func packing() {
        let seed = SeededGenerator.printedSeed("packed bindings")
        var random = SeededGenerator(seed: seed)
        func bytes(_ most: Int) -> [UInt8] {
            (0..<Int.random(in: 0...most, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        for _ in 0..<500 {
            let address = AddressOfRecord(bytes: bytes(AddressOfRecord.bytesMax))
            let bindings = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                ContactBinding(
                    uri: bytes(ContactBinding.uriBytesMax), q: [nil, 0, 1_000, 333].randomElement(using: &random)!,
                    expiresAt: random.next(), callID: bytes(ContactBinding.callIDBytesMax),
                    cSeq: UInt32.random(in: 0...UInt32.max, using: &random),
                    source: [.none, SocketAddress("[fe80::1%2]:5060")!.withTransport(.wss)].randomElement(
                        using: &random)!)
            }
            let entry = LocationEntry(address, bindings)
            #expect(entry.address == address, "\(seed)")
            #expect(entry.bindings == bindings, "\(seed)")
            #expect(entry.bindingCount == bindings.count)
            #expect(entry == LocationEntry(address) && entry.hashValue == LocationEntry(address).hashValue)
            let earliest = bindings.map(\.expiresAt).min() ?? 0
            #expect(entry.hasExpired(at: earliest) && (earliest == 0 || !entry.hasExpired(at: earliest - 1)))
        }
    }

    @Test("whatever is registered, removed and left to expire, the table holds what lives, and counts it")
    func model() {
        let seed = SeededGenerator.printedSeed("location table")
        var random = SeededGenerator(seed: seed)
        let changes = LocationChanges()
        let table = LocationTable(changes: [changes])
        var model: [AddressOfRecord: [ContactBinding]] = [:]
        var now: UInt64 = 1_000
        for _ in 0..<20_000 {
            now += UInt64.random(in: 0...3_000, using: &random)
            let address = address(Int.random(in: 0..<200, using: &random))
            let live = (model[address] ?? []).filter { $0.expiresAt > now }
            #expect(table.bindings(of: address, now: now) == live, "\(seed)")
            let left = live.filter { _ in Bool.random(using: &random) }
            let fresh = (0..<Int.random(in: 0...2, using: &random)).map { _ in
                ContactBinding(
                    uri: Array("sip:\(random.next())@192.0.2.7".utf8),
                    expiresAt: now + UInt64.random(in: 1...600_000, using: &random), callID: [1], cSeq: 1)
            }
            model[address] = left + fresh
            table.update(address, now: now) { $0 = left + fresh }
        }
        // All have expired, and every shard is swept.
        now += 1_000_000
        for number in 0..<2 * LocationTable.shardCount { table.update(self.address(1_000 + number), now: now) { _ in } }
        #expect(table.count == 0, "\(seed)")
        #expect((0..<LocationTable.shardCount).allSatisfy { table.entries(shard: $0, now: 0).isEmpty }, "\(seed)")
    }

    @Test("only what changes is noted, once until it is taken, and all when it is too much")
    func changes() {
        let changes = LocationChanges(addressesMax: 2)
        let table = LocationTable(changes: [changes])
        let binding = ContactBinding(uri: Array("sip:bob@192.0.2.7".utf8), expiresAt: 9_000, callID: [1], cSeq: 1)
        table.update(address(1), now: 1) { $0 = [] }
        table.restore(address(2), binding)
        #expect(changes.take().isEmpty)
        for _ in 0..<3 { table.update(address(1), now: 1) { $0 = [binding] } }
        let batch = changes.take()
        #expect(batch.addresses == [address(1)] && !batch.isEverything)
        changes.giveBack(batch)
        table.update(address(1), now: 1) { $0 = [] }
        table.update(address(2), now: 1) { $0 = [] }
        #expect(changes.count == 2)
        table.update(address(3), now: 1) { $0 = [binding] }
        let all = changes.take()
        #expect(all.isEverything && all.addresses.isEmpty && changes.overflowCount == 1)
        table.update(address(3), now: 1) { $0 = [] }
        changes.giveBack(all)
        #expect(changes.take().isEverything)
        #expect(changes.take().isEmpty)
    }
}
