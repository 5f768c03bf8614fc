import ProxyCore
import Reactor
import SIPMessage
import StatePolicy
import Testing

/// Tracks the dialogs of all calls where their INVITEs are held, and sends what belongs to no route to one next hop.
enum TrackingLogic {
    static func make(nextHop: SocketAddress) -> any RoutingLogic {
        TestLogic { request in
            let begins = request.message.pointee.toTag.isAbsent
            if begins, request.message.pointee.method == .invite {
                request.recordsRoute = true
                _ = request.trackDialogWhereHeld(DialogOptions())
            }
            request.relay(nextHop: begins && !request.wasRoutedHere ? nextHop : .none)
        }
    }
}

/// Dialogs tracked by whichever proxy of a chain holds their INVITE: docs/dialogs.md.
@Suite(.serialized) struct DialogHolderTests {
    private static func run(_ keeps: [Double], workerCount: Int = 1, seed: UInt64, callCount: Int = 400) -> CallRun {
        var setup = CallRun.Setup(modes: keeps.map { _ in .stateful }, workerCount: workerCount)
        setup.conditions = .perfect
        setup.dials = keeps.map { PolicyDial(keep: $0) }
        setup.tracksDialogs = true
        return CallRun(setup, seed: seed, callCount: callCount, kind: .answered, interval: 40)
    }

    /// Who held what: for each call the proxies that held its INVITE, and those that held its BYE.
    private func holders(_ run: CallRun) -> [String: (invite: [Int], bye: [Int])] {
        var held: [String: (invite: [Int], bye: [Int])] = [:]
        for (index, proxy) in run.proxies.enumerated() {
            for holder in proxy.holders {
                if holder.method == "INVITE" { held[holder.callID, default: ([], [])].invite.append(index) }
                if holder.method == "BYE" { held[holder.callID, default: ([], [])].bye.append(index) }
            }
        }
        return held
    }

    private func expectSameHolder(_ run: CallRun, _ seed: UInt64) {
        let held = holders(run)
        #expect(held.count == run.kinds.count, "seed \(seed)")
        let wrong = held.filter { $0.value.invite.count != 1 || $0.value.invite != $0.value.bye }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.count) of \(held.count), \(wrong.prefix(3))")
        #expect(run.count(.dialogsTracked) == UInt64(run.kinds.count), "seed \(seed)")
        #expect(run.count(.dialogsEnded) == UInt64(run.kinds.count), "seed \(seed)")
    }

    @Test(
        "one proxy of the chain tracks each call, and holds its INVITE and its BYE",
        arguments: [[0.0, 1], [0.5, 1], [1, 1], [0.3, 0.6, 1]])
    func oneHolder(keeps: [Double]) {
        for workerCount in [1, 3] {
            let seed = SeededGenerator.printedSeed("tracked κ=\(keeps)")
            let run = Self.run(keeps, workerCount: workerCount, seed: seed)
            #expect(run.run() == [], "seed \(seed)")
            expectSameHolder(run, seed)
            #expect((run.count(.requestsTrackedElsewhere) > 0) == (keeps.count > 1), "seed \(seed)")
        }
    }

    @Test("κ may change between an INVITE and its BYE: the BYE stays with who tracks the call")
    func changingKeep() {
        let seed = SeededGenerator.printedSeed("tracked, changing κ")
        var random = SeededGenerator(seed: seed)
        let run = Self.run([0, 0, 1], seed: seed)
        let faults = run.run { _ in
            for dial in run.setup.dials.dropLast() { dial.set { $0.keep = Double(random.next() % 3) / 2 } }
        }
        #expect(faults == [], "seed \(seed)")
        expectSameHolder(run, seed)
    }

    @Test("an INVITE that goes on without state says in Record-Route that its dialog is tracked elsewhere")
    func mark() {
        let harness = MarkerTests.harness(logic(), dial: PolicyDial(keep: 1))
        let sent = harness.receive(MarkerTests.request(";svk=held"), from: MarkerTests.upstream)
        #expect(sent.summary == ["INVITE"])
        #expect(sent[0].message["Record-Route"][0].contains(";did=0000000000000000"))
        #expect(harness.proxy.dialogs.count == 0)
        let held = MarkerTests.harness(logic(), dial: PolicyDial(keep: 1))
        let tracked = held.receive(RequestText()).requests[0].message["Record-Route"][0]
        #expect(tracked.contains(";did=") && !tracked.contains("0000000000000000"))
        #expect(held.proxy.dialogs.count == 1)
    }

    @Test("a request of such a dialog is not held, though κ says so; without the mark it is")
    func within() {
        for (mark, methods) in [(";did=0000000000000000", ["BYE"]), (";did=000000000000000g", ["BYE"]), ("", ["BYE"])] {
            let harness = MarkerTests.harness(logic(), dial: PolicyDial(keep: 1))
            harness.receive(MarkerTests.request(";svk=held"), from: MarkerTests.upstream)
            let sent = harness.receive(
                RequestText {
                    $0.method = "BYE"
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKbye"
                    $0.to = "<sip:bob@example.com>;tag=1"
                    $0.headers = ["Route: <sip:192.0.2.1;lr\(mark)>"]
                })
            #expect(sent.summary == methods)
            #expect(harness.holders.filter { $0.method == "BYE" }.count == (mark.hasSuffix("00") ? 0 : 1), "\(mark)")
        }
    }

    @Test("a proxy by itself holds everything, and tracks")
    func alone() {
        let harness = ProxyHarness(logic())
        harness.receive(RequestText())
        #expect(harness.proxy.dialogs.count == 1)
        #expect(harness.count(.dialogsTracked) == 1)
    }

    private func logic() -> TestLogic {
        TestLogic { request in
            if request.message.pointee.toTag.isAbsent {
                request.recordsRoute = true
                #expect(request.trackDialogWhereHeld(DialogOptions()) == .tracked)
                #expect(request.trackDialogWhereHeld(DialogOptions()) == .trackedBefore)
                #expect(request.trackDialog(DialogOptions()) == .trackedBefore)
            }
            request.relay()
        }
    }
}
