import Foundation
import ProxyCore
import Reactor
import Scripting
import Testing

/// RFC 3261 §10.3, as user agents see it.
@Suite("Registrar") struct RegistrarTests {
    private static let script = """
        function on_request(req)
          if req.method == "REGISTER" then return registrar.save(req) end
          local contacts = registrar.lookup(req.uri)
          if #contacts == 0 then return req:reply(480) end
          return req:relay { targets = contacts }
        end
        """

    /// A proxy with a registrar, and a user agent that counts its CSeq.
    private final class Site {
        let proxy: SIPHarness
        private var cSeq = 0
        private var branch = 0

        init(_ settings: Registrar.Settings = .init(), script: String = RegistrarTests.script) throws {
            proxy = try SIPHarness(script, services: ScriptServices(registrar: Registrar(settings)))
        }

        func text(
            _ extra: [String], to: String = "<sip:bob@example.org>", callID: String = "phone-1", cSeq given: Int? = nil,
            viaExtra: [String] = []
        ) -> String {
            if given == nil { cSeq += 1 }
            branch += 1
            let lines =
                ["REGISTER sip:example.org SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-r\(branch)"]
                + viaExtra
                + [
                    "Max-Forwards: 70", "From: \(to);tag=1", "To: \(to)", "Call-ID: \(callID)",
                    "CSeq: \(given ?? cSeq) REGISTER",
                ] + extra + ["Content-Length: 0"]
            return lines.joined(separator: "\r\n") + "\r\n\r\n"
        }

        @discardableResult
        func register(
            _ extra: [String], to: String = "<sip:bob@example.org>", callID: String = "phone-1", cSeq: Int? = nil,
            from source: SocketAddress = SIPPlace.caller
        ) -> SIPSent {
            proxy.receive(text(extra, to: to, callID: callID, cSeq: cSeq), from: source)[0]
        }

        /// Where a call to bob goes.
        func call(_ uri: String = "sip:bob@example.org") -> [SIPSent] {
            branch += 1
            let sent = proxy.receive(SIPText(method: "MESSAGE", uri: uri, branch: "z9hG4bK-c\(branch)"))
            return sent.filter { $0.code != 100 }
        }
    }

    private let phone = "<sip:bob@192.0.2.200:5062>"

    // MARK: Adding, refreshing, fetching

    @Test("a contact is registered, told with its time left and a date, and found by calls")
    func registers() throws {
        let site = try Site()
        let answer = site.register(["Contact: \(phone);expires=600;q=0.5"])
        #expect(answer.code == 200)
        #expect(answer["Contact"] == ["\(phone);expires=600;q=0.500"])
        #expect(answer["Date"][0].hasSuffix(" GMT"))
        #expect(answer["To"][0].contains(";tag="))
        let calls = site.call()
        #expect(calls.map(\.uri) == ["sip:bob@192.0.2.200:5062"])
        #expect(calls.map(\.destination) == [SocketAddress("192.0.2.200:5062")!])
        #expect(site.proxy.count(.registrationsAccepted) == 1)
    }

    @Test("the contact's expires goes before the header, which goes before the default")
    func expiresOrder() throws {
        let site = try Site()
        let answer = site.register([
            "Expires: 1000", "Contact: <sip:a@192.0.2.10>;expires=500, <sip:b@192.0.2.10>",
            "Contact: <sip:c@192.0.2.10>;expires=soon",
        ])
        #expect(
            answer["Contact"] == [
                "<sip:a@192.0.2.10>;expires=500", "<sip:b@192.0.2.10>;expires=1000", "<sip:c@192.0.2.10>;expires=3600",
            ])
        #expect(site.register(["Contact: <sip:d@192.0.2.10>"])["Contact"].last == "<sip:d@192.0.2.10>;expires=3600")
    }

    @Test("registrations longer than the maximum are shortened, also beyond 32 bits")
    func longest() throws {
        let site = try Site()
        let answer = site.register(["Contact: \(phone);expires=99999999999999999999999"])
        #expect(answer["Contact"] == ["\(phone);expires=86400"])
    }

    @Test("too brief an interval is answered 423 with Min-Expires and changes nothing, 0 is none")
    func tooBrief() throws {
        let site = try Site()
        site.register(["Contact: \(phone)"])
        let answer = site.register(["Contact: <sip:x@192.0.2.9>, \(phone);expires=59"])
        #expect(answer.code == 423)
        #expect(answer["Min-Expires"] == ["60"])
        #expect(site.register([])["Contact"] == ["\(phone);expires=3600"])
        #expect(site.register(["Contact: \(phone);expires=0"]).code == 200)
    }

    @Test("an interval of an hour is never too brief, whatever the minimum")
    func hour() throws {
        var settings = Registrar.Settings()
        settings.minExpiresSeconds = 7_200
        let site = try Site(settings)
        #expect(site.register(["Contact: \(phone);expires=3599"]).code == 423)
        #expect(site.register(["Contact: \(phone);expires=3600"]).code == 200)
    }

    @Test("without Contact the bindings are told and stay, with less time left")
    func fetches() throws {
        let site = try Site()
        #expect(site.register([])["Contact"] == [])
        site.register(["Contact: \(phone)"])
        site.proxy.pass(milliseconds: 100_500)
        #expect(site.register([])["Contact"] == ["\(phone);expires=3500"])
    }

    @Test("an equivalent URI refreshes the binding, another adds one")
    func equivalence() throws {
        let site = try Site()
        site.register(["Contact: <sip:bob@PC.example.com;transport=udp>;expires=100"])
        let same = site.register(["Contact: <sip:%62ob@pc.EXAMPLE.com;transport=UDP>;expires=200"])
        #expect(same["Contact"] == ["<sip:%62ob@pc.EXAMPLE.com;transport=UDP>;expires=200"])
        #expect(site.register(["Contact: <sip:BOB@pc.example.com;transport=udp>"])["Contact"].count == 2)
    }

    @Test("bindings end with their time, and the table forgets them")
    func expiry() throws {
        let site = try Site()
        site.register(["Contact: \(phone);expires=60"])
        site.proxy.pass(milliseconds: 59_000)
        #expect(site.call().map(\.method) == ["MESSAGE"])
        site.proxy.pass(milliseconds: 1_000)
        #expect(site.call().map(\.code) == [480])
        #expect(site.proxy.registrar.locations.count == 1)
        for user in 0..<300 {
            site.register(["Contact: \(phone);expires=0"], to: "<sip:u\(user)@example.org>")
        }
        #expect(site.proxy.registrar.locations.count == 0)
    }

    // MARK: Removing

    @Test("expires 0 removes a contact, and only that")
    func removesOne() throws {
        let site = try Site()
        site.register(["Contact: <sip:a@192.0.2.10>, <sip:b@192.0.2.10>"])
        #expect(
            site.register(["Contact: <sip:a@192.0.2.10>;expires=0"])["Contact"] == ["<sip:b@192.0.2.10>;expires=3600"])
        #expect(site.register(["Contact: <sip:never@192.0.2.10>", "Expires: 0"])["Contact"].count == 1)
    }

    @Test("* with Expires: 0 removes all")
    func removesAll() throws {
        let site = try Site()
        site.register(["Contact: <sip:a@192.0.2.10>, <sip:b@192.0.2.10>"])
        let answer = site.register(["Contact: *", "Expires: 0"])
        #expect(answer.code == 200)
        #expect(answer["Contact"] == [])
        #expect(site.call().map(\.code) == [480])
    }

    @Test(
        "* in any other company is a mistake and removes nothing",
        arguments: [
            ["Contact: *"], ["Contact: *", "Expires: 60"], ["Contact: *, <sip:a@192.0.2.10>", "Expires: 0"],
            ["Contact: <sip:a@192.0.2.10>", "Contact: *", "Expires: 0"],
        ])
    func wildcardMistakes(lines: [String]) throws {
        let site = try Site()
        site.register(["Contact: \(phone)"])
        #expect(site.register(lines).code == 400)
        #expect(site.register([])["Contact"].count == 1)
    }

    // MARK: Order

    @Test("an older CSeq of the same Call-ID is refused as a whole")
    func older() throws {
        let site = try Site()
        site.register(["Contact: \(phone);expires=100"], cSeq: 20)
        for lines in [
            ["Contact: <sip:new@192.0.2.10>, \(phone);expires=900"], ["Contact: *", "Expires: 0"],
            ["Contact: \(phone);expires=0"],
        ] {
            #expect(site.register(lines, cSeq: 19).code == 500)
        }
        #expect(site.register([], cSeq: 18)["Contact"] == ["\(phone);expires=100"])
    }

    @Test("a user agent that starts anew, with another Call-ID, may count from one")
    func restarted() throws {
        let site = try Site()
        site.register(["Contact: \(phone);expires=100"], cSeq: 20)
        let answer = site.register(["Contact: \(phone);expires=900"], callID: "phone-after-reboot", cSeq: 1)
        #expect(answer["Contact"] == ["\(phone);expires=900"])
    }

    @Test("a retransmission is answered like the request")
    func repeated() throws {
        let site = try Site()
        let text = site.text(["Contact: \(phone)"])
        #expect(site.proxy.receive(text)[0].text == site.proxy.receive(text)[0].text)
        let removal = site.text(["Contact: *", "Expires: 0"])
        for _ in 0..<2 { #expect(site.proxy.receive(removal).map(\.code) == [200]) }
    }

    // MARK: Addresses of record

    @Test(
        "an address of record is one in each of its spellings",
        arguments: [
            "sip:bob@example.org", "sip:%62ob@EXAMPLE.org", "sip:bob@example.org;user=phone", "sips:bob@example.org",
            "sip:bob@example.org:5060", "sip:bob:secret@example.org",
        ])
    func spellings(uri: String) throws {
        let site = try Site()
        site.register(["Contact: \(phone)"], to: "<\(uri)>")
        #expect(site.call("sip:bob@example.org").map(\.method) == ["MESSAGE"])
        #expect(site.call("sip:Bob@example.org").map(\.code) == [480])
        #expect(site.call("sip:bob@192.0.2.1").map(\.code) == [480])
    }

    @Test("addresses of other domains, and what is none, are refused")
    func foreign() throws {
        let site = try Site()
        #expect(site.register(["Contact: \(phone)"], to: "<sip:bob@example.com>").code == 404)
        #expect(site.register(["Contact: \(phone)"], to: "<tel:+15555550100>").code == 400)
        let long = String(repeating: "b", count: 300)
        #expect(site.register(["Contact: \(phone)"], to: "<sip:\(long)@example.org>").code == 400)
        #expect(site.proxy.count(.registrationsRefused) == 3)
    }

    // MARK: Bad contacts and limits

    @Test(
        "contacts that no request could be sent to are refused",
        arguments: [
            "<mailto:bob@example.com>", "<tel:+15555550100>", "<sip:>", "<sip:bob@192.0.2.1>;q=2",
            "<sip:bob@192.0.2.1>;q=0.1234",
        ])
    func badContacts(contact: String) throws {
        let site = try Site()
        #expect(site.register(["Contact: \(phone), \(contact)"]).code == 400)
        #expect(site.register([])["Contact"] == [])
    }

    @Test("headers of a contact's URI are not kept, for a Request-URI has none")
    func contactHeaders() throws {
        let site = try Site()
        site.register(["Contact: <sip:bob@192.0.2.200?Subject=x>"])
        #expect(site.call().map(\.uri) == ["sip:bob@192.0.2.200"])
    }

    @Test("more contacts than an address may have are refused together")
    func contactLimit() throws {
        var settings = Registrar.Settings()
        settings.contactsMax = 2
        let site = try Site(settings)
        site.register(["Contact: <sip:a@192.0.2.10>"])
        #expect(site.register(["Contact: <sip:b@192.0.2.10>, <sip:c@192.0.2.10>"]).code == 403)
        #expect(site.register([])["Contact"].count == 1)
        #expect(
            site.register(["Contact: <sip:b@192.0.2.10>, <sip:a@192.0.2.10>;expires=0, <sip:c@192.0.2.10>"]).code == 200
        )
        let many = (0..<100).map { "<sip:u\($0)@192.0.2.10>" }.joined(separator: ", ")
        #expect(site.register(["Contact: \(many)"]).code == 403)
    }

    @Test("a full table refuses new contacts with 503 and Retry-After; refreshes and removals go on")
    func tableLimit() throws {
        var settings = Registrar.Settings()
        settings.bindingsMax = 1
        let site = try Site(settings)
        site.register(["Contact: \(phone)"])
        let answer = site.register(["Contact: \(phone)"], to: "<sip:eve@example.org>", callID: "eve")
        #expect(answer.code == 503)
        #expect(answer["Retry-After"] == ["60"])
        #expect(site.register(["Contact: \(phone)"]).code == 200)
        #expect(site.register(["Contact: *", "Expires: 0"]).code == 200)
        #expect(site.register(["Contact: \(phone)"], to: "<sip:eve@example.org>", callID: "eve").code == 200)
    }

    @Test("an extension that a REGISTER requires is answered 420 and named")
    func requires() throws {
        let site = try Site()
        let answer = site.register(["Require: path, gruu", "Contact: \(phone)"])
        #expect(answer.code == 420)
        #expect(answer["Unsupported"] == ["path, gruu"])
    }

    // MARK: Lookup

    @Test("contacts are found best first, of the same q the latest first")
    func preference() throws {
        let site = try Site(
            script: """
                function on_request(req)
                  if req.method == "REGISTER" then return registrar.save(req) end
                  for _, contact in ipairs(registrar.lookup("sip:bob@example.org")) do
                    log.info(contact.uri, contact.q, contact.expires, contact.to)
                  end
                  return req:drop()
                end
                """)
        site.register(["Contact: <sip:a@192.0.2.10>;q=0.3, <sip:b@192.0.2.10>;q=1.0;expires=100, <sip:c@192.0.2.10>"])
        _ = site.call()
        #expect(
            site.proxy.log.texts == [
                "sip:c@192.0.2.10 1 3600 nil", "sip:b@192.0.2.10 1 100 nil", "sip:a@192.0.2.10 0.3 3600 nil",
            ])
    }

    @Test("a call rings at every contact at once")
    func forks() throws {
        let site = try Site()
        site.register(["Contact: <sip:a@192.0.2.10>, <sip:b@192.0.2.11>"])
        #expect(Set(site.call().map(\.uri)) == ["sip:a@192.0.2.10", "sip:b@192.0.2.11"])
    }

    @Test("with nat, calls go where the REGISTER came from, unless it came through a proxy")
    func nat() throws {
        let site = try Site(script: Self.script.replacing("save(req)", with: "save(req, { nat = true })"))
        let router = SocketAddress("192.0.2.77:41000")!
        site.register(["Contact: <sip:bob@10.0.0.5:5060>"], from: router)
        #expect(site.call().map(\.destination) == [router])
        #expect(site.call().map(\.uri) == ["sip:bob@10.0.0.5:5060"])
        // One that names the host that it comes from is where it says, whatever port it sends from.
        site.register(["Contact: *", "Expires: 0"])
        site.register(["Contact: <sip:bob@192.0.2.77:5070>"], from: router)
        #expect(site.call().map(\.destination) == [SocketAddress("192.0.2.77:5070")!])
        site.register(["Contact: *", "Expires: 0"])
        let relayed = site.text(
            ["Contact: <sip:bob@10.0.0.5:5060>"],
            viaExtra: ["Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK-1;received=192.0.2.78"])
        site.proxy.receive(relayed, from: router)
        #expect(site.call().map(\.destination) == [SocketAddress("10.0.0.5:5060")!])
    }

    @Test("targets may be tables with uri and to; others are told what to write")
    func targetTables() throws {
        let sent = try SIPHarness(
            "function on_request(req) return req:relay { targets = { { uri = 'sip:x@example.com', to = '192.0.2.201' } } } end"
        ).receive(SIPText(method: "MESSAGE"))
        #expect(sent.map(\.uri) == ["sip:x@example.com"])
        #expect(sent.map(\.destination) == [SIPPlace.other])
        let failure = try SIPHarness.failure(
            "return req:relay { targets = { 'sip:a@192.0.2.1', { to = '192.0.2.1' } } }")
        #expect(failure.contains("target 2 is neither a string nor a table with uri"))
    }

    @Test("save is for REGISTER alone, and answers once")
    func misuse() throws {
        #expect(try SIPHarness.failure("registrar.save(req)").contains("the request is no REGISTER"))
        let register = SIPText(method: "REGISTER", uri: "sip:example.org", to: "<sip:bob@example.org>")
        #expect(
            try SIPHarness.failure("registrar.save(req) registrar.save(req)", register).contains(
                "already decided to reply 200"))
    }

    @Test("what is registered survives a reload of the script")
    func reload() throws {
        let site = try Site()
        site.register(["Contact: \(phone)"])
        let next = try SIPHarness(Self.script, services: site.proxy.services)
        let sent = next.receive(SIPText(method: "MESSAGE", uri: "sip:bob@example.org"))
        #expect(sent.map(\.uri) == ["sip:bob@192.0.2.200:5062"])
    }

    @Test("random REGISTERs keep to a model of the table")
    func model() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("registrar model: seed \(seed)")
        var random = SplitMix(seed)
        let site = try Site()
        var model: [String: UInt64] = [:]
        for _ in 0..<2_000 {
            let name = "<sip:u\(random.next() % 6)@192.0.2.10>"
            let now = site.proxy.now
            model = model.filter { $0.value > now }
            switch random.next() % 8 {
            case 0:
                site.register(["Contact: *", "Expires: 0"])
                model = [:]
            case 1:
                site.register(["Contact: \(name);expires=0"])
                model[name] = nil
            case 2:
                site.proxy.pass(milliseconds: random.next() % 90_000)
            default:
                let seconds = 60 + random.next() % 120
                #expect(site.register(["Contact: \(name);expires=\(seconds)"]).code == 200)
                model[name] = now + seconds * 1_000
            }
            let live = model.filter { $0.value > site.proxy.now }
            let told = site.register([])["Contact"].map { String($0.prefix { $0 != ";" }) }
            guard Set(told) == Set(live.keys), told.count == live.count else {
                Issue.record("told \(told), expected \(live.keys), seed \(seed)")
                return
            }
        }
    }
}

/// Random numbers that a seed repeats.
private struct SplitMix {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// The examples of docs/registrar.md.
@Suite("Registrar, documentation") struct RegistrarDocumentationTests {
    private static let examples: [String] = {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/registrar.md")
        guard let text = try? String(contentsOf: page, encoding: .utf8) else { return [] }
        return text.components(separatedBy: "```lua\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }()

    /// A proxy with that example where bob has two phones, and the branches of a call to him.
    private func call(_ example: Int) throws -> (SIPHarness, [SIPSent]) {
        try #require(Self.examples.count == 2)
        let proxy = try SIPHarness(Self.examples[example])
        let register = SIPText(
            method: "REGISTER", uri: "sip:example.org", to: "<sip:bob@example.org>",
            extra: ["Contact: <sip:bob@192.0.2.200>;q=0.5, <sip:bob@192.0.2.201>;q=0.9"])
        #expect(proxy.receive(register).map(\.code) == [200])
        let sent = proxy.receive(SIPText(uri: "sip:bob@example.org", branch: "z9hG4bK-2"))
        #expect(proxy.log.errors == [])
        return (proxy, sent.filter(\.isRequest))
    }

    @Test("the first rings at all contacts at once and stays on the path")
    func parallel() throws {
        let (proxy, sent) = try call(0)
        #expect(sent.map(\.destination) == [SIPPlace.other, SIPPlace.callee])
        #expect(sent.allSatisfy { $0["Record-Route"] == ["<sip:192.0.2.1:5060;lr>"] })
        #expect(proxy.receive(SIPText(uri: "sip:eve@example.org", branch: "z9hG4bK-3")).map(\.code) == [480])
        #expect(proxy.receive(SIPText(branch: "z9hG4bK-4")).map(\.code) == [403])
    }

    @Test("the second tries the best contact first and goes on when it fails")
    func serial() throws {
        let (proxy, first) = try call(1)
        #expect(first.map(\.destination) == [SIPPlace.other])
        let second = proxy.receive(first[0].response(486), from: SIPPlace.other).filter { $0.method == "INVITE" }
        #expect(second.map(\.destination) == [SIPPlace.callee])
        let end = proxy.receive(second[0].response(486), from: SIPPlace.callee)
        #expect(end.filter { !$0.isRequest }.map(\.code) == [486])
    }
}
