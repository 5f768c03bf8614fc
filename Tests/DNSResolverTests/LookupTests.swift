import DNSResolver
import Reactor
import Testing

/// The steps of RFC 3263 §4 with answers from a table.
@Suite struct LookupTests {
    /// Records by "TYPE name"; what is not there does not exist.
    private func run(
        _ question: ServiceQuestion, families: Set<SocketAddress.Family> = [.ipv4],
        failing: Set<String> = [], _ zone: [String: [Record]]
    ) -> (answer: ServiceAnswer?, asked: [String]) {
        var answer: ServiceAnswer?
        var asked: [String] = []
        ServiceLookup.run(question, families: families) { name, type, done in
            let key = "\(type) \(name)"
            asked.append(key)
            if failing.contains(key) { return done(.failed) }
            done(zone[key].map { .records($0) } ?? .nothing)
        } done: {
            answer = $0
        }
        return (answer, asked)
    }

    private func a(_ text: String, ttl: UInt32 = 60) -> Record {
        Record(ttlSeconds: ttl, .address(SocketAddress(text)!))
    }

    private func srv(_ target: String, port: UInt16 = 5_070, priority: UInt16 = 1, weight: UInt16 = 0, ttl: UInt32 = 60)
        -> Record
    {
        Record(ttlSeconds: ttl, .service(priority: priority, weight: weight, port: port, target: target))
    }

    private func naptr(_ order: UInt16, _ preference: UInt16, _ service: String, _ replacement: String) -> Record {
        Record(
            ttlSeconds: 60,
            .pointer(
                order: order, preference: preference, flags: "s", service: service, regexp: "",
                replacement: replacement))
    }

    private func target(_ text: String, priority: UInt16 = 0, weight: UInt16 = 0, group: UInt8 = 0) -> ServiceTarget {
        ServiceTarget(SocketAddress(text)!, priority: priority, weight: weight, group: group)
    }

    @Test("with a port only addresses are asked for")
    func port() {
        let result = run(
            ServiceQuestion(name: "example.com", port: 5_080), families: [.ipv4, .ipv6],
            ["a example.com": [a("192.0.2.1:0")], "aaaa example.com": [a("[2001:db8::1]:0", ttl: 30)]])
        #expect(result.asked == ["a example.com", "aaaa example.com"])
        #expect(
            result.answer
                == .found([target("192.0.2.1:5080"), target("[2001:db8::1]:5080")], ttlSeconds: 30))
    }

    @Test("NAPTR leads to SRV, SRV to addresses; the shortest time to live counts")
    func whole() {
        let result = run(
            ServiceQuestion(name: "example.com"),
            [
                "naptr example.com": [naptr(10, 10, "SIP+D2U", "_sip._udp.voip.example.com")],
                "srv _sip._udp.voip.example.com": [srv("one.example.com", ttl: 20)],
                "a one.example.com": [a("192.0.2.1:0", ttl: 300)],
            ])
        #expect(
            result.asked == ["naptr example.com", "srv _sip._udp.voip.example.com", "a one.example.com"])
        #expect(result.answer == .found([target("192.0.2.1:5070", priority: 1)], ttlSeconds: 20))
    }

    @Test("NAPTR records are taken by order, then preference; other services and regular expressions are left out")
    func pointerOrder() {
        let result = run(
            ServiceQuestion(name: "example.com"),
            [
                "naptr example.com": [
                    naptr(20, 1, "SIP+D2U", "third.example.com"), naptr(10, 50, "sip+d2u", "second.example.com"),
                    naptr(10, 10, "SIP+D2U", "first.example.com"), naptr(1, 1, "SIP+D2T", "tcp.example.com"),
                    naptr(1, 1, "SIPS+D2T", "tls.example.com"),
                ],
                "srv third.example.com": [srv("one.example.com")], "a one.example.com": [a("192.0.2.1:0")],
            ])
        #expect(
            result.asked == [
                "naptr example.com", "srv first.example.com", "srv second.example.com", "srv third.example.com",
                "a one.example.com",
            ])
    }

    @Test("without NAPTR, or without an answer about it, SRV is asked for", arguments: [false, true])
    func noPointer(fails: Bool) {
        let result = run(
            ServiceQuestion(name: "example.com"), failing: fails ? ["naptr example.com"] : [],
            ["srv _sip._udp.example.com": [srv("one.example.com")], "a one.example.com": [a("192.0.2.1:0")]])
        #expect(result.answer == .found([target("192.0.2.1:5070", priority: 1)], ttlSeconds: 60))
    }

    @Test("with a transport in the URI NAPTR is not asked for")
    func transport() {
        let result = run(
            ServiceQuestion(name: "example.com", isTransportGiven: true), ["a example.com": [a("192.0.2.1:0")]])
        #expect(result.asked == ["srv _sip._udp.example.com", "a example.com"])
        #expect(result.answer == .found([target("192.0.2.1:5060")], ttlSeconds: 60))
    }

    @Test("SRV targets stand by priority, each with its own port")
    func priorities() {
        let result = run(
            ServiceQuestion(name: "example.com", isTransportGiven: true),
            [
                "srv _sip._udp.example.com": [
                    srv("two.example.com", port: 2, priority: 20, weight: 5),
                    srv("one.example.com", port: 1, priority: 10, weight: 7),
                ],
                "a one.example.com": [a("192.0.2.1:0"), a("192.0.2.11:0")], "a two.example.com": [a("192.0.2.2:0")],
            ])
        #expect(
            result.answer
                == .found(
                    [
                        target("192.0.2.1:1", priority: 10, weight: 7, group: 0),
                        target("192.0.2.11:1", priority: 10, weight: 7, group: 0),
                        target("192.0.2.2:2", priority: 20, weight: 5, group: 1),
                    ], ttlSeconds: 60))
    }

    @Test("SRV to the root says that there is no such service")
    func root() {
        let result = run(
            ServiceQuestion(name: "example.com", isTransportGiven: true),
            ["srv _sip._udp.example.com": [srv("")], "a example.com": [a("192.0.2.1:0")]])
        #expect(result.answer == .nowhere)
    }

    @Test("a hundred SRV records make eight targets, none of a worse priority")
    func bounded() {
        var zone = [
            "srv _sip._udp.example.com": (0..<100).map { srv("h\($0).example.com", priority: $0 < 50 ? 1 : 2) }
        ]
        for number in 0..<100 { zone["a h\(number).example.com"] = [a("192.0.2.\(number):0")] }
        let result = run(ServiceQuestion(name: "example.com", isTransportGiven: true), zone)
        guard case .found(let targets, _) = result.answer else {
            Issue.record("nothing found")
            return
        }
        #expect(targets.count == ServiceLookup.targetsMax)
        #expect(targets.allSatisfy { $0.priority == 1 })
    }

    @Test("no address at all is nowhere, or failed when somebody did not answer")
    func failures() {
        let question = ServiceQuestion(name: "example.com", port: 5_060)
        #expect(run(question, [:]).answer == .nowhere)
        #expect(run(question, failing: ["a example.com"], [:]).answer == .failed)
        #expect(
            run(
                ServiceQuestion(name: "example.com"), failing: ["srv _sip._udp.example.com"],
                ["a example.com": [a("192.0.2.1:0")]]
            ).answer == .failed)
    }

    @Test("addresses that nobody can be called at are left out")
    func useless() {
        let result = run(
            ServiceQuestion(name: "example.com", port: 5_060),
            ["a example.com": [a("0.0.0.0:0"), a("224.0.0.1:0"), a("192.0.2.7:0")]])
        #expect(result.answer == .found([target("192.0.2.7:5060")], ttlSeconds: 60))
    }
}
