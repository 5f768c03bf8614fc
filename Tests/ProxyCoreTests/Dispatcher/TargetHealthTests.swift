import ProxyCore
import Testing

/// When a target counts as down, and when as up again.
@Suite struct TargetHealthTests {
    private var probed: HealthRules {
        var rules = HealthRules()
        rules.isProbed = true
        rules.successesMin = 2
        return rules
    }

    private func health(_ rules: HealthRules, _ events: TargetHealth.Event...) -> TargetHealth {
        var health = TargetHealth()
        for event in events { _ = health.handle(event, rules) }
        return health
    }

    @Test("as many failures in a row as the rules say make it down, no fewer")
    func failures() {
        #expect(!health(probed, .failed, .failed).isDown)
        #expect(health(probed, .failed, .failed).isSuspected)
        #expect(health(probed, .failed, .failed, .failed).isDown)
    }

    @Test("an answer between failures begins the count anew", arguments: [TargetHealth.Event.answered, .probeAnswered])
    func answers(event: TargetHealth.Event) {
        let health = health(probed, .failed, .failed, event, .failed, .failed)
        #expect(!health.isDown)
        #expect(health.failures == 2)
    }

    @Test("only probes answered in a row bring it back")
    func recovery() {
        let down = [TargetHealth.Event](repeating: .failed, count: 3)
        func after(_ events: TargetHealth.Event...) -> TargetHealth {
            var health = TargetHealth()
            for event in down + events { _ = health.handle(event, probed) }
            return health
        }
        #expect(after(.probeAnswered).isDown)
        #expect(after(.probeAnswered, .failed, .probeAnswered).isDown)
        #expect(after(.answered, .answered, .answered).isDown)
        #expect(after(.probeAnswered, .probeAnswered) == TargetHealth())
    }

    @Test("without probes it is left alone for a while, and one more failure does it again")
    func rest() {
        var health = TargetHealth()
        let rules = HealthRules()
        #expect((0..<5).map { _ in health.handle(.failed, rules) } == [false, false, true, true, true])
        #expect(!health.isDown)
        #expect(health.handle(.answered, rules) == false)
        #expect((0..<3).map { _ in health.handle(.failed, rules) } == [false, false, true])
    }

    @Test("marked down it comes back by probes, drained only by a word")
    func marks() {
        #expect(health(probed, .marked(.down)).isDown)
        #expect(!health(probed, .marked(.down), .probeAnswered, .probeAnswered).isDown)
        #expect(health(probed, .marked(.drained), .probeAnswered, .probeAnswered).isDrained)
        #expect(health(probed, .failed, .marked(.drained), .marked(.up)) == TargetHealth())
        #expect(!health(probed, .marked(.drained), .marked(.down)).isDrained)
    }

    @Test("any events: the number that stands for it reads back, and down and suspected exclude each other")
    func soup() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed("TargetHealthTests.soup"))
        let events: [TargetHealth.Event] = [
            .failed, .failed, .answered, .probeAnswered, .marked(.up), .marked(.down), .marked(.drained),
        ]
        for _ in 0..<200 {
            var rules = HealthRules()
            rules.failuresMax = Int.random(in: 1...5, using: &random)
            rules.successesMin = Int.random(in: 1...5, using: &random)
            rules.isProbed = Bool.random(using: &random)
            var health = TargetHealth()
            for _ in 0..<100 {
                guard let event = events.randomElement(using: &random) else { continue }
                let wasUp = !health.isDown
                let rests = health.handle(event, rules)
                #expect(TargetHealth(rawValue: health.rawValue) == health)
                #expect(!(health.isDown && health.isSuspected))
                #expect(Int(health.failures) < max(rules.failuresMax, 1))
                if rests { #expect(!rules.isProbed && event == .failed) }
                if wasUp, health.isDown { #expect(event == .marked(.down) || (rules.isProbed && event == .failed)) }
            }
        }
    }
}
