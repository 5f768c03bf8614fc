import Foundation
import ProxyCore
import Reactor
import Scripting
import Testing

/// The root of the package.
private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

@Suite struct SIPDocumentationTests {
    /// A ```lua block with what it says about itself.
    struct Example: Sendable, CustomTestStringConvertible {
        var page: String
        var line: Int
        var text: String

        var testDescription: String { "docs/\(page):\(line)" }

        /// Values of the comments `-- name: value`.
        func notes(_ name: String) -> [String] {
            text.split(separator: "\n").filter { $0.hasPrefix("-- \(name): ") }.map {
                String($0.dropFirst(name.count + 5))
            }
        }
    }

    static let examples = [
        "scripting.md", "tls.md", "shared-state.md", "waiting.md", "accounting.md", "dispatcher.md",
    ].flatMap(examples(of:))

    private static func examples(of page: String) -> [Example] {
        guard let text = try? String(contentsOf: root.appending(path: "docs/\(page)"), encoding: .utf8) else {
            return []
        }
        var examples: [Example] = []
        var open: Example?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line == "```lua" {
                open = Example(page: page, line: index + 2, text: "")
            } else if line == "```", let example = open {
                examples.append(example)
                open = nil
            } else {
                open?.text += line + "\n"
            }
        }
        return examples
    }

    @Test("there are examples")
    func present() {
        #expect(Self.examples.count >= 12)
    }

    @Test("each example does what it says", arguments: examples)
    func example(_ example: Example) throws {
        let names = example.notes("shared").flatMap { $0.split(separator: " ").map(String.init) }
        var services = ScriptServices.withSets()
        services.dictionaries = names.map { SharedDictionary(name: $0, bytesMax: 1 << 20) }
        let books = ScriptBooks()
        let harness = try SIPHarness(example.text, services: services, ledger: books.ledger)
        var request = SIPText(extra: ["Supported: path, 100rel", "X-Internal: 1"])
        if let given = example.notes("given").first {
            let words = given.split(separator: " ").map(String.init)
            request.method = words[0]
            request.uri = words[1]
        }
        var sent = harness.receive(request)
        let expected = example.notes("expect")
        #expect(expected.count == 1)
        #expect(outcome(sent) == expected.first)
        for step in example.notes("after 500") {
            #expect(outcome(harness.pass(milliseconds: 500)) == step)
        }
        for step in example.notes("then") {
            let words = step.split(separator: " ", maxSplits: 1).map(String.init)
            let code = try #require(Int(words[0]))
            let branch = try #require(sent.last { $0.isRequest && $0.method != "ACK" })
            sent = harness.receive(branch.response(code), from: branch.destination)
            #expect(outcome(sent) == words[1])
        }
        if !example.notes("bye").isEmpty { hangUp(harness) }
        #expect(books.rows() == example.notes("records"))
        #expect(harness.log.errors.isEmpty || expected.first == "reply 500")
    }

    /// The caller's BYE, and its answer.
    private func hangUp(_ harness: SIPHarness) {
        var bye = SIPText(method: "BYE", branch: "z9hG4bK-bye")
        bye.to += ";tag=callee"
        let sent = harness.receive(bye)
        harness.receive(sent.last!.response(200), from: SIPPlace.callee)
    }

    private func outcome(_ sent: [SIPSent]) -> String {
        let requests = sent.filter { $0.isRequest && $0.method != "ACK" }
        if !requests.isEmpty { return (["relay"] + requests.map { "\($0.destination)" }).joined(separator: " ") }
        if let last = sent.last(where: { !$0.isRequest }) { return "reply \(last.code)" }
        return "drop"
    }

    @Test("the reference page is that of the binding table")
    func reference() throws {
        let file = root.appending(path: "docs/scripting-reference.md")
        let made = ScriptReference.markdown()
        if ProcessInfo.processInfo.environment["UPDATE_REFERENCE"] != nil {
            try made.write(to: file, atomically: true, encoding: .utf8)
        }
        let page = try String(contentsOf: file, encoding: .utf8)
        #expect(page == made, "run the tests with UPDATE_REFERENCE=1 to write the page anew")
    }
}

@Suite struct SIPDefaultScriptTests {
    private static func harness() throws -> SIPHarness {
        try SIPHarness(String(contentsOf: root.appending(path: "config/routing.lua"), encoding: .utf8))
    }

    private func receive(_ request: SIPText) throws -> [SIPSent] {
        let harness = try Self.harness()
        let sent = harness.receive(request)
        #expect(harness.log.lines == [])
        return sent.filter { $0.code != 100 }
    }

    @Test("calls are relayed by their Request-URI, and the proxy stays on the path")
    func invite() throws {
        let sent = try receive(SIPText())
        #expect(sent.map(\.method) == ["INVITE"])
        #expect(sent[0].destination == SIPPlace.callee)
        #expect(sent[0]["Record-Route"] == ["<sip:192.0.2.1:5060;lr>"])
    }

    @Test(
        "requests within a dialog follow their route set, or their Request-URI",
        arguments: ["BYE", "ACK", "INVITE", "UPDATE"])
    func inDialog(method: String) throws {
        var request = SIPText(method: method)
        request.to += ";tag=callee"
        for routes in [[], ["Route: <sip:192.0.2.1;lr>"], ["Route: <sip:192.0.2.1;lr>, <sip:192.0.2.200;lr>"]] {
            request.extra = routes
            let sent = try receive(request)
            #expect(sent.map(\.method) == [method])
            #expect(sent[0].destination == SIPPlace.callee)
            #expect(sent[0]["Record-Route"] == [])
        }
    }

    @Test(
        "requests to the proxy itself are answered",
        arguments: [
            ("OPTIONS", "sip:192.0.2.1", 200), ("OPTIONS", "sip:example.org", 200),
            ("OPTIONS", "sip:bob@example.org", 480),
            ("REGISTER", "sip:example.org", 404), ("INVITE", "sip:bob@example.org", 480),
            ("BYE", "sip:192.0.2.1:5060", 404),
            ("CANCEL", "sip:192.0.2.1", 481),
        ])
    func local(method: String, uri: String, code: Int) throws {
        let sent = try receive(SIPText(method: method, uri: uri))
        #expect(sent.map(\.code) == [code])
        if code == 200 {
            #expect(sent[0]["Accept"] == ["application/sdp"])
            #expect(sent[0]["Allow"].count == 1)
        }
    }

    @Test("an ACK to the proxy itself is not answered")
    func localAck() throws {
        #expect(try receive(SIPText(method: "ACK", uri: "sip:192.0.2.1")).isEmpty)
    }

    @Test("a call goes through from INVITE to BYE")
    func call() throws {
        let harness = try Self.harness()
        let invite = harness.receive().last!
        for code in [180, 200] {
            #expect(harness.receive(invite.response(code), from: SIPPlace.callee).map(\.code) == [code])
        }
        for (index, method) in ["ACK", "BYE"].enumerated() {
            var request = SIPText(
                method: method, branch: "z9hG4bK-\(method)", extra: ["Route: \(invite["Record-Route"][0])"])
            request.to += ";tag=callee"
            let sent = harness.receive(request)
            #expect(sent.map(\.method) == [method])
            if index == 1 {
                #expect(harness.receive(sent[0].response(200), from: SIPPlace.callee).map(\.code) == [200])
            }
        }
        harness.pass(milliseconds: 600_000)
        #expect(harness.isEmpty)
    }

    @Test("with peers named, strangers are not relayed for")
    func peers() throws {
        let text = try String(contentsOf: root.appending(path: "config/routing.lua"), encoding: .utf8)
        let harness = try SIPHarness(text.replacing("local peers = nil --", with: "local peers ="))
        #expect(harness.receive().map(\.code) == [403])
        #expect(harness.receive(SIPText(method: "OPTIONS", uri: "sip:192.0.2.1").text).map(\.code) == [200])
        let friend = SocketAddress("192.0.2.10:5060")!
        #expect(harness.receive(SIPText(branch: "z9hG4bK-2").text, from: friend).last?.method == "INVITE")
        var bye = SIPText(method: "BYE", branch: "z9hG4bK-3", extra: ["Route: <sip:192.0.2.1;lr>"])
        bye.to += ";tag=callee"
        #expect(harness.receive(bye).map(\.method) == ["BYE"])
    }
}
