import ProxyCore
import Reactor

/// Stands for DNS: remembers what is asked, and answers when the test says so.
final class FakeNames: TargetSource {
    private(set) var asked: [TargetQuestion] = []
    var isFull = false

    func lookUp(_ question: TargetQuestion) -> Bool {
        guard !isFull else { return false }
        asked.append(question)
        return true
    }

    /// Answers the latest question about a name; no targets: it leads nowhere.
    func answer(_ name: String, _ targets: [ResolvedTarget], ttlSeconds: UInt32 = 60, to harness: ProxyHarness)
        -> [Sent]
    {
        guard let question = asked.last(where: { $0.name == name }) else { return [] }
        harness.sink.sent.removeAll()
        harness.proxy.answered(
            TargetAnswer(to: question, targets: targets, ttlSeconds: ttlSeconds), now: harness.now)
        return harness.sink.sent
    }
}
