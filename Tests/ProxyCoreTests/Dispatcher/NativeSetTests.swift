import ProxyCore
import Reactor
import Testing

/// `next_set`: a set of servers without a script.
@Suite struct NativeSetTests {
    private func harness(targets: [(String, SocketAddress)]) -> ProxyHarness {
        var set = DispatcherSet(name: "s")
        set.algorithm = .priority
        set.targets = targets.map { DispatcherTarget(uri: $0.0, address: $0.1) }
        let dispatcher = Dispatcher([set], table: TargetTable(workers: 1))
        let harness = ProxyHarness()
        _ = harness.proxy.install(NativeRouting(recordsRoute: true, dispatcher: dispatcher, nextSet: 0))
        return harness
    }

    private let pair = [("sip:192.0.2.201", Place.carol), ("sip:192.0.2.202", Place.dave)]

    @Test("calls go to the set with their own Request-URI, and on to the next target after silence or 503")
    func failover() throws {
        let harness = harness(targets: pair)
        let first = try #require(harness.receive(RequestText()).requests.first)
        #expect(first.destination == Place.carol)
        #expect(first.message.uri == "sip:bob@192.0.2.200")
        let later = harness.pass(milliseconds: 2_100).map(\.sent).filter { $0.destination == Place.dave }
        #expect(later.map(\.message.method) == ["INVITE"])
        let second = try #require(
            harness.receive(RequestText { $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-2" }).requests.first)
        #expect(
            harness.receive(second.message.response(503), from: Place.carol).requests.map(\.destination).contains(
                Place.dave))
    }

    @Test("what is in a dialog follows its route set, or its Request-URI")
    func dialogs() {
        let harness = harness(targets: pair)
        for route in [[], ["Route: <sip:192.0.2.1;lr>"]] {
            let sent = harness.receive(
                RequestText("BYE") {
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-bye-\(route.count)"
                    $0.to += ";tag=b"
                    $0.headers = route
                })
            #expect(sent.requests.map(\.destination) == [Place.bob])
        }
    }

    @Test("without a target left it is 503, and a CANCEL that comes too late 481")
    func none() {
        let empty = harness(targets: [])
        #expect(empty.receive(RequestText()).responses.map(\.message.code) == [503])
        #expect(harness(targets: pair).receive(RequestText("CANCEL")).responses.map(\.message.code) == [481])
    }
}
