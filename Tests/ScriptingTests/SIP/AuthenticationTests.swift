import Foundation
import ProxyCore
import Scripting
import Testing

/// Digest authentication as user agents meet it: RFC 3261 §22, RFC 7616.
@Suite("Authentication") struct AuthenticationTests {
    private static let script = """
        function on_request(req)
          local user = auth.require(req, { realm = "example.com" })
          if not user then return end
          log.info("user " .. user)
          return req:relay { to = "192.0.2.200" }
        end
        """

    private static func services(_ algorithms: [DigestAlgorithm] = [.md5]) throws -> ScriptServices {
        var settings = Authenticator.Settings()
        settings.algorithms = algorithms
        let table = try SubscriberTable(csv: "username,domain,password\nalice,example.com,wonderland\n")
        return ScriptServices(authenticator: Authenticator(settings, subscribers: table))
    }

    private static func harness(_ script: String = script, _ algorithms: [DigestAlgorithm] = [.md5]) throws
        -> SIPHarness
    {
        try SIPHarness(script, services: services(algorithms))
    }

    private func parameter(_ name: String, of challenge: String) -> String? {
        for part in challenge.replacing("Digest ", with: "").components(separatedBy: ", ")
        where part.hasPrefix("\(name)=") {
            return String(part.dropFirst(name.count + 1)).replacing("\"", with: "")
        }
        return nil
    }

    /// What a user agent answers to a challenge.
    private func credentials(
        _ challenge: String, method: String = "INVITE", user: String = "alice", password: String = "wonderland",
        count: String = "00000001", realm: String = "example.com"
    ) throws -> String {
        let algorithm = try #require(DigestAlgorithm(rawValue: parameter("algorithm", of: challenge) ?? ""))
        let nonce = try #require(parameter("nonce", of: challenge))
        func hash(_ text: String) -> String { String(decoding: algorithm.hex(Array(text.utf8))!, as: UTF8.self) }
        let secret = hash("\(user):\(realm):\(password)")
        let response = hash("\(secret):\(nonce):\(count):c1:auth:\(hash("\(method):sip:bob@192.0.2.200"))")
        return
            "Digest username=\"\(user)\", realm=\"\(realm)\", nonce=\"\(nonce)\", uri=\"sip:bob@192.0.2.200\", response=\"\(response)\", algorithm=\(algorithm.rawValue), cnonce=\"c1\", qop=auth, nc=\(count)"
    }

    private func challenge(_ proxy: SIPHarness, branch: String = "z9hG4bK-0") throws -> String {
        let sent = proxy.receive(SIPText(branch: branch))
        #expect(sent.map(\.code) == [407])
        return try #require(sent[0]["Proxy-Authenticate"].first)
    }

    @Test("a request without credentials is challenged, one with right ones goes on without them")
    func accepts() throws {
        let proxy = try Self.harness()
        let challenge = try challenge(proxy)
        #expect(challenge.hasPrefix("Digest realm=\"example.com\", nonce=\""))
        #expect(challenge.hasSuffix(", algorithm=MD5, qop=\"auth\""))
        let header = "Proxy-Authorization: \(try credentials(challenge))"
        let sent = proxy.receive(SIPText(branch: "z9hG4bK-1", extra: [header])).filter(\.isRequest)
        #expect(sent.map(\.destination) == [SIPPlace.callee])
        #expect(sent[0]["Proxy-Authorization"] == [])
        #expect(proxy.log.texts == ["user alice"])
        #expect(proxy.count(.authenticationsAccepted) == 1)
        #expect(proxy.count(.authenticationsChallenged) == 1)
    }

    @Test("the name that was proved is recorded, and none where nothing was")
    func accounting() throws {
        let books = ScriptBooks()
        let script = Self.script.replacing("log.info", with: "acc.request(req) log.info")
        let proxy = try SIPHarness(script, services: Self.services(), ledger: books.ledger)
        let header = "Proxy-Authorization: \(try credentials(challenge(proxy)))"
        let sent = proxy.receive(SIPText(branch: "z9hG4bK-1", extra: [header])).last!
        proxy.receive(sent.response(200), from: SIPPlace.callee)
        #expect(books.fields().last == "alice")
    }

    @Test("wrong passwords, unknown users and forged nonces are challenged anew", arguments: 0..<5)
    func refuses(kind: Int) throws {
        let proxy = try Self.harness()
        let challenge = try challenge(proxy)
        var header = try credentials(challenge)
        switch kind {
        case 0: header = try credentials(challenge, password: "looking-glass")
        case 1: header = try credentials(challenge, user: "eve")
        case 2: header = try credentials(challenge, method: "BYE")
        case 3: header = try credentials(challenge.replacing("nonce=\"0", with: "nonce=\"1"))
        default: header = header.replacing("algorithm=MD5", with: "algorithm=MD5-sess")
        }
        let sent = proxy.receive(SIPText(branch: "z9hG4bK-1", extra: ["Proxy-Authorization: \(header)"]))
        #expect(sent.map(\.code) == [407])
        #expect(sent[0]["Proxy-Authenticate"][0].contains("stale") == false)
        #expect(proxy.count(.authenticationsRefused) == 1)
        #expect(proxy.log.texts == [])
    }

    @Test("an old nonce, and one used for another request, is stale; a retransmission is none")
    func stale() throws {
        let proxy = try Self.harness()
        let header = "Proxy-Authorization: \(try credentials(try challenge(proxy)))"
        let request = SIPText(method: "MESSAGE", branch: "z9hG4bK-1", extra: [header])
        #expect(proxy.receive(request).map(\.code) == [407], "the response is of another method")
        let first = SIPText(branch: "z9hG4bK-2", extra: [header])
        #expect(proxy.receive(first).contains { $0.method == "INVITE" })
        #expect(proxy.receive(first).map(\.code) == [100])
        let again = proxy.receive(SIPText(branch: "z9hG4bK-3", extra: [header]))
        #expect(again.map(\.code) == [407])
        #expect(again[0]["Proxy-Authenticate"][0].hasSuffix(", stale=true"))
        proxy.pass(milliseconds: 300_001)
        let late = "Proxy-Authorization: \(try credentials(again[0]["Proxy-Authenticate"][0]))"
        let old = proxy.receive(SIPText(branch: "z9hG4bK-4", extra: [late]))
        #expect(old[0]["Proxy-Authenticate"][0].hasSuffix(", stale=true"))
    }

    @Test("a retransmission that no transaction absorbs is let through as well")
    func statelessRetransmission() throws {
        let proxy = try Self.harness(Self.script.replacing("relay {", with: "relay { state = \"stateless\","))
        let header = "Proxy-Authorization: \(try credentials(try challenge(proxy)))"
        let request = SIPText(branch: "z9hG4bK-2", extra: [header])
        for _ in 0..<2 { #expect(proxy.receive(request).map(\.method) == ["INVITE"]) }
    }

    @Test("credentials of other realms and schemes are let be, and stay")
    func otherRealms() throws {
        let proxy = try Self.harness()
        let ours = try credentials(try challenge(proxy))
        let others = [
            "Proxy-Authorization: Basic YTpi",
            "Proxy-Authorization: \(ours.replacing("realm=\"example.com\"", with: "realm=\"example.net\""))",
        ]
        #expect(proxy.receive(SIPText(branch: "z9hG4bK-1", extra: others)).map(\.code) == [407])
        let sent = proxy.receive(SIPText(branch: "z9hG4bK-2", extra: others + ["Proxy-Authorization: \(ours)"]))
        #expect(sent.first { $0.isRequest }?["Proxy-Authorization"].count == 2)
    }

    @Test("malformed credentials are answered 400", arguments: ["Digest username=", "Digest realm=\"example.com\""])
    func malformed(header: String) throws {
        let sent = try Self.harness().receive(SIPText(extra: ["Proxy-Authorization: \(header)"]))
        #expect(sent.map(\.code) == [400])
    }

    @Test("credentials without qop are refused: nothing would tell replays")
    func withoutQop() throws {
        let proxy = try Self.harness()
        let header = try credentials(try challenge(proxy)).replacing(", qop=auth", with: "")
        let sent = proxy.receive(SIPText(branch: "z9hG4bK-1", extra: ["Proxy-Authorization: \(header)"]))
        #expect(sent.map(\.code) == [400])
    }

    @Test("REGISTER is asked with 401, ACK and CANCEL never")
    func methods() throws {
        let proxy = try Self.harness()
        let sent = proxy.receive(SIPText(method: "REGISTER", branch: "z9hG4bK-1"))
        #expect(sent.map(\.code) == [401])
        #expect(sent[0]["WWW-Authenticate"].count == 1)
        #expect(proxy.receive(SIPText(method: "ACK", branch: "z9hG4bK-2")).map(\.method) == ["ACK"])
        #expect(proxy.log.texts == ["user "])
    }

    @Test("both algorithms are offered, SHA-256 first, and either is taken")
    func algorithms() throws {
        let proxy = try Self.harness(Self.script, [.sha256, .md5])
        let challenges = proxy.receive(SIPText(branch: "z9hG4bK-1"))[0]["Proxy-Authenticate"]
        #expect(challenges.map { parameter("algorithm", of: $0) } == ["SHA-256", "MD5"])
        for (index, challenge) in challenges.enumerated() {
            let header = "Proxy-Authorization: \(try credentials(challenge))"
            let sent = proxy.receive(SIPText(branch: "z9hG4bK-a\(index)", extra: [header]))
            #expect(sent.contains { $0.method == "INVITE" })
        }
    }

    @Test("without a realm it is the domain of From, and a realm that would break the header is an error")
    func realms() throws {
        let proxy = try Self.harness(Self.script.replacing(", { realm = \"example.com\" }", with: ""))
        #expect(try challenge(proxy).hasPrefix("Digest realm=\"example.com\""))
        #expect(
            try SIPHarness.failure("auth.require(req, { realm = 'a\"b' })").contains("the realm is 1…128 characters"))
    }

    @Test("nonces are good beyond a reload, subscribers are those of the new script")
    func reload() throws {
        let services = try Self.services()
        let header =
            "Proxy-Authorization: \(try credentials(try challenge(try SIPHarness(Self.script, services: services))))"
        let next = try SIPHarness(Self.script, services: services)
        #expect(next.receive(SIPText(branch: "z9hG4bK-1", extra: [header])).contains { $0.method == "INVITE" })
    }

    @Test("the example of docs/authentication.md registers alice and nobody in her name")
    func documentation() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/authentication.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let script = text.components(separatedBy: "```lua\n")[1].components(separatedBy: "```")[0]
        let proxy = try Self.harness(script.replacing("\"example.com\"", with: "\"example.org\""))
        var register = SIPText(method: "REGISTER", uri: "sip:example.org", to: "<sip:alice@example.org>")
        let challenge = proxy.receive(register)[0]["WWW-Authenticate"][0]
        #expect(challenge.contains("realm=\"example.org\""))
        // The table of these tests knows alice@example.com only: the name is written out.
        let header = try credentials(
            challenge, method: "REGISTER", user: "alice@example.com", realm: "example.org")
        register.branch = "z9hG4bK-2"
        register.extra = ["Authorization: \(header)", "Contact: <sip:alice@192.0.2.100>"]
        #expect(proxy.receive(register).map(\.code) == [403], "another domain's alice is not ours")
        #expect(proxy.log.errors == [])
    }
}
