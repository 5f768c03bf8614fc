import Foundation
import ProxyCore
import Reactor
import Scripting
import StatePolicy
import Testing

/// Says the same each period, as a policy that has measured.
private struct SettledPolicy: StatePolicy {
    var name: String { "settled" }

    var fixedMode: StateMode? { nil }

    let estimate: NodeEstimate = {
        var estimate = NodeEstimate()
        estimate.statelessCost = 20e-6
        estimate.stateCost = 10e-6
        estimate.capacity = 0.9
        estimate.utilisation = 0.75
        estimate.arrivals = 1_000
        estimate.held = 300
        estimate.holdable = 400
        estimate.mustHold = 50
        return estimate
    }()

    mutating func update(_ sample: NodeSample, _ decision: inout NodeDecision) {
        decision.keep = sample.feedback.map { _ in 0.25 }
        decision.grants = sample.feedback.map { _ in NodeDecision.Grant() }
    }
}

/// choose_state_mode where another proxy could hold the state, and the example policies.
@Suite struct SIPStateViewTests {
    /// The callee's address is a trusted proxy that has said that it takes 250 requests a second.
    private static func harness(_ script: String) throws -> SIPHarness {
        let harness = try SIPHarness(script, trusted: [SIPPlace.callee], makePolicy: { SettledPolicy() })
        let sent = harness.receive(SIPText(branch: "z9hG4bK-first", callID: "first"))
        let forwarded = sent.first { $0.isRequest }
        let first = try #require(forwarded)
        var lines = first.response(200).components(separatedBy: "\r\n")
        lines[1] += ";svk-allow=250;svk-price=31000;svk-seq=7.1"
        harness.receive(lines.joined(separator: "\r\n"), from: SIPPlace.callee)
        harness.node.tick(time: 1, processors: 1)
        harness.log.clear()
        return harness
    }

    private static func marker(_ sent: [SIPSent]) -> String? {
        sent.first(where: \.isRequest).flatMap { $0["Via"].first?.components(separatedBy: ";svk=").last }
    }

    @Test("view tells of the request and of the node")
    func view() throws {
        let harness = try Self.harness(
            """
            function on_request(req) return req:relay() end
            function choose_state_mode(req, view)
              print(view.policy, view.class, view.held_upstream, view.next_hop, view.keep, view.allowance)
              print(view.utilisation, view.arrivals, view.held, view.must_hold, view.holdable)
              print(math.floor(view.stateless_microseconds + 0.5), math.floor(view.state_microseconds + 0.5))
              print(view.call_fraction >= 0 and view.call_fraction < 1)
              return servartuka.choose(req, view)
            end
            """)
        harness.receive()
        #expect(
            harness.log.texts == [
                "settled\ttransaction\tfalse\t192.0.2.200:5060\t0.25\t250.0", "0.75\t1000.0\t300.0\t50.0\t400.0",
                "20\t10", "true",
            ])
    }

    @Test("at an exit there is no next hop and nothing is allowed")
    func exit() throws {
        let harness = try Self.harness(
            """
            function on_request(req) return req:relay { to = "192.0.2.201" } end
            function choose_state_mode(req, view)
              print(view.next_hop, view.keep, view.allowance)
              return servartuka.choose(req, view)
            end
            """)
        #expect(Self.marker(harness.receive(SIPText(callID: "second")))?.contains("svk") != true)
        #expect(harness.log.texts == ["nil\t1.0\t0.0"])
        #expect(harness.count(.requestsForwardedStateful) == 2)
    }

    @Test("the choice may be wrapped and replaced")
    func wrapped() throws {
        let wrapped = try Self.harness(
            """
            function on_request(req) return req:relay() end
            function choose_state_mode(req, view)
              if req.method == "MESSAGE" then return "stateful" end
              return servartuka.choose(req, view)
            end
            """)
        var held = 0
        for number in 0..<400 {
            let sent = wrapped.receive(SIPText(branch: "z9hG4bK-\(number)", callID: "call-\(number)"))
            if Self.marker(sent) == "held" { held += 1 }
        }
        #expect((60...140).contains(held), "a quarter of 400 is held; got \(held)")
        let message = wrapped.receive(SIPText(method: "MESSAGE", branch: "z9hG4bK-message", callID: "message"))
        #expect(Self.marker(message) == "held")
    }

    @Test("reloading the script keeps what the policy has learnt")
    func reload() throws {
        let harness = try Self.harness("function on_request(req) return req:relay() end")
        let fresh = try ScriptRouting.load(
            ScriptSource(
                path: "routing.lua",
                text: """
                    function on_request(req) return req:relay() end
                    function choose_state_mode(req, view) print(view.keep, view.arrivals) return "stateful" end
                    """), log: harness.log.log)
        #expect(harness.proxy.install(fresh))
        harness.receive(SIPText(branch: "z9hG4bK-after", callID: "after"))
        #expect(harness.log.texts == ["0.25\t1000.0"])
    }

    // MARK: config/policies

    private static func shipped(_ name: String, _ change: (String) -> String = { $0 }) throws -> SIPHarness {
        let file = URL(filePath: #filePath).appending(path: "../../../../config/policies/\(name).lua").standardized
        return try harness(change(try String(contentsOf: file, encoding: .utf8)))
    }

    /// Of 400 calls, the part that was held.
    private func heldPart(_ harness: SIPHarness, from: String? = nil) -> Double {
        var held = 0
        for number in 0..<400 {
            var request = SIPText(branch: "z9hG4bK-p\(number)", callID: "part-\(number)")
            if let from { request.from = from }
            if Self.marker(harness.receive(request)) == "held" { held += 1 }
        }
        #expect(harness.log.errors == [])
        return Double(held) / 400
    }

    @Test("keep-gold.lua holds gold customers' calls and leaves the rest to the policy")
    func keepGold() throws {
        let harness = try Self.shipped("keep-gold")
        #expect(heldPart(harness) == 1)
        let others = heldPart(try Self.shipped("keep-gold"), from: "<sip:carol@example.com>;tag=1")
        #expect((0.15...0.35).contains(others))
    }

    @Test("cap-share.lua holds no more than its share")
    func capShare() throws {
        let tight = try Self.shipped("cap-share") { $0.replacing("local share = 0.3", with: "local share = 0.1") }
        // A tenth of 400 calls, give or take chance.
        #expect((0.005...0.15).contains(heldPart(tight)))
    }

    @Test("hold-trunk.lua holds the calls of the trunk")
    func holdTrunk() throws {
        let harness = try Self.shipped("hold-trunk")
        let others = heldPart(harness)
        #expect((0.15...0.35).contains(others))
        for number in 0..<20 {
            let request = SIPText(branch: "z9hG4bK-t\(number)", callID: "trunk-\(number)")
            let sent = harness.receive(request.text, from: SocketAddress("192.0.2.10:5060")!)
            #expect(Self.marker(sent) == "held")
        }
    }

    @Test("probabilistic.lua divides by its own figure, and holds at exits")
    func probabilistic() throws {
        #expect((0.4...0.6).contains(heldPart(try Self.shipped("probabilistic"))))
        let harness = try Self.shipped("probabilistic")
        for number in 0..<20 {
            harness.receive(
                SIPText(uri: "sip:bob@192.0.2.201", branch: "z9hG4bK-e\(number)", callID: "exit-\(number)"))
        }
        #expect(harness.count(.requestsForwardedStateful) == 21)
    }

    @Test("each of the example policies has a test here")
    func complete() throws {
        let folder = URL(filePath: #filePath).appending(path: "../../../../config/policies").standardized
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["cap-share.lua", "hold-trunk.lua", "keep-gold.lua", "probabilistic.lua"])
    }
}
