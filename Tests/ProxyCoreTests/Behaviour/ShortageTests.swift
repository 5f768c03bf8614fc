import ProxyCore
import Reactor
import Testing

/// What happens when memory or edits do not suffice: answers get through, nothing stays behind.
@Suite struct ShortageTests {
    /// A reply hook whose edits never fit.
    private func bloated() -> TestLogic {
        let logic = TestLogic()
        logic.hooks = .onReply
        logic.reply = { response in
            let line = "X-Padding: " + String(repeating: "x", count: 40_000)
            addHeader(line, to: response.edits, of: response.message)
            addHeader(line, to: response.edits, of: response.message)
        }
        return logic
    }

    @Test("a response whose edits do not fit goes up without them, and its transaction ends")
    func editsThatDoNotFit() {
        for (method, codes) in [("INVITE", [183, 200]), ("INVITE", [486]), ("OPTIONS", [200]), ("OPTIONS", [404])] {
            let harness = ProxyHarness(bloated())
            let request = harness.receive(RequestText(method)).requests[0].message
            for code in codes {
                let up = harness.receive(request.response(code), from: Place.bob).to(Place.alice)
                #expect(up.map(\.message.code) == [code])
                #expect(up.first?.message["X-Padding"] == [])
            }
            harness.finish()
            #expect(harness.isEmpty, "\(method) \(codes)")
        }
    }

    /// A proxy whose memory for messages is a few slabs, all of them in use, and the requests that it forwarded.
    private func full() -> (harness: ProxyHarness, fillers: [WireMessage]) {
        let harness = ProxyHarness { $0.limits.transactionMemoryBytesMax = 8 * 262_144 }
        var fillers: [WireMessage] = []
        // Padded, so that requests, 100s and responses come from different size classes.
        for number in 0..<1_000 {
            let request = RequestText("MESSAGE") {
                $0.via += "-\(number)"
                $0.headers = ["X-Padding: \(String(repeating: "x", count: number % 7 * 300))"]
            }
            let sent = harness.receive(request)
            if let out = sent.requests.first {
                fillers.append(out.message)
            } else {
                // There was room for the request, but not for its branch (§16.9).
                #expect(sent.summary == ["500"])
            }
        }
        return (harness, fillers)
    }

    @Test("with no memory for transactions requests are forwarded statelessly and counted")
    func memoryLimit() {
        let (harness, fillers) = full()
        #expect(harness.count(.transactionMemoryRefused) > 0)
        #expect(fillers.count > 500)
        #expect(harness.proxy.transactionsInUse < 2_000)
        #expect(harness.count(.requestsForwardedStateless) > 0)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("with no memory to keep responses they go up all the same, and no transaction stays")
    func memoryForResponses() {
        let (harness, fillers) = full()
        for (index, request) in fillers.enumerated() {
            let code = [200, 404, 183][index % 3]
            // Larger than the request, so that a block of another size is needed.
            let response = request.response(code, headers: ["X-Long: \(String(repeating: "y", count: 3_000))"])
            let up = harness.receive(response, from: Place.bob).to(Place.alice)
            if code >= 200 { #expect(up.count == 1) }
        }
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("beyond transactionsMax requests go on statelessly, unless they must be held: 503 with Retry-After")
    func transactionLimit() {
        let harness = ProxyHarness { $0.limits.transactionsMax = 10 }
        for number in 0..<20 {
            let out = harness.receive(RequestText { $0.via += "-\(number)" })
            #expect(out.requests.count == 1)
        }
        #expect(harness.proxy.transactionsInUse == 20)
        #expect(harness.count(.transactionsRefused) == 10)
        #expect(harness.count(.requestsForwardedStateless) == 10)
        harness.logic.request = { request in
            request.stateDemand = .stateful
            request.relay()
        }
        let refused = harness.receive(RequestText { $0.via += "-held" })
        #expect(refused.summary == ["503"])
        #expect(refused[0].message["Retry-After"].count == 1)
        harness.finish()
        #expect(harness.isEmpty)
        // Afterwards there is room again.
        #expect(harness.receive(RequestText { $0.via += "-later" }).summary == ["100", "INVITE"])
        #expect(harness.proxy.transactionsInUse == 2)
    }

    @Test("a request that grows beyond a datagram is answered with 513")
    func tooLargeToForward() {
        for harness in [ProxyHarness(), .stateless()] {
            let empty = RequestText("MESSAGE").text.utf8.count
            let body = String(repeating: "b", count: 65_500 - empty)
            let sent = harness.receive(RequestText("MESSAGE") { $0.body = body })
            #expect(sent.summary == ["513"])
            harness.finish()
            #expect(harness.isEmpty)
        }
    }

    @Test("a large body passes both ways untouched")
    func largeBody() {
        for harness in [ProxyHarness(), .stateless()] {
            let body = String(repeating: "b", count: 60_000)
            let out = harness.receive(RequestText("MESSAGE") { $0.body = body }).requests
            #expect(out.first?.message.body == body)
            harness.finish()
            #expect(harness.isEmpty)
        }
    }
}
