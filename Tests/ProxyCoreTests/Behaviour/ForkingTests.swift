import ProxyCore
import Reactor
import StatePolicy
import Testing

/// RFC 3261 §16.6 and §16.7: several targets at once, one answer.
@Suite struct ForkingTests {
    /// Forks to bob, carol and dave.
    private func fork(_ places: Int = 3) -> ProxyHarness {
        let uris = ["sip:bob@192.0.2.200", "sip:carol@192.0.2.201", "sip:dave@192.0.2.202"]
        return ProxyHarness(
            TestLogic { request in
                for uri in uris.prefix(places) { request.addTarget(uri) }
                request.relay()
            })
    }

    /// Answers every branch with a code and returns what went to alice.
    private func finals(_ codes: [Int], method: String = "INVITE", headers: [[String]] = []) -> [WireMessage] {
        let harness = fork(codes.count)
        let branches = harness.receive(RequestText(method)).requests
        var answers: [WireMessage] = []
        for (index, code) in codes.enumerated() {
            let extra = index < headers.count ? headers[index] : []
            let sent = harness.receive(
                branches[index].message.response(code, tag: "t\(index)", headers: extra),
                from: branches[index].destination)
            answers += sent.to(Place.alice).map(\.message)
        }
        harness.finish()
        #expect(harness.isEmpty)
        return answers
    }

    @Test("each branch has its URI and a branch of its own that differs in the index only")
    func branches() {
        let harness = fork()
        let sent = harness.receive(RequestText())
        #expect(sent.summary == ["100", "INVITE", "INVITE", "INVITE"])
        let branches = sent.requests
        #expect(
            branches.map(\.message.uri) == ["sip:bob@192.0.2.200", "sip:carol@192.0.2.201", "sip:dave@192.0.2.202"])
        #expect(branches.map(\.destination) == [Place.bob, Place.carol, Place.dave])
        let parameters = branches.map { $0.message.branch() }
        #expect(Set(parameters).count == 3)
        #expect(Set(parameters.map { $0.dropLast(2) }).count == 1)
        #expect(branches.allSatisfy { $0.message["Via"].count == 2 && $0.message["Max-Forwards"] == ["69"] })
    }

    @Test("a 2xx goes up at once and the others are cancelled; their 487s are acknowledged and go nowhere")
    func successCancels() {
        let harness = fork()
        let branches = harness.receive(RequestText()).requests
        for branch in branches[1...] {
            let sent = harness.receive(branch.message.response(180, tag: "x"), from: branch.destination)
            #expect(sent.summary == ["180"])
        }
        let sent = harness.receive(branches[1].message.response(200, tag: "carol"), from: Place.carol)
        #expect(sent.to(Place.alice).map(\.message.code) == [200])
        // dave rang: he is cancelled at once. bob has not answered at all: his CANCEL waits for a provisional (§9.1).
        #expect(sent.to(Place.dave).map(\.message.method) == ["CANCEL"])
        #expect(sent.to(Place.bob).isEmpty)
        let cancel = sent.to(Place.dave)[0].message
        #expect(cancel["Via"].count == 1)
        #expect(cancel.branch() == branches[2].message.branch())
        #expect(cancel.uri == branches[2].message.uri)
        #expect(cancel["CSeq"] == ["1 CANCEL"])
        #expect(cancel["To"] == branches[2].message["To"])
        #expect(cancel["From"] == branches[2].message["From"])
        let late = harness.receive(branches[0].message.response(180, tag: "bob"), from: Place.bob)
        #expect(late.summary == ["CANCEL"])
        #expect(late[0].destination == Place.bob)
        for (branch, from) in [(branches[0], Place.bob), (branches[2], Place.dave)] {
            #expect(harness.receive(branch.message.response(200, method: "CANCEL"), from: from).isEmpty)
            let ended = harness.receive(branch.message.response(487, tag: "y"), from: from)
            #expect(ended.summary == ["ACK"])
            #expect(ended[0].destination == from)
        }
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("every 2xx goes up, also after another one, also after the server transaction has ended")
    func everySuccess() {
        let harness = fork()
        let branches = harness.receive(RequestText()).requests
        for (index, branch) in branches.enumerated() {
            let sent = harness.receive(branch.message.response(200, tag: "t\(index)"), from: branch.destination)
            #expect(sent.to(Place.alice).map { $0.message.tag(of: "To") } == ["t\(index)"])
        }
        // Retransmissions of each as well.
        let again = harness.receive(branches[0].message.response(200, tag: "t0"), from: Place.bob)
        #expect(again.to(Place.alice).count == 1)
        harness.finish()
        #expect(harness.isEmpty)
        let late = harness.receive(branches[2].message.response(200, tag: "t2"), from: Place.dave)
        #expect(late.to(Place.alice).count == 1)
        #expect(harness.isEmpty)
    }

    @Test("a 2xx after a 6xx went up is forwarded all the same (§16.7 step 5)")
    func successAfterGlobalFailure() {
        let harness = fork(2)
        let branches = harness.receive(RequestText()).requests
        harness.receive(branches[0].message.response(603, tag: "no"), from: Place.bob)
        let sent = harness.receive(branches[1].message.response(200, tag: "yes"), from: Place.carol)
        #expect(sent.to(Place.alice).map(\.message.code) == [200])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("only one answer goes up: the best of all, whatever the order (§16.7 step 6)")
    func bestResponse() {
        let table: [(codes: [Int], best: Int)] = [
            ([404, 486, 480], 404), ([486, 302, 404], 302), ([500, 404], 404), ([404, 500], 404),
            ([408, 500], 408), ([499, 500], 499), ([504, 488], 488), ([300, 301], 300),
            ([404, 401], 401), ([404, 407], 407), ([404, 415], 415), ([404, 420], 420), ([404, 484], 484),
            ([503, 500], 500), ([503, 404], 404), ([503, 503], 500), ([503, 504], 504), ([600, 404], 600),
            ([404, 603], 603), ([302, 606], 606), ([503, 600], 600),
        ]
        for (codes, best) in table {
            for order in [codes, codes.reversed()] {
                let answers = finals(order).filter { $0.code >= 200 }
                #expect(answers.count == 1, "\(order)")
                let expected = order.filter { $0 / 100 == best / 100 }.contains(best) ? best : 500
                #expect(answers.first?.code == expected, "\(order)")
            }
        }
    }

    @Test("a 6xx ends the search: the others are cancelled, and it goes up when they have ended")
    func globalFailure() {
        let harness = fork()
        let branches = harness.receive(RequestText()).requests
        for branch in branches { harness.receive(branch.message.response(180), from: branch.destination) }
        let first = harness.receive(branches[0].message.response(603, tag: "no"), from: Place.bob)
        #expect(first.to(Place.alice).isEmpty)
        #expect(first.to(Place.carol).map(\.message.method) == ["CANCEL"])
        #expect(first.to(Place.dave).map(\.message.method) == ["CANCEL"])
        harness.receive(branches[1].message.response(487), from: Place.carol)
        let last = harness.receive(branches[2].message.response(487), from: Place.dave)
        #expect(last.to(Place.alice).map(\.message.code) == [603])
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("all challenges of 401 and 407 go up together, in whatever response is chosen (§16.7 step 7)")
    func challenges() {
        let bob = ["WWW-Authenticate: Digest realm=\"bob.example.com\", nonce=\"1\""]
        let carol = ["Proxy-Authenticate: Digest realm=\"carol.example.com\", nonce=\"2\""]
        let dave = ["WWW-Authenticate: Digest realm=\"dave.example.com\", nonce=\"3\""]
        let answers = finals([401, 407, 401], headers: [bob, carol, dave]).filter { $0.code >= 200 }
        #expect(answers.count == 1)
        let realms = answers[0]["WWW-Authenticate"] + answers[0]["Proxy-Authenticate"]
        #expect(realms.count == 3)
        for name in ["bob", "carol", "dave"] { #expect(realms.contains { $0.contains("\(name).example.com") }) }
    }

    @Test("provisional responses of all branches go up, 100 does not")
    func provisionals() {
        let harness = fork()
        let branches = harness.receive(RequestText()).requests
        #expect(harness.receive(branches[0].message.response(100), from: Place.bob).isEmpty)
        for (branch, code) in zip(branches, [180, 183, 199]) {
            let sent = harness.receive(branch.message.response(code), from: branch.destination)
            #expect(sent.to(Place.alice).map(\.message.code) == [code])
        }
        harness.receive(branches[0].message.response(200), from: Place.bob)
        // After the final response no provisional is forwarded.
        #expect(harness.receive(branches[1].message.response(180), from: Place.carol).to(Place.alice).isEmpty)
    }

    @Test("non-INVITE requests fork too: one final answer, the first 2xx")
    func nonInvite() {
        #expect(finals([404, 200, 200], method: "OPTIONS").map(\.code) == [200])
        #expect(finals([404, 500, 480], method: "OPTIONS").map(\.code) == [404])
    }

    @Test("targets beyond branchesMax are left out and counted")
    func branchLimit() {
        let harness = ProxyHarness(
            TestLogic { request in
                request.addTarget("sip:a@192.0.2.200")
                request.addTarget("sip:b@192.0.2.200")
                #expect(request.addTarget("sip:c@192.0.2.200") == false)
                request.relay()
            }
        ) { $0.limits.branchesMax = 2 }
        #expect(harness.receive(RequestText()).requests.count == 2)
    }

    @Test("an unresolvable target counts as 503 and does not spoil the others")
    func unresolvableTarget() {
        let harness = ProxyHarness(
            TestLogic { request in
                request.addTarget("sip:bob@unknown.example.com")
                request.addTarget("sip:carol@192.0.2.201")
                request.relay()
            })
        let sent = harness.receive(RequestText())
        #expect(sent.requests.map(\.destination) == [Place.carol])
        let answer = harness.receive(sent.requests[0].message.response(486), from: Place.carol)
        #expect(answer.to(Place.alice).map(\.message.code) == [486])
    }

    @Test("on_branch may give its branch another Request-URI, in both modes")
    func branchHookURI() {
        for policy in PolicyName.allCases {
            let logic = TestLogic()
            logic.hooks = .onBranch
            logic.branch = { $0.setRequestURI("sip:carol@192.0.2.201") }
            let sent = ProxyHarness(logic) { $0.policy = policy }.receive(RequestText()).requests
            #expect(sent.map(\.message.uri) == ["sip:carol@192.0.2.201"])
            #expect(sent.map(\.destination) == [Place.carol])
        }
    }

    @Test("on_branch edits one branch alone")
    func branchHook() {
        let logic = TestLogic { request in
            request.addTarget("sip:bob@192.0.2.200")
            request.addTarget("sip:carol@192.0.2.201")
            request.relay()
        }
        logic.hooks = .onBranch
        var count = 0
        logic.branch = { request in
            count += 1
            addHeader("X-Branch: \(count)", to: request.edits, of: request.message)
        }
        let sent = ProxyHarness(logic).receive(RequestText()).requests
        #expect(sent.map { $0.message["X-Branch"] } == [["1"], ["2"]])
    }
}
