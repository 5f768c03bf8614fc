import Foundation
import ProxyCore
import Reactor
import Scripting
import Testing

extension ScriptServices {
    /// With the sets and groups that the examples of docs/dispatcher.md speak of.
    static func withSets(_ change: (inout DispatcherSet) -> Void = { _ in }) -> ScriptServices {
        var gateways = DispatcherSet(name: "gateways")
        gateways.algorithm = .priority
        gateways.targets = [
            DispatcherTarget(uri: "sip:192.0.2.200", address: SIPPlace.callee, weight: 2),
            DispatcherTarget(uri: "sip:192.0.2.201:5060;transport=udp", address: SIPPlace.other, priority: 1),
        ]
        change(&gateways)
        var callers = DispatcherSet(name: "pbx")
        callers.targets = [DispatcherTarget(uri: "sip:192.0.2.100", address: SIPPlace.caller)]
        var services = ScriptServices()
        services.dispatcher = Dispatcher([gateways, callers], table: TargetTable(workers: 1))
        services.permissions = AddressGroups([
            ("trunks", [AddressRule(network: SocketAddress("192.0.2.96")!, prefixBits: 28)]),
            ("tls", [AddressRule(network: SocketAddress("192.0.2.0")!, prefixBits: 24, transport: .tls)]),
        ])
        return services
    }
}

/// `dispatcher` and `permissions` as scripts use them.
@Suite("Sets of servers in scripts") struct DispatcherScriptTests {
    private func harness(
        _ body: String, _ change: (inout DispatcherSet) -> Void = { _ in }
    ) throws -> SIPHarness {
        try SIPHarness("function on_request(req) \(body) end", services: .withSets(change))
    }

    /// What the script logs.
    private func value(_ expression: String, _ change: (inout DispatcherSet) -> Void = { _ in }) throws -> String {
        let harness = try harness("log.info(\(expression)) req:drop()", change)
        harness.receive()
        return harness.log.texts.joined(separator: "\n")
    }

    @Test("selected targets keep the Request-URI and go where the set says")
    func select() throws {
        let harness = try harness(
            "return req:relay { targets = dispatcher.select('gateways'), order = 'failover' }")
        let invite = try #require(harness.receive().last)
        #expect(invite.destination == SIPPlace.callee)
        #expect(invite.uri == "sip:bob@192.0.2.200")
        let next = harness.receive(invite.response(503), from: SIPPlace.callee)
        #expect(next.last?.destination == SIPPlace.other)
        #expect(next.last?.uri == "sip:bob@192.0.2.200")
    }

    @Test("with rewrite the Request-URI is the target's, but for the user")
    func rewrite() throws {
        let body = "local t = dispatcher.select('gateways', { rewrite = true }) log.info(t[1].uri, t[2].uri) req:drop()"
        let harness = try harness(body)
        harness.receive(SIPText(uri: "sip:+491;x=1@example.com;user=phone;transport=tcp"))
        harness.receive(SIPText(uri: "sip:example.com", branch: "z9hG4bK-2"))
        #expect(
            harness.log.texts == [
                "sip:+491;x=1@192.0.2.200;user=phone sip:+491;x=1@192.0.2.201:5060;transport=udp;user=phone",
                "sip:192.0.2.200 sip:192.0.2.201:5060;transport=udp",
            ])
    }

    @Test("limit, and nil when none is left")
    func limits() throws {
        #expect(try value("#dispatcher.select('gateways', { limit = 1 })") == "1")
        #expect(try value("dispatcher.select('gateways')", { $0.targets = [] }) == "nil")
    }

    @Test("a key sends the same to the same target, also for other requests")
    func key() throws {
        let harness = try harness("log.info(dispatcher.select('gateways', { key = 'room 7' })[1].to) req:drop()") {
            $0.targets[1].priority = 0
        }
        for number in 0..<20 { harness.receive(SIPText(branch: "z9hG4bK-\(number)", callID: "\(number)")) }
        #expect(Set(harness.log.texts).count == 1)
        let other = try self.harness(
            "for i = 1, 50 do log.info(dispatcher.select('gateways', { key = 'k' .. i })[1].to) end req:drop()"
        ) { $0.targets[1].priority = 0 }
        other.receive()
        #expect(Set(other.log.texts).count == 2)
    }

    @Test("what a set hashes by is the same part of different requests", arguments: DispatcherKey.allCases)
    func keys(key: DispatcherKey) throws {
        func targets(_ change: (Int, inout SIPText) -> Void) throws -> Set<String> {
            let harness = try harness("log.info(dispatcher.select('gateways')[1].to) req:drop()") {
                $0.algorithm = .hash
                $0.key = key
                $0.targets[1].priority = 0
            }
            for number in 0..<40 {
                var request = SIPText(branch: "z9hG4bK-\(number)")
                change(number, &request)
                harness.receive(request)
            }
            return Set(harness.log.texts)
        }
        #expect(try targets { number, request in request.extra = ["X-Number: \(number)"] }.count == 1)
        let differing = try targets { number, request in
            switch key {
            case .callID: request.callID = "\(number)"
            case .fromURI: request.from = "<sip:\(number)@example.com>;tag=1"
            case .toURI: request.to = "<sip:\(number)@example.com>"
            case .requestURI: request.uri = "sip:\(number)@example.com"
            case .authUser:
                request.extra = [
                    "Proxy-Authorization: Digest username=\"\(number)\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\""
                ]
            }
        }
        #expect(differing.count == 2)
    }

    @Test("marks take effect at once, and list shows them")
    func marks() throws {
        let harness = try harness(
            """
            if req.method == "MESSAGE" then
              dispatcher.mark("gateways", "sip:192.0.2.200", "drained")
              dispatcher.mark("gateways", "sip:192.0.2.201", "down")
            end
            for _, t in ipairs(dispatcher.list("gateways")) do log.info(t.uri, t.state, t.weight, t.priority) end
            req:drop()
            """)
        harness.receive()
        harness.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-2"))
        #expect(
            harness.log.texts == [
                "sip:192.0.2.200 up 2 0", "sip:192.0.2.201:5060;transport=udp up 1 1",
                "sip:192.0.2.200 drained 2 0", "sip:192.0.2.201:5060;transport=udp down 1 1",
            ])
    }

    @Test("contains knows who sends, and other addresses")
    func contains() throws {
        #expect(try value("dispatcher.contains('pbx')") == "true")
        #expect(try value("dispatcher.contains('gateways')") == "false")
        #expect(try value("dispatcher.contains('gateways', '192.0.2.200')") == "true")
        #expect(try value("dispatcher.contains('gateways', 'sip:192.0.2.201:9')") == "true")
        #expect(try value("dispatcher.contains('gateways', '192.0.2.201:9', { port = true })") == "false")
        #expect(try value("dispatcher.contains('gateways', '192.0.2.201:5060', { port = true })") == "true")
    }

    @Test("permissions hold who sends, and other addresses")
    func permissions() throws {
        #expect(try value("permissions.allowed('trunks')") == "true")
        #expect(try value("permissions.allowed('tls')") == "false")
        #expect(try value("permissions.allowed('trunks', '192.0.2.111')") == "true")
        #expect(try value("permissions.allowed('trunks', '192.0.2.112')") == "false")
        #expect(try value("permissions.allowed('tls', 'sip:192.0.2.112;transport=tls')") == "true")
    }

    @Test(
        "what cannot be is told",
        arguments: [
            ("dispatcher.select('gateway')", "there is no set \"gateway\"; there are gateways, pbx"),
            ("dispatcher.select('pbx', { key = 'a', algorithm = 'weighted' })", "a key is for the algorithm \"hash\""),
            ("dispatcher.mark('pbx', 'sip:192.0.2.9', 'up')", "the set has no target"),
            ("dispatcher.contains('pbx', 'example.com')", "is neither ADDRESS, ADDRESS:PORT nor a sip URI"),
            ("permissions.allowed('x')", "there is no group \"x\"; there are trunks, tls"),
        ])
    func mistakes(statement: String, message: String) throws {
        let harness = try harness(statement)
        harness.receive()
        #expect(harness.log.errors.first?.contains(message) == true, "\(harness.log.errors)")
    }

    @Test("a script that is loaded anew finds targets as they were")
    func reload() throws {
        let table = TargetTable(workers: 1)
        func services() -> ScriptServices {
            var set = DispatcherSet(name: "s")
            set.targets = [DispatcherTarget(uri: "sip:192.0.2.200", address: SIPPlace.callee)]
            return ScriptServices(dispatcher: Dispatcher([set], table: table))
        }
        let harness = try SIPHarness(
            "function on_request(req) dispatcher.mark('s', 'sip:192.0.2.200', 'drained') req:drop() end",
            services: services())
        harness.receive()
        let next = try ScriptRouting.load(
            ScriptSource(
                path: "next.lua",
                text: "function on_request(req) log.info(dispatcher.select('s')) req:drop() end"),
            log: harness.log.log, services: services())
        #expect(harness.proxy.install(next))
        harness.receive(SIPText(branch: "z9hG4bK-2"))
        #expect(harness.log.texts == ["nil"])
    }
}
