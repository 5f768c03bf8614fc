import ProxyCore
import Reactor
import StatePolicy
import Testing

/// RFC 3261 §16.4, §16.6 steps 4 and 6, §16.12: Record-Route, Route, strict routers, maddr.
@Suite struct RoutingTests {
    private func recording() -> TestLogic {
        TestLogic {
            $0.recordsRoute = true
            $0.relay()
        }
    }

    private func both(_ logic: () -> TestLogic = { TestLogic() }) -> [ProxyHarness] {
        [ProxyHarness(logic()), .stateless(logic())]
    }

    /// A request within a dialog, with the given Route headers.
    private func inDialog(_ method: String = "BYE", uri: String = "sip:bob@192.0.2.200", routes: [String])
        -> RequestText
    {
        RequestText(method) {
            $0.uri = uri
            $0.to = "Bob <sip:bob@example.com>;tag=b1"
            $0.headers = routes.map { "Route: \($0)" }
        }
    }

    @Test("Record-Route names the listener with lr and stands before those that are there")
    func recordRoute() {
        for harness in both(recording) {
            let out = harness.receive(RequestText { $0.headers = ["Record-Route: <sip:p0.example.com;lr>"] }).requests
            #expect(out[0].message["Record-Route"] == ["<sip:192.0.2.1:5060;lr>", "<sip:p0.example.com;lr>"])
        }
    }

    @Test("between two listeners there are two Record-Routes, the one towards the destination on top (RFC 5658)")
    func doubleRecordRoute() {
        for harness in both(recording) {
            let out = harness.receive(RequestText { $0.uri = "sip:bob@[2001:db8::200]" }).requests
            #expect(out[0].destination == Place.bob6)
            #expect(
                out[0].message["Record-Route"] == [
                    "<sip:[2001:db8::1]:5060;lr;r2=on>", "<sip:192.0.2.1:5060;lr;r2=on>",
                ])
        }
    }

    @Test("both own Routes come off, and the request leaves by the other listener")
    func doubleRoute() {
        for harness in both() {
            let down = inDialog(
                uri: "sip:bob@[2001:db8::200]",
                routes: ["<sip:192.0.2.1:5060;lr;r2=on>", "<sip:[2001:db8::1]:5060;lr;r2=on>"])
            let out = harness.receive(down).requests
            #expect(out[0].destination == Place.bob6)
            #expect(out[0].listener == 1)
            #expect(out[0].message["Route"].isEmpty)
            let oneHeader = inDialog(
                uri: "sip:bob@[2001:db8::200]",
                routes: ["<sip:192.0.2.1:5060;lr;r2=on>,<sip:[2001:db8::1]:5060;lr;r2=on>, <sip:192.0.2.201;lr>"]
            ).with { $0.via += "x" }
            let next = harness.receive(oneHeader).requests
            #expect(next[0].destination == Place.carol)
            #expect(next[0].message["Route"] == ["<sip:192.0.2.201;lr>"])
        }
    }

    @Test("only our own topmost Route comes off, and the next one says where to go")
    func looseRouting() {
        for harness in both() {
            let out = harness.receive(
                inDialog(routes: ["<sip:192.0.2.1;lr>", "<sip:192.0.2.201:5070;lr>", "<sip:192.0.2.202;lr>"])
            ).requests
            #expect(out[0].destination == SocketAddress("192.0.2.201:5070")!)
            #expect(out[0].message["Route"] == ["<sip:192.0.2.201:5070;lr>", "<sip:192.0.2.202;lr>"])
            #expect(out[0].message.uri == "sip:bob@192.0.2.200")
            let foreign = harness.receive(inDialog(routes: ["<sip:192.0.2.202;lr>"]).with { $0.via += "x" }).requests
            #expect(foreign[0].destination == Place.dave)
            #expect(foreign[0].message["Route"] == ["<sip:192.0.2.202;lr>"])
        }
    }

    @Test("a domain of ours in Route counts as us, in any case")
    func ownDomain() {
        let harness = ProxyHarness()
        let out = harness.receive(inDialog(routes: ["<sip:Proxy.Example.COM;lr>"])).requests
        #expect(out[0].destination == Place.bob)
        #expect(out[0].message["Route"].isEmpty)
    }

    @Test("another port on our address is someone else")
    func otherPort() {
        let harness = ProxyHarness()
        let out = harness.receive(inDialog(routes: ["<sip:192.0.2.1:5999;lr>"])).requests
        #expect(out[0].destination == SocketAddress("192.0.2.1:5999")!)
        #expect(out[0].message["Route"] == ["<sip:192.0.2.1:5999;lr>"])
    }

    @Test("a strict router upstream: our URI in the Request-URI is swapped with the last Route (§16.4)")
    func strictUpstream() {
        for harness in both() {
            let out = harness.receive(
                inDialog(uri: "sip:192.0.2.1;lr", routes: ["<sip:192.0.2.201;lr>", "<sip:bob@192.0.2.200>"])
            ).requests
            #expect(out[0].message.uri == "sip:bob@192.0.2.200")
            #expect(out[0].message["Route"] == ["<sip:192.0.2.201;lr>"])
            #expect(out[0].destination == Place.carol)
            let last = harness.receive(
                inDialog(uri: "sip:192.0.2.1;lr", routes: ["<sip:bob@192.0.2.200>"]).with { $0.via += "x" }
            ).requests
            #expect(last[0].message.uri == "sip:bob@192.0.2.200")
            #expect(last[0].message["Route"].isEmpty)
            #expect(last[0].destination == Place.bob)
        }
    }

    @Test("received and rport survive the swap for a strict router upstream")
    func strictUpstreamFromElsewhere() {
        for harness in both() {
            let request = inDialog(uri: "sip:192.0.2.1;lr", routes: ["<sip:bob@192.0.2.200>"]).with {
                $0.via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnat;rport"
            }
            let out = harness.receive(request, from: SocketAddress("192.0.2.100:40006")!).requests
            #expect(out[0].message["Via"][1].contains(";rport=40006"))
            #expect(out[0].message["Via"][1].contains(";received=192.0.2.100"))
        }
    }

    @Test("a strict router downstream gets its URI as Request-URI, ours goes to the end of Route (§16.6 step 6)")
    func strictDownstream() {
        for harness in both() {
            let out = harness.receive(
                inDialog(routes: ["<sip:192.0.2.1;lr>", "<sip:192.0.2.201>", "<sip:192.0.2.202;lr>"])
            ).requests
            #expect(out[0].message.uri == "sip:192.0.2.201")
            #expect(out[0].message["Route"] == ["<sip:192.0.2.202;lr>", "<sip:bob@192.0.2.200>"])
            #expect(out[0].destination == Place.carol)
            let alone = harness.receive(inDialog(routes: ["<sip:192.0.2.201>"]).with { $0.via += "x" }).requests
            #expect(alone[0].message.uri == "sip:192.0.2.201")
            #expect(alone[0].message["Route"] == ["<sip:bob@192.0.2.200>"])
        }
    }

    @Test("a maddr that names us comes off with the port that led here (§16.4)")
    func ownMaddrAndPort() {
        for policy in PolicyName.allCases {
            let harness = ProxyHarness {
                $0.policy = policy
                $0.listeners[0].address = Place.proxy.withPort(5_070)
                $0.listeners[0].advertisedPort = 5_070
            }
            let out = harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@192.0.2.200:5070;maddr=192.0.2.1" })
                .requests
            #expect(out[0].message.uri == "sip:bob@192.0.2.200")
            #expect(out[0].destination == Place.bob)
        }
    }

    @Test("a maddr that names us comes off, other parameters stay (§16.4)")
    func ownMaddr() {
        for harness in both() {
            let out = harness.receive(
                RequestText("OPTIONS") {
                    $0.uri = "sip:bob@192.0.2.200;maddr=192.0.2.1;user=phone"
                    $0.via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnat;rport"
                }, from: SocketAddress("192.0.2.100:40007")!
            ).requests
            #expect(out[0].message.uri == "sip:bob@192.0.2.200;user=phone")
            #expect(out[0].destination == Place.bob)
            #expect(out[0].message["Via"][1].contains(";rport=40007"))
        }
    }

    @Test("a foreign maddr decides where the request goes (§19.1.1)")
    func foreignMaddr() {
        for harness in both() {
            let out = harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@example.com;maddr=192.0.2.201" })
                .requests
            #expect(out[0].destination == Place.carol)
            #expect(out[0].message.uri == "sip:bob@example.com;maddr=192.0.2.201")
        }
    }

    @Test("names of the configuration are resolved, a URI's port wins over theirs")
    func configuredNames() {
        let harness = ProxyHarness { $0.hosts = ["uas.example.com": SocketAddress("192.0.2.200:5080")!] }
        let out = harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@UAS.example.com" }).requests
        #expect(out[0].destination == SocketAddress("192.0.2.200:5080")!)
        let ported = harness.receive(
            RequestText("OPTIONS") {
                $0.uri = "sip:bob@uas.example.com:5090"
                $0.via += "x"
            }
        ).requests
        #expect(ported[0].destination == SocketAddress("192.0.2.200:5090")!)
    }

    @Test("a transport that is not there makes a target unresolvable")
    func otherTransport() {
        let harness = ProxyHarness()
        #expect(
            harness.receive(RequestText("OPTIONS") { $0.uri = "sip:bob@192.0.2.200;transport=tcp" }).summary == ["500"])
        let udp = harness.receive(
            RequestText("OPTIONS") { $0.uri = "sip:bob@192.0.2.200;transport=UDP" }.with { $0.via += "x" })
        #expect(udp.summary == ["OPTIONS"])
    }

    @Test("native routing sends to its next hop, records its route for dialogs and follows Route within them")
    func nativeRouting() {
        let sink = CapturingSink()
        let counters = CounterBlock(count: ProxyCounter.allCases.count)
        defer { counters.deallocate() }
        let logic = NativeRouting(nextHop: Place.carol, recordsRoute: true)
        let proxy = Proxy(
            settings: .forTests, workerIndex: 0, logic: logic, sink: sink, counters: counters, peers: nil, now: 0)
        func receive(_ request: RequestText) -> Sent {
            sink.sent.removeAll()
            var bytes = Array(request.text.utf8)
            bytes.withUnsafeMutableBytes { proxy.received($0, from: Place.alice, listener: 0, now: 1) }
            return sink.sent.requests[0]
        }
        let first = receive(RequestText { $0.uri = "sip:bob@proxy.example.com" })
        #expect(first.destination == Place.carol)
        #expect(first.message["Record-Route"] == ["<sip:192.0.2.1:5060;lr>"])
        let later = receive(inDialog(routes: ["<sip:192.0.2.1:5060;lr>"]))
        #expect(later.destination == Place.bob)
        #expect(later.message["Record-Route"].isEmpty)
    }
}
