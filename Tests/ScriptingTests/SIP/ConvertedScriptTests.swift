import ConfigPort
import Foundation
import ProxyCore
import Scripting
import Testing

/// What a converted configuration does with messages.
@Suite("Converted configurations") struct ConvertedScriptTests {
    static let corpus: URL = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let corpus = ProcessInfo.processInfo.environment["SIP_CORPUS"] ?? "../shared/corpus"
        return URL(fileURLWithPath: corpus, relativeTo: root).appendingPathComponent("openser")
    }()

    static let names: [String] = {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: corpus.path)) ?? []
        return all.filter { $0.hasSuffix(".cfg") }.sorted()
    }()

    private func script(_ text: String, state: ConversionOptions.State = .exact) -> String {
        var options = ConversionOptions()
        options.state = state
        return Conversion(path: "old.cfg", bytes: Array(text.utf8), options: options) { _ in nil }.lua
    }

    private func harness(_ body: String, state: ConversionOptions.State = .exact) throws -> SIPHarness {
        try SIPHarness(script(body, state: state))
    }

    @Test(
        "every configuration of the corpus becomes a script that loads",
        .enabled(if: !names.isEmpty, "no corpus: set SIP_CORPUS"))
    func loads() throws {
        for name in Self.names {
            let bytes = [UInt8](try Data(contentsOf: Self.corpus.appendingPathComponent(name)))
            let result = Conversion(path: name, bytes: bytes) { _ in nil }
            #expect(result.succeeded)
            _ = try SIPHarness(result.lua)
        }
    }

    @Test("flags, AVPs and the failure route outlast the request: a busy phone leads to voicemail")
    func failure() throws {
        let proxy = try harness(
            """
            route {
                setflag(3);
                $avp(s:caller) = $fU;
                t_on_failure("1");
                t_on_reply("1");
                t_relay();
            }
            onreply_route[1] { if (status =~ "^4") xlog("L_INFO", "status $rs for $avp(s:caller)\\n"); }
            failure_route[1] {
                if (isflagset(3) && t_check_status("486|408") && $avp(s:caller) == "alice") {
                    append_branch("sip:voicemail@192.0.2.201");
                    t_relay();
                }
            }
            """)
        let sent = proxy.receive(SIPText()).filter(\.isRequest)
        #expect(sent.map(\.destination) == [SIPPlace.callee])
        let next = proxy.receive(sent[0].response(486), from: SIPPlace.callee).filter {
            $0.isRequest && $0.method == "INVITE"
        }
        #expect(next.map(\.uri) == ["sip:voicemail@192.0.2.201"])
        #expect(proxy.log.texts == ["status 486 for alice"])
    }

    @Test(
        "flags of acc make the rows that they made",
        arguments: [
            (200, "", ["acc INVITE 200", "cdrs caller"]), (486, "", []),
            (486, "setflag(2);", ["missed_calls INVITE 486"]), (486, "setflag(3);", ["acc INVITE 486"]),
            (486, "setflag(2); setflag(3);", ["acc INVITE 486", "missed_calls INVITE 486"]),
            (486, "resetflag(1); setflag(2); setflag(3);", ["missed_calls INVITE 486"]),
            (200, "resetflag(1); resetflag(4); acc_log_request(\"299 Seen\");", ["acc INVITE 299"]),
            (
                200, "resetflag(1); resetflag(4); acc_db_request(\"Seen\", \"missed_calls\");",
                ["missed_calls INVITE 200"]
            ),
        ])
    func accounting(code: Int, statements: String, rows: [String]) throws {
        let books = ScriptBooks()
        let proxy = try SIPHarness(
            script(
                """
                modparam("acc", "log_flag", 1)
                modparam("acc", "db_missed_flag", 2)
                modparam("acc", "failed_transaction_flag", 3)
                modparam("acc", "cdr_flag", 4)
                route {
                    if (is_method("INVITE")) { setflag(1); setflag(4); \(statements) }
                    t_relay();
                }
                """), ledger: books.ledger)
        let sent = proxy.receive(SIPText()).last!
        proxy.receive(sent.response(code), from: SIPPlace.callee)
        var bye = SIPText(method: "BYE", branch: "z9hG4bK-bye")
        bye.to += ";tag=callee"
        proxy.receive(proxy.receive(bye).last!.response(200), from: SIPPlace.callee)
        #expect(books.rows() == rows)
        #expect(proxy.log.errors == [])
    }

    @Test("branches are tried at once, in the order in which they were added")
    func branches() throws {
        let proxy = try harness(
            "route { seturi(\"sip:a@192.0.2.200\"); append_branch(\"sip:b@192.0.2.201\"); t_relay(); }")
        #expect(proxy.receive(SIPText()).filter(\.isRequest).map(\.uri) == ["sip:a@192.0.2.200", "sip:b@192.0.2.201"])
    }

    @Test("a redirection names the branches")
    func redirection() throws {
        let proxy = try harness(
            "route { rewriteuri(\"sip:a@192.0.2.200\"); append_branch(\"sip:b@192.0.2.201\"); sl_send_reply(\"300\", \"Redirect\"); }"
        )
        let sent = proxy.receive(SIPText())
        #expect(sent.map(\.code) == [300])
        #expect(sent[0]["Contact"] == ["<sip:a@192.0.2.200>, <sip:b@192.0.2.201>"])
    }

    @Test("what the script says nothing about is not answered")
    func silence() throws {
        #expect(try harness("route { if (method==\"REGISTER\") exit; }").receive(SIPText()).isEmpty)
    }

    @Test("the first of two answers counts")
    func twice() throws {
        let proxy = try harness("route { sl_send_reply(\"403\", \"No\"); sl_send_reply(\"200\", \"OK\"); t_relay(); }")
        #expect(proxy.receive(SIPText()).map(\.code) == [403])
    }

    /// With a set "1" of two servers and a group "1".
    private func harnessWithSets(_ body: String) throws -> SIPHarness {
        var set = DispatcherSet(name: "1")
        set.algorithm = .priority
        set.targets = [
            DispatcherTarget(uri: "sip:192.0.2.201", address: SIPPlace.other),
            DispatcherTarget(uri: "sip:192.0.2.200:5060", address: SIPPlace.callee),
        ]
        var services = ScriptServices()
        services.dispatcher = Dispatcher([set], table: TargetTable(workers: 1))
        services.permissions = AddressGroups([
            ("1", [AddressRule(network: SIPPlace.caller, prefixBits: 32)])
        ])
        return try SIPHarness(script(body), services: services)
    }

    @Test("a destination of a set is selected, and the next one in the failure route")
    func dispatcher() throws {
        let proxy = try harnessWithSets(
            """
            route {
                if (!ds_select_dst("1", "8")) { sl_send_reply("503", "None"); exit; }
                t_on_failure("1");
                t_relay();
            }
            failure_route[1] {
                if (t_check_status("50[03]")) {
                    ds_mark_dst("p");
                    if (ds_next_dst()) { t_relay(); }
                }
            }
            """)
        let invite = try #require(proxy.receive(SIPText(uri: "sip:bob@example.com")).last)
        #expect(invite.destination == SIPPlace.other)
        #expect(invite.uri == "sip:bob@example.com")
        let next = try #require(proxy.receive(invite.response(500), from: SIPPlace.other).last)
        #expect(next.destination == SIPPlace.callee)
        #expect(next.uri == "sip:bob@example.com")
        // Marked, so that the next call begins with the other.
        let later = proxy.receive(SIPText(uri: "sip:bob@example.com", branch: "z9hG4bK-2", callID: "2"))
        #expect(later.last?.destination == SIPPlace.callee)
    }

    @Test("ds_select_domain puts the destination into the Request-URI", arguments: [0, 1, 2, 3, 4, 6, 8, 9])
    func domain(algorithm: Int) throws {
        let proxy = try harnessWithSets(
            "route { if (ds_is_from_list(\"1\")) exit; ds_select_domain(\"1\", \"\(algorithm)\"); t_relay(); }")
        let uri = try #require(proxy.receive(SIPText(uri: "sip:bob@example.com")).last).uri
        #expect(["sip:bob@192.0.2.201", "sip:bob@192.0.2.200:5060"].contains(uri))
    }

    @Test("groups of addresses")
    func permissions() throws {
        let proxy = try harnessWithSets(
            """
            route {
                if (!allow_source_address("1")) { sl_send_reply("403", "No"); exit; }
                if (allow_address("1", "192.0.2.200", "5060")) { sl_send_reply("500", "No"); exit; }
                sl_send_reply("200", "OK");
            }
            """)
        #expect(proxy.receive(SIPText()).map(\.code) == [200])
        let other = SIPText(branch: "z9hG4bK-2").text
        #expect(proxy.receive(other, from: SIPPlace.other).map(\.code) == [403])
    }

    @Test("a call without a counterpart stops the script")
    func stub() throws {
        let proxy = try harness("route { do_routing(\"1\"); t_relay(); }")
        #expect(proxy.receive(SIPText()).map(\.code) == [500])
        #expect(proxy.log.errors.first?.contains("do_routing has no counterpart") == true)
    }

    @Test(
        "regular expressions are those of POSIX, without regard to case",
        arguments: [
            ("^sip:[0-9]+@", "sip:123@example.com", true), ("^sip:[0-9]+@", "sip:bob@example.com", false),
            ("sip:[79][0-9]{3}@.*", "sip:7123@192.0.2.1", true), ("sip:[79][0-9]{3}@.*", "sip:71234@192.0.2.1", false),
            ("^SIP:BOB@", "sip:bob@example.com", true), ("^sip:(\\\\+[1-9])?[0-9]+@", "sip:+4930@example.com", true),
            ("(180)|(183)|b.b", "sip:bob@example.com", true), ("^sip:(a|b)*c@", "sip:ababc@example.com", true),
            ("^sip:[^@]*@(foo|bar)\\\\.example\\\\.(com|net)$", "sip:x@bar.example.net", true),
            ("[[:digit:]]{2,3}$", "sip:x@192.0.2.20", true),

        ])
    func expressions(expression: String, uri: String, matches: Bool) throws {
        let proxy = try harness(
            "route { if (uri=~\"\(expression)\") sl_send_reply(\"200\",\"yes\"); else sl_send_reply(\"404\",\"no\"); }")
        #expect(proxy.receive(SIPText(uri: uri)).map(\.code) == [matches ? 200 : 404])
    }

    @Test("an expression that would try for ever is stopped by the budget of the handler")
    func endless() throws {
        let proxy = try harness("route { if (uri=~\"^sip:(x*)*y\") exit; sl_send_reply(\"404\", \"no\"); }")
        #expect(proxy.receive(SIPText(uri: "sip:xxxxxxxxxxxxxxxxxxxxxxxx@example.net")).map(\.code) == [500])
    }

    @Test("transformations take values apart")
    func transformations() throws {
        let proxy = try harness(
            """
            route {
                xlog("L_INFO", "$(hdr(X-Test){param.value,b}) $(ru{uri.user}) $(ru{uri.host}) $(fu{s.len}) $(rU{s.substr,1,1}) $(hdr(X-Test){s.select,0,;}) $(hdr(Nothing))");
                exit;
            }
            """)
        _ = proxy.receive(SIPText(extra: ["X-Test: a=1;b=two"]))
        #expect(proxy.log.texts == ["two bob 192.0.2.200 21 o a=1 <null>"])
    }

    @Test("without state kept here, ACK and CANCEL follow their INVITE")
    func autoState() throws {
        let text = "route { if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; } t_relay(); }"
        let cancel = SIPText(method: "CANCEL")
        #expect(try harness(text).receive(cancel).filter(\.isRequest).isEmpty)
        #expect(try harness(text, state: .auto).receive(cancel).filter(\.isRequest).map(\.method) == ["CANCEL"])
    }

    @Test("a registration is saved and found again")
    func registration() throws {
        let proxy = try SIPHarness(
            script(
                """
                route {
                    if (method=="REGISTER") { save("location"); exit; }
                    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
                    t_relay();
                }
                """), services: ScriptServices(registrar: Registrar()))
        var register = SIPText(method: "REGISTER", uri: "sip:example.org", branch: "z9hG4bK-1")
        register.to = "<sip:bob@example.org>"
        register.from = "<sip:bob@example.org>;tag=1"
        register.extra = ["Contact: <sip:bob@192.0.2.200:5062>"]
        #expect(proxy.receive(register).map(\.code) == [200])
        let sent = proxy.receive(SIPText(uri: "sip:bob@example.org", branch: "z9hG4bK-2")).filter(\.isRequest)
        #expect(sent.map(\.uri) == ["sip:bob@192.0.2.200:5062"])
        #expect(proxy.receive(SIPText(uri: "sip:eve@example.org", branch: "z9hG4bK-3")).map(\.code) == [404])
    }
}
