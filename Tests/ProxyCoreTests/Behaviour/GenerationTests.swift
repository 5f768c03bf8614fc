import ProxyCore
import Reactor
import StatePolicy
import Testing

/// Reloads and draining while transactions are under way.
@Suite struct GenerationTests {
    private func install(_ harness: ProxyHarness, _ code: Int) {
        #expect(harness.proxy.install(TestLogic { $0.reply(code) }))
    }

    @Test("new requests go to the new logic, transactions keep the one they began with")
    func switching() {
        weak var old: TestLogic?
        let harness: ProxyHarness
        do {
            let logic = TestLogic { request in
                request.handlers.onFailure = 3
                request.relay()
            }
            logic.failure = { $0.reply(499, "Old Logic") }
            harness = ProxyHarness(logic)
            old = logic
        }
        let invite = harness.receive(RequestText()).requests[0].message
        install(harness, 404)
        #expect(harness.proxy.generationsInUse == 2)
        #expect(harness.receive(RequestText { $0.via += "new" }).summary == ["404"])
        let up = harness.receive(invite.response(486), from: Place.bob).to(Place.alice)
        #expect(up.map(\.message.startLine) == ["SIP/2.0 499 Old Logic"])
        harness.finish()
        #expect(harness.proxy.generationsInUse == 1)
        #expect(harness.isEmpty)
        // The harness itself holds the first logic.
        #expect(old != nil)
    }

    @Test("an old logic is given up when its last transaction ends, and not before")
    func releasing() {
        final class Counted {
            var live = 0
        }
        final class Short: RoutingLogic {
            let counted: Counted
            var hooks: RoutingHooks { [] }

            init(_ counted: Counted) {
                self.counted = counted
                counted.live += 1
            }
            deinit { counted.live -= 1 }

            func onRequest(_ request: RequestContext) { request.relay() }
            func onReply(_ response: ResponseContext) {}
            func onBranch(_ request: RequestContext) {}
            func onFailure(_ request: RequestContext) {}
            func chooseStateMode(_ request: RequestContext, _ view: StateView) -> StateMode? { nil }
            func release(_ handlers: TransactionHandlers) {}
        }
        let counted = Counted()
        let harness = ProxyHarness()
        #expect(harness.proxy.install(Short(counted)))
        #expect(counted.live == 1)
        let first = harness.receive(RequestText("OPTIONS")).requests[0].message
        #expect(harness.proxy.install(Short(counted)))
        #expect(counted.live == 2)
        harness.receive(first.response(200), from: Place.bob)
        #expect(counted.live == 2)
        harness.finish()
        #expect(counted.live == 1)
        // Without transactions a reload replaces at once.
        for _ in 0..<10_000 { #expect(harness.proxy.install(Short(counted))) }
        #expect(counted.live == 1)
        #expect(harness.proxy.generationsInUse == 1)
    }

    @Test("a draining proxy refuses new dialogs with 503 and Retry-After, and finishes what is there")
    func draining() {
        let harness = ProxyHarness()
        let invite = harness.receive(RequestText()).requests[0].message
        harness.proxy.isDraining = true
        let refused = harness.receive(RequestText { $0.via += "new" })
        #expect(refused.summary == ["503"])
        #expect(refused[0].message["Retry-After"].count == 1)
        #expect(harness.count(.drainRefusals) == 1)
        #expect(harness.receive(invite.response(200), from: Place.bob).summary == ["200"])
        // Requests within dialogs and retransmissions go on.
        let later = RequestText {
            $0.to += ";tag=uas"
            $0.via += "re"
            $0.cSeq = 2
        }
        #expect(harness.receive(later).summary == ["100", "INVITE"])
        #expect(harness.receive(RequestText("BYE") { $0.via += "bye" }).summary == ["BYE"])
        #expect(harness.receive(RequestText()).isEmpty)
    }

    @Test("state demands of the logic win over the policy")
    func stateDemand() {
        for (demand, count) in [(StateDemand.stateful, 2), (.stateless, 0)] {
            let logic = TestLogic { request in
                request.stateDemand = demand
                request.relay()
            }
            let harness = demand == .stateful ? ProxyHarness.stateless(logic) : ProxyHarness(logic)
            harness.receive(RequestText())
            #expect(harness.proxy.transactionsInUse == count)
        }
    }

    @Test("forks and handlers must be held, whatever the policy says, and are counted")
    func mustHold() {
        let logic = TestLogic { request in
            request.addTarget("sip:bob@192.0.2.200")
            request.addTarget("sip:carol@192.0.2.201")
            request.relay()
        }
        let harness = ProxyHarness.stateless(logic)
        harness.receive(RequestText())
        #expect(harness.proxy.transactionsInUse == 3)
        #expect(harness.count(.requestsMustHold) == 1)
    }
}
