import DNSResolver
import Reactor
import Testing

/// The resolver against a real server.
@Suite(.enabled(if: Dnsmasq.isInstalled, "dnsmasq-base is not installed: scripts/setup test"))
struct ResolverTests {
    private final class Answers: Sendable {
        let all = Monitor<[ServiceAnswer]>([])

        func add(_ answer: ServiceAnswer) {
            all.withLock { $0.append(answer) }
            all.notify()
        }

        func wait(_ count: Int, milliseconds: Int = 20_000) -> [ServiceAnswer] {
            all.wait(milliseconds: milliseconds, until: { $0.count >= count }, then: { $0 })
        }
    }

    private func resolver(port: UInt16, _ change: (inout ResolverSettings) -> Void = { _ in }) throws -> Resolver {
        var settings = ResolverSettings()
        settings.servers = ["127.0.0.1:\(port)"]
        settings.families = [.ipv4]
        change(&settings)
        return try Resolver(settings)
    }

    private func ask(_ resolver: Resolver, _ question: ServiceQuestion) -> ServiceAnswer? {
        let answers = Answers()
        #expect(resolver.resolve(question) { answers.add($0) })
        return answers.wait(1).first
    }

    private func target(_ text: String, priority: UInt16 = 0, weight: UInt16 = 0, group: UInt8 = 0) -> ServiceTarget {
        ServiceTarget(SocketAddress(text)!, priority: priority, weight: weight, group: group)
    }

    @Test("NAPTR, SRV and A of dnsmasq lead to addresses with ports, priorities and time to live")
    func whole() throws {
        let server = try #require(
            Dnsmasq([
                "--naptr-record=example.com,10,10,s,SIP+D2U,,_sip._udp.voip.example.com",
                "--naptr-record=example.com,5,10,s,SIP+D2T,,_sip._tcp.voip.example.com",
                "--srv-host=_sip._udp.voip.example.com,one.example.com,5070,1,60",
                "--srv-host=_sip._udp.voip.example.com,two.example.com,5072,2,40",
                "--host-record=one.example.com,192.0.2.1", "--host-record=two.example.com,192.0.2.2",
                "--local-ttl=90",
            ]))
        let resolver = try resolver(port: server.port)
        defer { resolver.stop() }
        #expect(
            ask(resolver, ServiceQuestion(name: "example.com"))
                == .found(
                    [
                        target("192.0.2.1:5070", priority: 1, weight: 60),
                        target("192.0.2.2:5072", priority: 2, weight: 40, group: 1),
                    ], ttlSeconds: 90))
        #expect(ask(resolver, ServiceQuestion(name: "nobody.example.com")) == .nowhere)
        #expect(resolver.pendingCount == 0)
    }

    @Test("without NAPTR and SRV the host itself, at 5060 or at the port given; IPv6 where the proxy has it")
    func host() throws {
        let server = try #require(Dnsmasq(["--host-record=example.org,192.0.2.9,2001:db8::9", "--local-ttl=90"]))
        let resolver = try resolver(port: server.port) { $0.families = [.ipv4, .ipv6] }
        defer { resolver.stop() }
        #expect(
            ask(resolver, ServiceQuestion(name: "example.org"))
                == .found([target("192.0.2.9:5060"), target("[2001:db8::9]:5060")], ttlSeconds: 90))
        #expect(
            ask(resolver, ServiceQuestion(name: "example.org", port: 5_080))
                == .found([target("192.0.2.9:5080"), target("[2001:db8::9]:5080")], ttlSeconds: 90))
    }

    @Test("nobody at the server's address: failed, after the time-out or at once, and others are joined to it")
    func silence() throws {
        // A port that was free a moment ago.
        let port = try #require(LoopbackProbe()).port
        let resolver = try resolver(port: port) {
            $0.timeoutMilliseconds = 300
            $0.pendingMax = 1
        }
        defer { resolver.stop() }
        let answers = Answers()
        for _ in 0..<3 { _ = resolver.resolve(ServiceQuestion(name: "example.com")) { answers.add($0) } }
        #expect(answers.wait(1).allSatisfy { $0 == .failed })
    }

    @Test("stopping answers what is still out, and refuses what comes after")
    func stop() throws {
        let server = try #require(Dnsmasq(["--host-record=example.org,192.0.2.9"]))
        let resolver = try resolver(port: server.port)
        let answers = Answers()
        for number in 0..<50 {
            #expect(resolver.resolve(ServiceQuestion(name: "h\(number).example.org")) { answers.add($0) })
        }
        resolver.stop()
        #expect(answers.wait(50).count == 50)
        #expect(!resolver.resolve(ServiceQuestion(name: "example.org")) { answers.add($0) })
    }

    @Test("a name of a server that is none is refused with words")
    func badServer() {
        var settings = ResolverSettings()
        settings.servers = ["not an address"]
        #expect(throws: ResolverError.self) { try Resolver(settings) }
    }
}
