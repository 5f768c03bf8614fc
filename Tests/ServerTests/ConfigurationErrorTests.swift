import Server
import Testing

/// What a file gets wrong, and exactly what the operator is told.
@Suite("Configuration errors")
struct ConfigurationErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let yaml: String
        let expected: [String]
        var testDescription: String { yaml }

        init(_ yaml: String, _ expected: String...) {
            self.yaml = yaml
            self.expected = expected
        }
    }

    static let listenForms =
        #"expected "udp:ADDRESS:PORT" such as "udp:192.0.2.1:5060" or "udp:[2001:db8::1]:5060""#

    static let scalars = [
        Case(#"workers: "two""#, #"t.yaml:1:10: workers: expected a number ≥ 1 or "auto", got "two""#),
        Case("workers: 0", #"t.yaml:1:10: workers: expected a number ≥ 1 or "auto", got "0""#),
        Case("workers: 257", "t.yaml:1:10: workers: expected at most 256, got 257"),
        Case("workers: [1]", #"t.yaml:1:10: workers: expected a number ≥ 1 or "auto", got a list"#),
        Case("workers: +2", #"t.yaml:1:10: workers: expected a number ≥ 1 or "auto", got "+2""#),
        Case("pin_workers: 2", #"t.yaml:1:14: pin_workers: expected true or false, got "2""#),
        Case(
            "limits:\n  branches: 65",
            #"t.yaml:2:13: limits.branches: expected a whole number from 1 to 64, got "65""#),
        Case(
            "limits:\n  transactions: 99999999999999999999",
            #"t.yaml:2:17: limits.transactions: expected a whole number from 1 to 4000000, got "99999999999999999999""#
        ),
        Case(
            "limits: {transaction_memory_bytes: 1KiB}",
            #"t.yaml:1:36: limits.transaction_memory_bytes: expected a size from 1MiB to 1024GiB, got "1KiB""#),
        Case(
            "lua: {memory_bytes: 9000000000GiB}",
            #"t.yaml:1:21: lua.memory_bytes: expected a size from 64KiB to 16GiB, got "9000000000GiB""#),
        Case("timers: {t1: soon}", #"t.yaml:1:14: timers.t1: expected a time from 10ms to 60000ms, got "soon""#),
        Case("timers: {t1: 10500us}", #"t.yaml:1:14: timers.t1: expected a time from 10ms to 60000ms, got "10500us""#),
        Case("drain_seconds: -1", #"t.yaml:1:16: drain_seconds: expected a time from 0s to 3600s, got "-1""#),
        Case(
            "state: {policy: statefull}",
            #"t.yaml:1:17: state.policy: expected one of "servartuka", "balanced", "stateful", "stateless", "#
                + #"got "statefull""#),
        Case(
            "state: {target_utilisation: 90}",
            #"t.yaml:1:29: state.target_utilisation: expected a number from 0.1 to 1.0, got "90""#),
        Case(
            "state: {target_utilisation: 1e-1}",
            #"t.yaml:1:29: state.target_utilisation: expected a number from 0.1 to 1.0, got "1e-1""#),
        Case("state: {period: 1ms}", #"t.yaml:1:17: state.period: expected a time from 50ms to 5000ms, got "1ms""#),
        Case(
            "state: {t_sf: many, t_sl: 1.5}",
            #"t.yaml:1:15: state.t_sf: expected a whole number from 1 to 100000000 or "auto", got "many""#,
            #"t.yaml:1:27: state.t_sl: expected a whole number from 1 to 100000000 or "auto", got "1.5""#),
        Case("state: {t_sf: 5000}", #"t.yaml:1:15: state.t_sf: needs "state.t_sl" beside it"#),
        Case("state:\n  t_sf: auto\n  t_sl: 9000", #"t.yaml:3:9: state.t_sl: needs "state.t_sf" beside it"#),
        Case(
            "state: {t_sf: 9000, t_sl: 9000}",
            "t.yaml:1:15: state.t_sf: expected less than state.t_sl (9000), got 9000"),
        Case(
            "state: {branch_key: secret}",
            "t.yaml:1:21: state.branch_key: expected at least 8 characters, or at least 16 hexadecimal digits"),
        Case(
            "next_hop: example.com",
            #"t.yaml:1:11: next_hop: expected ADDRESS or ADDRESS:PORT such as "192.0.2.10:5060" or "#
                + #""[2001:db8::10]:5060", got "example.com""#),
        Case(
            "logging: {level: verbose}",
            #"t.yaml:1:18: logging.level: expected one of "trace", "debug", "info", "notice", "warning", "error", "#
                + #""critical", got "verbose""#),
        Case(
            "control:\n  socket: /" + String(repeating: "x", count: 107),
            "t.yaml:2:11: control.socket: expected a path of at most 107 bytes, got 108"),
    ]

    static let structure = [
        Case("worker: 1", #"t.yaml:1:1: worker: unknown key, did you mean "workers"?"#),
        Case("wrokers: 1", #"t.yaml:1:1: wrokers: unknown key, did you mean "workers"?"#),
        Case(
            "limits:\n  transaction: 1",
            #"t.yaml:2:3: limits.transaction: unknown key, did you mean "limits.transactions"?"#),
        Case("transactions: 1", #"t.yaml:1:1: transactions: unknown key, did you mean "limits.transactions"?"#),
        Case(
            "timers:\n  zebra: 1",
            "t.yaml:2:3: timers.zebra: unknown key; the keys here are t1, t2, t4, c"),
        Case(
            "state: stateful",
            #"t.yaml:1:8: state: expected the keys "policy:", "target_utilisation:", "period:", "t_sf:", "t_sl:", "#
                + #""log_holders:", "branch_key:", got "stateful""#),
        Case("- a\n- b", #"t.yaml:1:1: expected keys such as "listen:" and "script:", got a list"#),
        Case("[a]: 1", "t.yaml:1:1: expected a key, got a list"),
        Case("workers: 1\nworkers: 2", "t.yaml:2:1: workers: written twice in the same map, first on line 1"),
        Case(
            "limits:\n  branches: 1\n  # once more\n\n  branches : 2\nworkers: 2",
            "t.yaml:5:3: limits.branches: written twice in the same map, first on line 2"),
        Case(
            "workers: 1\nworkers: 2\nworkers: 3\nlimits:\n  branches: 1\n  branches: x\n  max_forwards: y",
            "t.yaml:2:1: workers: written twice in the same map, first on line 1",
            "t.yaml:3:1: workers: written twice in the same map, first on line 1",
            "t.yaml:6:3: limits.branches: written twice in the same map, first on line 5",
            #"t.yaml:7:17: limits.max_forwards: expected a whole number from 1 to 255, got "y""#),
        Case(
            "timers: {t1: 500, t1: 600}",
            "t.yaml:1:10: t1: written twice in the same map, first on line 1"),
        Case("workers: [1", "t.yaml:2:1: is not YAML here: did not find expected ',' or ']'"),
        Case("a: b: c", "t.yaml:1:5: is not YAML here: mapping values are not allowed in this context"),
        Case("workers: 1\n---\nworkers: 2", "t.yaml:2:1: is not YAML here: but found another document"),
        Case("timers: {t1: 5s, t2: 1s}", "t.yaml:1:14: timers.t1: expected at most timers.t2 (1000ms), got 5000ms"),
        Case(
            "dns: {servers: [ns.example.com, \"192.0.2.53\", \"192.0.2.53:53\"]}",
            #"t.yaml:1:17: dns.servers[0]: expected ADDRESS or ADDRESS:PORT such as "192.0.2.53" or "[2001:db8::53]:5353", "#
                + #"got "ns.example.com""#,
            #"t.yaml:1:47: dns.servers[2]: "192.0.2.53:53" is listed twice"#),
        Case(
            "workers: two\nlimits:\n  branches: 0\nzebra: 1\n",
            #"t.yaml:1:10: workers: expected a number ≥ 1 or "auto", got "two""#,
            #"t.yaml:3:13: limits.branches: expected a whole number from 1 to 64, got "0""#,
            "t.yaml:4:1: zebra: unknown key; the keys here are listen, workers, pin_workers, script, next_hop, next_set, domains, "
                + "record_route, drain_seconds, peers, dispatcher, permissions, shared, state, auth, registrar, location, accounting, limits, mailbox, timers, dns, sockets, tcp, tls, ws, lua, control, logging"
        ),
    ]

    static let lists = [
        Case("listen: []", #"t.yaml:1:9: listen: expected at least one "udp:ADDRESS:PORT", got an empty list"#),
        Case(
            "listen: \"tcp:192.0.2.1:5060\"",
            #"t.yaml:1:9: listen: expected at least one "udp:ADDRESS:PORT" beside the others; add one"#),
        Case(
            "listen: [\"udp:192.0.2.1\", \"tls:192.0.2.1\"]",
            #"t.yaml:1:9: listen: "tls:192.0.2.1:5061" needs "tls.certificate" and "tls.key""#),
        Case("tls: {certificate: a.pem}", #"t.yaml:1:20: tls.certificate: needs "tls.key" beside it"#),
        Case("tls: {key: a.key}", #"t.yaml:1:12: tls.key: needs "tls.certificate" beside it"#),
        Case(
            "tls: {client_certificates: required}",
            #"t.yaml:1:28: tls.client_certificates: needs "tls.client_roots" beside it: who signs clients' certificates"#
        ),
        Case("listen: 192.0.2.1", #"t.yaml:1:9: listen[0]: \#(listenForms), got "192.0.2.1""#),
        Case(
            "listen:\n  - udp:192.0.2.300:5060", #"t.yaml:2:5: listen[0]: \#(listenForms), got "udp:192.0.2.300:5060""#),
        Case(
            "listen: [\"udp:192.0.2.1:70000\"]", #"t.yaml:1:10: listen[0]: \#(listenForms), got "udp:192.0.2.1:70000""#),
        Case(
            "listen: [\"udp:2001:db8::1:5060\", sctp:192.0.2.1]",
            #"t.yaml:1:10: listen[0]: \#(listenForms), got "udp:2001:db8::1:5060""#,
            #"t.yaml:1:34: listen[1]: "sctp" is not supported, only "udp", "tcp", "tls", "ws" and "wss""#),
        Case(
            "listen:\n  - udp:192.0.2.1\n  - udp:192.0.2.1:5060",
            #"t.yaml:3:5: listen[1]: "udp:192.0.2.1:5060" is listed twice"#),
        Case(
            "listen:\n  - {advertise: example.com}",
            #"t.yaml:2:5: listen[0]: needs an "address" such as "udp:192.0.2.1:5060""#),
        Case(
            "listen:\n  - address: udp:192.0.2.1\n    advertise: a b",
            #"t.yaml:3:16: listen[0].advertise: expected HOST or HOST:PORT, got "a b""#),
        Case(
            "listen:\n  - adress: udp:192.0.2.1",
            #"t.yaml:2:5: listen[0].adress: unknown key, did you mean "address"?"#),
        Case("domains: [a..b]", #"t.yaml:1:11: domains[0]: expected a domain name or an address, got "a..b""#),
        Case(
            "domains: [192.0.2.300]",
            #"t.yaml:1:11: domains[0]: expected a domain name or an address, got "192.0.2.300""#),
        Case("domains: [Example.com, example.COM]", #"t.yaml:1:24: domains[1]: "example.com" is listed twice"#),
        Case(
            "shared: attempts",
            #"t.yaml:1:9: shared: expected a map of names to sizes such as {attempts: 4MiB}, got "attempts""#),
        Case(
            "shared:\n  calls-made: 1MiB\n  routes: lots\n  tiny: 1KiB",
            "t.yaml:2:3: shared.calls-made: expected a name as Lua writes them: letters, digits and _, at most 64, no digit first",
            #"t.yaml:3:11: shared.routes: expected a size from 64KiB to 64GiB, got "lots""#,
            #"t.yaml:4:9: shared.tiny: expected a size from 64KiB to 64GiB, got "1KiB""#),
        Case(
            "peers: [gateway]",
            #"t.yaml:1:9: peers[0]: expected {name: gateway, address: 192.0.2.10}, got "gateway""#),
        Case(
            "peers:\n  - name: a b\n    address: 192.0.2.1/33\n    trusted: maybe",
            #"t.yaml:2:11: peers[0].name: expected at most 64 printable characters without blanks, got "a b""#,
            "t.yaml:3:14: peers[0].address: expected ADDRESS, ADDRESS:PORT or ADDRESS/BITS such as 192.0.2.0/24, "
                + #"got "192.0.2.1/33""#,
            #"t.yaml:4:14: peers[0].trusted: expected true or false, got "maybe""#),
        Case(
            "peers: [{name: a, address: 192.0.2.1/24}]",
            #"t.yaml:1:28: peers[0].address: "192.0.2.1/24" has bits set after the first 24; "#
                + "write the network's first address"),
        Case(
            "peers: [{name: a, address: 192.0.2.1}, {name: a, address: 192.0.2.2}]",
            #"t.yaml:1:40: peers[1].name: "a" is the name of another peer"#),
        Case(
            "accounting: {fields: {a: from, time: from_uri, A-b: to_uri, c: [x]}}",
            #"t.yaml:1:26: accounting.fields.a: expected header:NAME or one of \#(sources), got "from""#,
            "t.yaml:1:32: accounting.fields.time: every record has a column of that name; choose another",
            "t.yaml:1:48: accounting.fields.A-b: expected a name of at most 64 small letters, digits and _",
            "t.yaml:1:64: accounting.fields.c: expected header:NAME or one of \(sources), got a list"),
        Case(
            "accounting: {csv: a.csv, cdr_csv: a.csv}",
            #"t.yaml:1:35: accounting.cdr_csv: is the file of "accounting.csv" already"#),
        Case(
            "accounting: {fields: [a=from_uri, a=to_uri, b]}",
            "t.yaml:1:35: accounting.fields.a: is listed twice",
            #"t.yaml:1:45: accounting.fields: expected a map such as {caller: from_uri, agent: "header:User-Agent"}, got "b""#
        ),
    ]

    private static let sources =
        "from_uri, to_uri, request_uri, contact_uri, source_ip, source_port, source_transport, local_ip, local_port, auth_user, next_hop, script"

    @Test("each mistake is named by file, line, column and key", arguments: scalars + structure + lists)
    func mistakes(_ item: Case) {
        #expect(diagnostics(item.yaml) == item.expected)
    }

    @Test("a secret that is refused is not repeated")
    func secretIsNotRepeated() {
        #expect(!diagnostics("state: {branch_key: hunter2}").joined().contains("hunter2"))
    }

    @Test("a file that cannot be read says why")
    func unreadable() {
        let error = #expect(throws: ConfigurationFailure.self) {
            try ConfigurationLoader.load(path: "/nonexistent/servartuka.yaml", environment: [:])
        }
        #expect(error?.description == "/nonexistent/servartuka.yaml: cannot be read: No such file or directory")
    }

    @Test("values that aliases multiply are refused")
    func aliases() {
        var yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...7 {
            let items = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            yaml += "a\(level): &a\(level) [\(items)]\n"
        }
        #expect(diagnostics(yaml) == ["t.yaml: more than 100000 values"])
    }

    @Test("whatever the text, loading returns")
    func garbage() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(state: seed)
        let pieces = [
            "workers", ":", " ", "\n", "  ", "- ", "[", "]", "{", "}", "&a", "*a", "\"", "'", "listen", "udp:", "::",
            "1", "|",
            ">", "#", "%", "\t", "\u{E000}", "é", "!!int", "<<", "?", ",", "peers", "limits", "null", "~", "\r\n",
        ]
        for _ in 0..<3_000 {
            let yaml = (0..<Int(random.next() % 24)).map { _ in pieces[Int(random.next() % UInt64(pieces.count))] }
                .joined()
            let found = diagnostics(yaml)
            #expect(found.allSatisfy { $0.hasPrefix("t.yaml") }, "seed \(seed), text \(yaml.debugDescription)")
        }
    }

    private func diagnostics(_ yaml: String) -> [String] {
        do {
            return try ConfigurationLoader.load(yaml: yaml, file: "t.yaml", directory: "/etc").warnings.map(
                \.description)
        } catch {
            return error.diagnostics.map(\.description)
        }
    }
}

/// Sebastiano Vigna's splitmix64: small, and the same everywhere for one seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
