import Foundation
import Server
import Testing

@testable import ConfigPort

/// Converts a text; fails when it has errors.
func conversion(_ text: String, _ options: ConversionOptions = ConversionOptions()) -> Conversion {
    let result = Conversion(path: "old.cfg", bytes: Array(text.utf8), options: options) { _ in nil }
    #expect(result.diagnostics.isEmpty)
    return result
}

/// The statements that a main route becomes, without what stands around them.
func lua(_ body: String) -> String {
    let text = conversion("route {\n\(body)\n}\n").lua
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let first = lines.firstIndex(of: "function route.main(req)"), let last = lines.firstIndex(of: "end") else {
        return text
    }
    return lines[(first + 1)..<last].map { String($0.dropFirst(2)) }.joined(separator: "\n")
}

@Suite("Routes as Lua")
struct EmitterTests {
    @Test("our own interface stands where it means the same")
    func idioms() {
        #expect(
            lua("if (!uri==myself) { sl_send_reply(\"403\", \"No\"); exit; }")
                == "if not req.uri.is_local then\n  return req:reply(403, \"No\")\nend")
        #expect(
            lua("if (is_method(\"INVITE|BYE\") && $rU != NULL) record_route();")
                == "if (req.method == \"INVITE\" or req.method == \"BYE\") and req.uri.user ~= nil then\n  req:record_route()\nend"
        )
        #expect(lua("append_hf(\"P-Hint: $rU\\r\\n\");") == "req.headers:add(\"P-Hint\", (req.uri.user or \"<null>\"))")
        #expect(
            lua("if (has_totag() || !loose_route()) drop();")
                == "if req:has_to_tag() or not req:loose_route() then\nend")
        #expect(
            lua("rewritehost(\"example.com\"); rewriteport(\"5080\");")
                == "req.uri.host = \"example.com\"\nreq.uri.port = 5080")
    }

    @Test("what the core does by itself is said and left out")
    func core() {
        #expect(
            lua("if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\",\"Too Many Hops\"); exit; }")
                == "-- the core counts Max-Forwards down and answers 483 Too Many Hops")
        #expect(lua("if (!t_relay()) { sl_reply_error(); } exit;") == "return sip.t_relay(req)")
    }

    @Test("a second answer is left to the library, which knows of the first")
    func secondAnswer() {
        #expect(
            lua("if (method==\"BYE\") sl_send_reply(\"403\",\"No\"); sl_send_reply(\"200\",\"OK\");")
                == "if req.method == \"BYE\" then\n  sip.reply(req, 403, \"No\")\nend\nreturn sip.reply(req, 200, \"OK\")"
        )
    }

    @Test("routes that end the script end it for their callers")
    func exits() {
        let text = conversion(
            """
            route { route(1); route(2); route(RELAY); }
            route[1] { if (method=="OPTIONS") exit; setflag(4); # seen
            }
            route[2] { log(1, "two\\n"); }
            route[RELAY] { t_relay(); exit; }
            """
        ).lua
        #expect(
            text.contains(
                "  if route.route_1(req) == EXIT then return end\n  route.route_2(req)\n  return route.relay(req)\nend")
        )
        #expect(text.contains("    return EXIT\n"))
        #expect(text.contains("flags[FLAG_SEEN] = true -- seen"))
        #expect(text.contains("local FLAG_SEEN <const> = 4"))
    }

    @Test("return codes reach who asks for them")
    func codes() {
        let text = conversion(
            """
            route {
                if (!lookup("location")) { switch ($retcode) { case -1: case -3: sl_send_reply("404","x"); exit; default: exit; } }
                route(5);
                if ($rc == 2) exit;
                if (route(6)) t_relay();
            }
            route[5] { if (uri=~"^sip:1") return(2); }
            route[6] { return(-1); }
            """
        ).lua
        #expect(text.contains("local ok, rc = sip.lookup(req)\n  if not ok then\n    if rc == -1 or rc == -3 then"))
        #expect(text.contains("local rc = route.route_5(req)\n  if rc == 2 then"))
        #expect(text.contains("    return 2\n  end\n  return 1\nend"))
        #expect(text.contains("if route.route_6(req) then"))
        #expect(text.contains("  return false\nend"))
    }

    @Test("aliases of AVPs stand for their numbers, whichever is written")
    func aliases() {
        let text = conversion(
            "avp_aliases=\"caller=i:10\"\nroute { $avp(caller) = $fU; if ($avp(i:10) == \"x\") $avp(s:b) = $avp(i:11); }"
        ).lua
        #expect(text.contains("avp.caller = req.from.uri.user\n  if avp.caller == \"x\" then\n    avp.b = avp[11]"))
    }

    @Test("what has no counterpart is a stub that is listed")
    func stubs() {
        let result = conversion("route {\n  do_routing(\"2\", \"0\");\n  no_such_thing();\n}")
        #expect(result.lua.contains("  \"do_routing\", -- line 2\n  \"no_such_thing\", -- line 3\n"))
        #expect(result.lua.contains("unsupported.do_routing(req, \"2\", \"0\")"))
        #expect(result.report.hasUnsupported)
        #expect(result.report.count(.function, .unsupported) == 2)
        #expect(result.report.text(result.files).contains("old.cfg:2: unsupported function do_routing: "))
        #expect(result.report.json(result.files).contains("\"places\": [\"old.cfg:3:3\"]"))
    }

    @Test("every call of a configuration is in the report")
    func complete() throws {
        let result = conversion(Samples.everything)
        let names = Set(result.report.entries.filter { $0.category == .function }.map(\.name))
        for name in [
            "mf_process_maxfwd_header", "sl_send_reply", "setflag", "route", "is_method", "xlog", "t_on_failure",
            "t_relay",
            "sl_reply_error", "rewritehostport", "log", "t_check_status", "append_branch",
        ] {
            #expect(names.contains(name), "\(name) is missing")
        }
    }

    @Test(
        "nothing of the corpus is dropped: each call has its entry",
        .enabled(if: PortCorpus.isThere, "no corpus: set SIP_CORPUS"))
    func corpus() throws {
        var carried = 0
        var all = 0
        for name in PortCorpus.names {
            let result = Conversion(path: name, bytes: try PortCorpus.bytes(name)) { _ in nil }
            #expect(result.succeeded)
            let report = result.report
            carried += report.count(.function, .converted) + report.count(.function, .approximated)
            all +=
                report.count(.function, .converted) + report.count(.function, .approximated)
                + report.count(.function, .unsupported)
        }
        print("corpus: \(carried) of \(all) calls converted or approximated")
        #expect(Double(carried) >= 0.93 * Double(all))
    }
}

@Suite("Settings as YAML")
struct SettingsTests {
    @Test("addresses, children and parameters of modules find their places")
    func settings() {
        let yaml = conversion(
            """
            debug=4
            listen=udp:192.0.2.1:5080
            listen=tcp:[2001:db8::1]:5060
            alias="example.com"
            children=8
            modparam("registrar", "max_contacts", 3)
            modparam("registrar|usrloc", "default_expires", 600)
            modparam("tm", "fr_inv_timer", 200)
            route { exit; }
            """
        ).yaml
        for line in [
            "  - \"udp:192.0.2.1:5080\"", "  - \"tcp:[2001:db8::1]:5060\"", "  - \"example.com\"", "workers: 8",
            "  max_contacts: 3",
            "  default_expires: 600s", "  c: 200s", "  level: debug", "script: \"routing.lua\"",
        ] {
            #expect(yaml.contains(line + "\n"), "\(line) is missing in\n\(yaml)")
        }
    }

    @Test("flags, sinks and columns of acc become a section that the proxy reads")
    func accounting() throws {
        let result = conversion(
            """
            loadmodule "acc.so"
            modparam("acc", "log_flag", 1)
            modparam("acc", "db_missed_flag", 2)
            modparam("acc", "db_url", "mysql://openser@localhost/openser")
            modparam("acc", "log_extra", "src=$si; UA=$hdr(User-Agent);user=$fU")
            modparam("acc", "db_extra", "src=$si;caller=$fu;a-b=$(ru{uri.user})")
            route { setflag(1); setflag(2); t_relay(); }
            """)
        #expect(
            result.yaml.contains(
                """
                accounting:
                  log: true
                  sqlite: acc.sqlite
                  fields: {src: "source_ip", ua: "header:User-Agent", user: "script", caller_value: "from_uri", a_b: "script"}

                """))
        #expect(result.lua.contains("acc_flag = FLAG_ACCOUNT"))
        let loaded = try ConfigurationLoader.load(yaml: result.yaml, file: "c.yaml", directory: "/etc")
        #expect(loaded.configuration.accounting.fields.map(\.name) == ["src", "ua", "user", "caller_value", "a_b"])
    }
}
