import ProxyCore
import Reactor
import SIPTransaction
import Testing

/// How the core finds out how targets are: by OPTIONS, and by what becomes of requests.
@Suite struct ProbingTests {
    /// A proxy whose calls go to bob and carol, by failover.
    private final class Pair {
        let table = TargetTable(workers: 2)
        let set: DispatcherSet
        let logic = TestLogic()
        let harness: ProxyHarness
        var notes: [TargetNote] = []

        init(worker: Int = 0, _ change: (inout DispatcherSet) -> Void = { _ in }) {
            var set = DispatcherSet(name: "pair")
            set.algorithm = .priority
            set.targets = [
                DispatcherTarget(uri: "sip:192.0.2.200", address: Place.bob),
                DispatcherTarget(uri: "sip:192.0.2.201", address: Place.carol),
            ]
            change(&set)
            self.set = set
            let dispatcher = Dispatcher([set], table: table, worker: worker)
            logic.dispatcher = dispatcher
            logic.request = { request in
                let count = request.select(0, of: dispatcher, algorithm: nil, key: nil, limit: .max)
                guard count > 0 else { return _ = request.reply(480) }
                for place in 0..<count {
                    let uri = dispatcher.uri(0, dispatcher.selected(place))
                    _ = request.addTarget(uri: uri)
                }
                request.targetOrder = .failover
                request.relay()
            }
            harness = ProxyHarness(logic, worker: worker) { $0.workerCount = 2 }
            harness.proxy.targetNoted = { [unowned self] in notes.append($0) }
        }

        var states: [TargetCondition] {
            self.set.targets.map { table.find($0.uri, of: "pair")!.condition(at: harness.now) }
        }

        func value(_ counter: TargetCounter, _ index: Int = 0) -> UInt64 {
            table.find(set.targets[index].uri, of: "pair")!.value(counter)
        }

        func invite(_ number: Int) -> [Sent] {
            harness.receive(
                RequestText {
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-\(number)"
                    $0.callID = "call-\(number)"
                })
        }

        /// Lets time pass; whoever is probed and `alive` answers at once. What was sent.
        @discardableResult
        func pass(_ milliseconds: UInt64, alive: Set<SocketAddress> = [], code: Int = 200) -> [Sent] {
            var all: [Sent] = []
            let end = harness.now + milliseconds
            while harness.now < end {
                let step = min(50, end - harness.now)
                let sent = harness.pass(milliseconds: step).map(\.sent)
                all += sent
                for each in sent where each.message.method == "OPTIONS" && alive.contains(each.destination) {
                    harness.receive(each.message.response(code), from: each.destination)
                }
            }
            return all
        }
    }

    private static let both: Set = [Place.bob, Place.carol]

    private func probed(_ change: (inout TargetProbe) -> Void = { _ in }) -> (inout DispatcherSet) -> Void {
        var probe = TargetProbe()
        change(&probe)
        return { $0.probe = probe }
    }

    @Test("a probe is an OPTIONS as RFC 3261 §11 has it")
    func message() throws {
        let pair = Pair(probed { $0.from = "sip:probe@example.com" })
        let sent = pair.pass(50)
        #expect(sent.map(\.destination) == [Place.bob, Place.carol])
        let options = try #require(sent.first).message
        #expect(options.method == "OPTIONS")
        #expect(options.uri == "sip:192.0.2.200")
        #expect(options["To"] == ["<sip:192.0.2.200>"])
        #expect(options["From"][0].hasPrefix("<sip:probe@example.com>;tag="))
        #expect(options["CSeq"] == ["1 OPTIONS"])
        #expect(options["Max-Forwards"] == ["70"])
        #expect(options["Accept"] == ["application/sdp"])
        #expect(options["Via"].count == 1)
        #expect(options["Call-ID"] != sent[1].message["Call-ID"])
    }

    @Test("each target is probed once an interval, by the first worker only")
    func interval() {
        let pair = Pair(probed())
        let sent = pair.pass(35_000, alive: Self.both)
        #expect(sent.count { $0.destination == Place.bob } == 4)
        #expect(sent.count { $0.destination == Place.carol } == 4)
        #expect(pair.value(.probes) == 4)
        #expect(Pair(worker: 1, probed()).pass(35_000).isEmpty)
    }

    @Test("a target that answers no probe is down after as many as the set says, and up again when it answers")
    func downAndUp() {
        let pair = Pair(probed())
        pair.pass(11_000, alive: [Place.carol])
        #expect(pair.states == [.suspected, .up])
        pair.pass(12_000, alive: [Place.carol])
        #expect(pair.states == [.down, .up])
        #expect(pair.invite(1).requests.map(\.destination) == [Place.carol])
        pair.pass(10_000, alive: Self.both)
        #expect(pair.states == [.up, .up])
        #expect(pair.notes.map(\.condition) == [.down, .up])
        #expect(pair.notes.map(\.cause) == [.probes, .probes])
        #expect(pair.value(.probesFailed) == 3)
    }

    @Test(
        "which answers show life is for the set to say",
        arguments: [(200, true), (404, true), (503, false), (500, false)])
    func codes(code: Int, isAlive: Bool) {
        let pair = Pair(probed())
        pair.pass(31_000, alive: Self.both, code: code)
        #expect(pair.states == (isAlive ? [.up, .up] : [.down, .down]))
        let strict = Pair(probed { $0.alive = [200...299] })
        strict.pass(31_000, alive: Self.both, code: 404)
        #expect(strict.states == [.down, .down])
    }

    @Test("a request that is not answered makes its target suspected, and it is probed at once")
    func suspicion() {
        let pair = Pair(probed())
        pair.pass(1_000, alive: Self.both)
        let invite = pair.invite(1)
        #expect(invite.requests.map(\.destination) == [Place.bob])
        // Timer B, and between the regular probes.
        var sent = pair.pass(32_000, alive: [Place.carol])
        #expect(pair.value(.failures) == 1)
        #expect(sent.requests.last { $0.message.method == "INVITE" }?.destination == Place.carol)
        sent = sent.filter { $0.message.method == "OPTIONS" && $0.destination == Place.bob }
        #expect(pair.value(.probes) == 5)
    }

    @Test("503 without Retry-After counts as a failure and is followed by a probe")
    func serviceUnavailable() {
        let pair = Pair(probed())
        pair.pass(5_000, alive: Self.both)
        let invite = pair.invite(1).requests[0]
        let next = pair.harness.receive(invite.message.response(503), from: Place.bob)
        #expect(next.requests.map(\.destination).contains(Place.carol))
        #expect(pair.states == [.suspected, .up])
        #expect(pair.pass(50, alive: Self.both).map(\.message.method) == ["OPTIONS"])
        #expect(pair.states == [.up, .up])
    }

    @Test(
        "Retry-After is honoured to the second, whatever probes say, and at most an hour",
        arguments: [(7, 7), (99_999, 3_600)])
    func retryAfter(asked: UInt64, granted: UInt64) {
        let pair = Pair(probed())
        pair.pass(5_000, alive: Self.both)
        let invite = pair.invite(1).requests[0]
        pair.harness.receive(
            invite.message.response(503, headers: ["Retry-After: \(asked) (overhaul);duration=60"]), from: Place.bob)
        #expect(pair.states == [.resting, .up])
        #expect(pair.notes.map(\.cause) == [.retryAfter])
        pair.pass(granted * 1_000 - 50, alive: Self.both)
        #expect(pair.states[0] == .resting)
        #expect(pair.invite(2).requests.map(\.destination) == [Place.carol])
        pair.pass(100, alive: Self.both)
        #expect(pair.states[0] == .up)
    }

    @Test("without probes a target that fails is left alone for the set's time, then tried again")
    func rest() {
        let pair = Pair { set in
            set.failuresMax = 2
            set.restMilliseconds = 10_000
        }
        for number in 1...2 {
            let invite = pair.invite(number).requests[0]
            #expect(invite.destination == Place.bob)
            pair.harness.receive(invite.message.response(503), from: Place.bob)
        }
        #expect(pair.states == [.resting, .up])
        #expect(pair.invite(3).requests[0].destination == Place.carol)
        #expect(!pair.pass(10_050).contains { $0.message.method == "OPTIONS" })
        let retried = pair.invite(4).requests[0]
        #expect(retried.destination == Place.bob)
        pair.harness.receive(retried.message.response(200), from: Place.bob)
        #expect(pair.states == [.up, .up])
    }

    @Test("answers other than 503 are the callee's business", arguments: [200, 404, 486, 500, 603])
    func otherAnswers(code: Int) {
        let pair = Pair { $0.failuresMax = 1 }
        pair.harness.receive(pair.invite(1).requests[0].message.response(code), from: Place.bob)
        #expect(pair.states == [.up, .up])
        #expect(pair.value(.failures) == 0)
    }

    @Test("a caller who hangs up while it rings says nothing about the target")
    func cancelled() {
        let pair = Pair { $0.failuresMax = 1 }
        let invite = pair.invite(1).requests[0]
        pair.harness.receive(invite.message.response(180), from: Place.bob)
        pair.harness.receive(
            RequestText("CANCEL") {
                $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-1"
                $0.callID = "call-1"
            })
        pair.pass(100_000)
        #expect(pair.states == [.up, .up])
    }

    @Test("failures of what was sent before a target was last heard of don't count")
    func lateFailures() {
        let pair = Pair(probed())
        pair.pass(1_000, alive: Self.both)
        for number in 1...5 { _ = pair.invite(number) }
        // Bob is deaf to these, but answers every probe.
        pair.pass(33_000, alive: Self.both)
        #expect(pair.value(.failures) == 5)
        #expect(pair.states == [.up, .up])
        #expect(pair.notes.isEmpty)
    }

    @Test("a socket that refuses makes its target down without waiting for an answer")
    func refused() {
        let pair = Pair(probed { $0.intervalMilliseconds = 1_000 })
        for _ in 0..<3 {
            _ = pair.harness.pass(milliseconds: 1_000)
            pair.harness.proxy.sendFailed(to: Place.bob, listener: 0, errno: 111)
        }
        #expect(pair.states[0] == .down)
    }

    @Test("when none is left the logic is told so, and probing leaves no transaction behind")
    func none() {
        let pair = Pair(probed())
        pair.pass(31_000)
        #expect(pair.states == [.down, .down])
        #expect(pair.invite(1).responses.map(\.message.code) == [480])
        #expect(pair.harness.proxy.install(TestLogic()))
        pair.harness.finish()
        #expect(pair.harness.isEmpty)
    }

    @Test("a set that a reload takes away is probed no more, answers on their way included")
    func removed() {
        let pair = Pair(probed())
        let sent = pair.harness.pass(milliseconds: 50).map(\.sent)
        #expect(pair.harness.proxy.install(TestLogic()))
        for each in sent { pair.harness.receive(each.message.response(200), from: each.destination) }
        #expect(pair.pass(40_000).isEmpty)
    }
}
