import ProxyCore
import Reactor
import SIPMessage
import StatePolicy
import Testing

/// Any nonsense in place of signals, from anybody, at every place of a message.
struct SignalSoupTests {
    private static let pieces = [
        ";", "svk", "svk-", "allow", "price", "seq", "=", "open", "held", "any", "1", "7", ".", "\"", " ", "\t",
        "99999999999", "SVK", "-", "x", ";svk=open", ";svk=held", ";svk-allow=3;svk-price=4;svk-seq=5.6",
        ";svk-allow=any;svk-price=0;svk-seq=4294967295.4294967295",
    ]

    private static func soup(_ random: inout SeededGenerator) -> String {
        // Now and then what a neighbour would say, so that good words among the bad are read too.
        if random.next() % 16 == 0 { return FeedbackTests.feedback }
        var text = ";"
        for _ in 0..<(random.next() % 8) { text += pieces[Int(random.next() % UInt64(pieces.count))] }
        return text
    }

    private static func isWellFormed(_ via: String) -> Bool {
        let bytes = Array(via.utf8)
        return bytes.withUnsafeBytes { Via.parse(ByteRange(0, bytes.count), in: $0) != nil }
    }

    /// Without quoted strings: what stands in them is no parameter. (The pieces have no backslash.)
    private static func unquoted(_ via: String) -> String {
        via.split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 0 }
            .map { String($0.element) }.joined()
    }

    @Test("nothing traps, and no svk-… but our own reaches upstream")
    func soup() {
        let seed = SeededGenerator.printedSeed("signal soup")
        var random = SeededGenerator(seed: seed)
        let dial = PolicyDial(keep: 0.5)
        let harness = MarkerTests.harness(dial: dial) { $0.limits.transactionsMax = 100_000 }
        let sources = [Place.alice, MarkerTests.upstream, Place.bob, Place.carol]
        for number in 0..<3_000 {
            if number % 100 == 0 { harness.tick() }
            let source = sources[Int(random.next() % 4)]
            let soup = Self.soup(&random)
            let request = RequestText {
                $0.via = "SIP/2.0/UDP \(source);branch=z9hG4bKsoup\(number)\(soup)"
                $0.callID = "soup\(number)"
                if random.next() % 2 == 0 { MarkerTests.toStranger(&$0) }
            }
            for sent in harness.receive(request, from: source).requests {
                let place = Int(random.next() % 2)
                let answer = FeedbackTests.response(sent.message, adding: Self.soup(&random), toVia: place)
                let isTrusted = source == MarkerTests.upstream || source == Place.bob
                for back in harness.receive(answer, from: sources[Int(random.next() % 4)]).responses {
                    let via = back.message["Via"].first ?? ""
                    // Nobody reads a Via that can't be parsed: the whole response is dropped.
                    guard Self.isWellFormed(via) else { continue }
                    let own = isTrusted ? via.components(of: ";svk-allow=any;svk-price=0;svk-seq=1000.") - 1 : 0
                    #expect(
                        Self.unquoted(via).lowercased().components(of: ";svk-allow") - 1 <= own,
                        "seed \(seed): \(number) \(via)")
                }
            }
        }
        #expect(harness.count(.stateSignalsIgnored) > 500)
        #expect(harness.count(.stateFeedbackReceived) > 0)
        harness.finish()
        #expect(harness.isEmpty)
    }

    @Test("a Via that can't be read is not mended by taking signals out of it", arguments: [0.0, 1])
    func smuggled(keep: Double) {
        let harness = MarkerTests.harness(dial: PolicyDial(keep: keep))
        let sent = harness.receive(RequestText { $0.via += ";any=" }).requests
        // Without ";svk-x" this reads "any=<tab>1", and what follows would be believed.
        let answer = FeedbackTests.response(
            sent[0].message, adding: ";svk-x\t1" + FeedbackTests.feedback, toVia: 1)
        for back in harness.receive(answer, from: sent[0].destination).responses {
            #expect(!Self.isWellFormed(back.message["Via"][0]))
        }
    }

    @Test("what a stranger says changes nothing but a counter")
    func stranger() {
        let seed = SeededGenerator.printedSeed("stranger")
        var random = SeededGenerator(seed: seed)
        let harness = MarkerTests.harness(dial: PolicyDial(keep: 0))
        for number in 0..<300 {
            let soup = Self.soup(&random)
            let sent = harness.receive(
                RequestText {
                    $0.via += "\(number)\(soup)"
                    $0.callID = "s\(number)"
                    MarkerTests.toStranger(&$0)
                })
            for request in sent.requests {
                #expect(!request.message["Via"][0].contains("svk"))
                harness.receive(
                    FeedbackTests.response(request.message, adding: FeedbackTests.feedback), from: Place.carol)
            }
            if number % 50 == 0 { harness.tick() }
        }
        let held = harness.holders.count
        #expect(Int(harness.count(.requestsForwardedStateful)) == held)
        #expect(harness.count(.requestsDelegated) == 0 && harness.count(.requestsHeldUpstream) == 0)
        #expect(harness.count(.stateFeedbackReceived) == 0 && harness.count(.stateFeedbackSent) == 0)
        #expect(harness.node.snapshot().nextHops.count == 0 && harness.node.snapshot().upstreams.count == 0)
        #expect(Int(harness.count(.stateSignalsIgnored)) >= held)
    }
}

extension String {
    /// Parts that the text falls into at each occurrence of another.
    fileprivate func components(of other: String) -> Int { ranges(of: other).count + 1 }
}
