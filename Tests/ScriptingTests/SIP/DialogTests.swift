import Foundation
import ProxyCore
import Scripting
import StatePolicy
import Testing

/// `dialog.track` and `dialog.count` as scripts use them.
@Suite("Dialogs in scripts") struct DialogScriptTests {
    /// The script of docs/dialogs.md, which says how many calls there are.
    private static let script: String = {
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../docs/dialogs.md")
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        let example = text.components(separatedBy: "```lua\n").last?.components(separatedBy: "```").first ?? ""
        return example.replacing("return req:relay()", with: "log.info(dialog.count(\"alice\")) return req:relay()")
    }()

    private func invite(_ number: Int, _ extra: [String] = []) -> SIPText {
        SIPText(branch: "z9hG4bK-\(number)", callID: "call-\(number)", extra: extra)
    }

    @Test("a user's third call gets 486")
    func limit() throws {
        let harness = try SIPHarness(Self.script)
        let sent = (0..<3).map { harness.receive(invite($0)) }
        #expect(sent.map { $0.map(\.code) } == [[100, 0], [100, 0], [486]])
        #expect(harness.log.texts == ["1", "2"])
        #expect(harness.proxy.dialogs.count == 2)
        harness.receive(sent[0][1].response(404), from: SIPPlace.callee)
        #expect(harness.receive(invite(3)).map(\.code) == [100, 0])
    }

    @Test("tracking records the route and holds the INVITE under any policy")
    func holds() throws {
        let harness = try SIPHarness(Self.script, policy: .stateless)
        let sent = harness.receive(invite(0))
        #expect(sent.last?["Record-Route"].first?.contains(";did=") == true)
        #expect(harness.count(.requestsMustHold) == 1)
    }

    @Test(
        "what cannot be is told",
        arguments: [
            ("dialog.track(req) dialog.track(req)", "the dialog is tracked already"),
            ("dialog.track(req, { limit = 1 })", "limit needs a key"),
            ("dialog.track(req, { key = 'k', limit = 1, by = 'holder' })", "limit goes with by = \"here\" only"),
            ("dialog.track(req, { by = 'me' })", "expected one of"),
            ("dialog.track(req, { by = 'holder' }) dialog.track(req)", "the dialog is tracked already"),
            ("dialog.track(req, { key = '' })", "a key is 1…256 bytes"),
            ("dialog.track(req) req:forward()", "a tracked dialog needs state"),
            ("dialog.track(req) req:relay { state = 'stateless' }", "a tracked dialog needs state"),
            ("req:drop() dialog.track(req)", "already decided to drop"),
            ("dialog.count('')", "a key is 1…256 bytes"),
        ])
    func mistakes(statements: String, message: String) throws {
        #expect(try SIPHarness.failure(statements).contains(message))
    }

    @Test("only an INVITE that begins a dialog can be tracked")
    func otherRequests() throws {
        var request = SIPText(method: "MESSAGE")
        #expect(try SIPHarness.failure("dialog.track(req)", request).contains("only an INVITE"))
        request = SIPText()
        request.to += ";tag=there"
        #expect(try SIPHarness.failure("dialog.track(req)", request).contains("only an INVITE"))
    }

    @Test("a handler that fails after tracking leaves nothing counted")
    func failure() throws {
        let harness = try SIPHarness(
            "function on_request(req) dialog.track(req, { key = 'k' }) error('late') end")
        #expect(harness.receive().map(\.code) == [500])
        #expect(harness.proxy.dialogs.count == 0)
    }

    @Test("dialogs go on under a script that knows nothing of them")
    func reload() throws {
        let harness = try SIPHarness(Self.script)
        let invite = harness.receive(invite(0)).last!
        let next = try ScriptRouting.load(
            ScriptSource(path: "next.lua", text: "function on_request(req) return req:relay() end"))
        #expect(harness.proxy.install(next))
        harness.receive(invite.response(200), from: SIPPlace.callee)
        #expect(harness.proxy.dialogs.count(.confirmed) == 1)
        var bye = SIPText(method: "BYE", branch: "z9hG4bK-bye", callID: "call-0")
        bye.to += ";tag=callee"
        let sent = harness.receive(bye)
        harness.receive(sent.last!.response(200), from: SIPPlace.callee)
        #expect(harness.proxy.dialogs.count == 0)
    }
}
