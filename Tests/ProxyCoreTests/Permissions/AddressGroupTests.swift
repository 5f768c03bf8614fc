import ProxyCore
import Reactor
import Testing

/// Which addresses a group holds.
@Suite struct AddressGroupTests {
    private func rule(
        _ network: String, _ bits: Int, port: UInt16 = 0, transport: Transport? = nil
    ) -> AddressRule {
        AddressRule(
            network: SocketAddress(network)!, prefixBits: bits, port: port, transport: transport)
    }

    @Test("networks of both families, to the last bit")
    func networks() {
        let group = AddressGroup([
            rule("192.0.2.0", 24), rule("198.51.100.7", 32), rule("[2001:db8::]", 32), rule("203.0.113.128", 25),
        ])
        for inside in [
            "192.0.2.0:1", "192.0.2.255:5060", "198.51.100.7:5060", "[2001:db8:ffff::1]:5060", "203.0.113.128:5060",
            "[::ffff:192.0.2.1]:5060",
        ] {
            #expect(group.contains(SocketAddress(inside)!), "\(inside)")
        }
        for outside in [
            "192.0.3.0:5060", "192.0.1.255:5060", "198.51.100.6:5060", "[2001:db9::]:5060", "203.0.113.127:5060",
        ] {
            #expect(!group.contains(SocketAddress(outside)!), "\(outside)")
        }
        #expect(!group.contains(.none))
        #expect(!AddressGroup([]).contains(Place.alice))
    }

    @Test("every address of a family")
    func everything() {
        let group = AddressGroup([rule("0.0.0.0", 0)])
        #expect(group.contains(Place.alice))
        #expect(!group.contains(Place.alice6))
        #expect(AddressGroup([rule("[::]", 0)]).contains(Place.alice6))
    }

    @Test("a port or a transport, where one is named")
    func details() {
        let group = AddressGroup([rule("192.0.2.0", 24, port: 5_060), rule("192.0.2.9", 32, transport: .tls)])
        #expect(group.contains(SocketAddress("192.0.2.9:5060")!))
        #expect(!group.contains(SocketAddress("192.0.2.9:5070")!))
        #expect(group.contains(SocketAddress("192.0.2.9:5070")!.withTransport(.tls)))
        #expect(!group.contains(SocketAddress("192.0.2.8:5070")!.withTransport(.tls)))
    }

    @Test("any rules and addresses: as comparing bit by bit says")
    func soup() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("AddressGroupTests.soup"))
        for _ in 0..<200 {
            let rules = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                AddressRule(
                    network: SocketAddress(ipv4: UInt32.random(in: 0...255, using: &random) << 8, port: 0),
                    prefixBits: Int.random(in: 0...32, using: &random),
                    port: UInt16.random(in: 0...2, using: &random),
                    transport: Bool.random(using: &random) ? nil : .tcp)
            }
            let group = AddressGroup(rules)
            for _ in 0..<50 {
                let number = UInt32.random(in: 0...65_535, using: &random)
                let address = SocketAddress(
                    ipv4: number, port: UInt16.random(in: 1...3, using: &random),
                    transport: Bool.random(using: &random) ? .udp : .tcp)
                let expected = rules.contains { rule in
                    let mask = rule.prefixBits == 0 ? 0 : UInt64(UInt32.max) << UInt64(32 - rule.prefixBits)
                    return UInt64(number) & mask == rule.network.low & mask
                        && (rule.port == 0 || rule.port == address.port)
                        && (rule.transport == nil || rule.transport == address.transport)
                }
                #expect(group.contains(address) == expected)
            }
        }
    }

    @Test("groups are known by their names")
    func names() {
        let groups = AddressGroups([("a", [rule("192.0.2.0", 24)]), ("b", [])])
        func contains(_ name: String) -> Bool? {
            Array(name.utf8).withUnsafeBytes { groups.contains(Place.alice, in: $0) }
        }
        #expect(contains("a") == true)
        #expect(contains("b") == false)
        #expect(contains("c") == nil)
        #expect(groups.names == ["a", "b"])
    }
}
