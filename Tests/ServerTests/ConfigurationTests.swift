import Foundation
import Server
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    @Test("an empty file gives the defaults", arguments: ["", "# nothing\n", "---\n", "limits:\npeers:\nworkers:\n"])
    func empty(_ yaml: String) throws {
        let loaded = try load(yaml)
        #expect(loaded.configuration == Configuration())
        #expect(loaded.warnings.isEmpty)
        #expect(loaded.origins.isEmpty)
    }

    @Test("every key is read into its place")
    func everyKey() throws {
        let configuration = try load(
            """
            listen:
              - udp:192.0.2.1:5070
              - address: "udp:[2001:db8::1]"
                advertise: sip.example.com:5080
            workers: 3
            pin_workers: yes
            script: routing.lua
            domains: [Example.COM, 192.0.2.1, "[2001:DB8::1]"]
            drain_seconds: 2m
            state: {policy: balanced, branch_key: 000102030405060708090a0b0c0d0e0f, target_utilisation: 0.75, period: 1s,
              t_sf: 5_000, t_sl: 9000, log_holders: yes}
            limits: {transactions: 1_000, branches: 4, transaction_memory_bytes: 64MiB, max_forwards: 30}
            mailbox: {slots: 128}
            timers: {t1: 250, t2: 2s, t4: 2500ms, c: 4m}
            peers:
              - {name: gateway, address: 192.0.2.10, trusted: true}
              - {name: carrier, address: "192.0.2.11:5062"}
              - {name: branch, address: 2001:db8:1::/48, trusted: no}
            location: {database: run/location.sqlite, flush_interval: 2s, max_waiting: 5_000}
            accounting: {log: yes, csv: acc.csv, cdr_csv: cdrs.csv, sqlite: run/acc.sqlite, queue: 50, flush_interval: 2s,
              fields: {caller_uri: from_uri, agent: "header:User-Agent"}}
            sockets: {receive_buffer_bytes: 1MB, send_buffer_bytes: 65536, batch: 16, busy_poll_microseconds: 1ms}
            lua: {instructions: 5000, milliseconds: 20, memory_bytes: 1MiB, vm_memory_bytes: 2 GiB}
            control: {socket: run/proxy.sock}
            logging: {level: Debug, format: json, destination: log/proxy.log, queue: 100}
            """
        ).configuration
        #expect(configuration.listen.map(\.description) == ["udp:192.0.2.1:5070", "udp:[2001:db8::1]:5060"])
        #expect(configuration.listen.map(\.advertise) == [nil, "sip.example.com:5080"])
        #expect(configuration.workers == .fixed(3))
        #expect(configuration.pinWorkers)
        #expect(configuration.script == "/etc/routing.lua")
        #expect(configuration.domains == ["example.com", "192.0.2.1", "2001:db8::1"])
        #expect(configuration.drainSeconds == 120)
        #expect(configuration.state.policy == .balanced)
        #expect(configuration.state.targetUtilisation == 0.75)
        #expect(configuration.state.periodMilliseconds == 1_000)
        #expect(configuration.state.statefulCapacity == 5_000)
        #expect(configuration.state.statelessCapacity == 9_000)
        #expect(configuration.state.logsHolders)
        #expect(configuration.state.branchKey == Array(0...15))
        #expect(configuration.accounting.log)
        #expect(configuration.accounting.csv == "/etc/acc.csv" && configuration.accounting.cdrCSV == "/etc/cdrs.csv")
        #expect(configuration.accounting.sqlite == "/etc/run/acc.sqlite")
        #expect(configuration.accounting.queue == 50 && configuration.accounting.flushMilliseconds == 2_000)
        #expect(
            configuration.accounting.fields.map(\.description) == ["caller_uri=from_uri", "agent=header:User-Agent"])
        #expect(configuration.limits.transactions == 1_000)
        #expect(configuration.limits.transactionMemoryBytes == 64 << 20)
        #expect(configuration.limits.maxForwards == 30)
        #expect(configuration.mailbox.slots == 128)
        #expect(configuration.timers.t1Milliseconds == 250)
        #expect(configuration.timers.t2Milliseconds == 2_000)
        #expect(configuration.timers.t4Milliseconds == 2_500)
        #expect(configuration.timers.cMilliseconds == 240_000)
        #expect(configuration.peers.map(\.name) == ["gateway", "carrier", "branch"])
        #expect(configuration.peers.map(\.port) == [0, 5062, 0])
        #expect(configuration.peers.map(\.network.description) == ["192.0.2.10", "192.0.2.11", "2001:db8:1::/48"])
        #expect(configuration.peers.map(\.trusted) == [true, false, false])
        #expect(configuration.location.database == "/etc/run/location.sqlite")
        #expect(configuration.location.flushMilliseconds == 2_000)
        #expect(configuration.location.waitingMax == 5_000)
        #expect(configuration.sockets.receiveBufferBytes == 1_000_000)
        #expect(configuration.sockets.busyPollMicroseconds == 1_000)
        #expect(configuration.lua.vmMemoryBytes == 2 << 30)
        #expect(configuration.control.socket == "/etc/run/proxy.sock")
        #expect(configuration.logging.level == .debug)
        #expect(configuration.logging.format == .json)
        #expect(configuration.logging.destination == "/etc/log/proxy.log")
    }

    @Test("a wildcard address without a name to advertise is doubted")
    func wildcard() throws {
        let warnings = try load("listen: \"udp:0.0.0.0:5060\"").warnings
        #expect(
            warnings.map(\.description) == [
                #"t.yaml:1:9: warning: listen[0]: "0.0.0.0" is announced as this machine's first address; "#
                    + #"set "advertise" to be sure"#
            ])
    }

    @Test("columns without a sink are doubted, for nothing is accounted")
    func accountingWithoutSink() throws {
        let warnings = try load("accounting: {fields: {a: from_uri}}").warnings
        #expect(warnings.map(\.key) == ["accounting.fields"])
        #expect(warnings.first?.message.hasPrefix("has no effect") == true)
        #expect(try load("accounting: {log: yes, fields: {a: from_uri}}").warnings.isEmpty)
    }

    @Test("native routing keys beside a script are doubted")
    func nativeBesideScript() throws {
        let warnings = try load("script: r.lua\nnext_hop: 192.0.2.9\n").warnings
        #expect(
            warnings.map(\.description) == [
                "t.yaml:2:11: warning: next_hop: has no effect beside a script, which decides where requests go"
            ])
    }

    @Test("a branch key that is no hexadecimal number is taken as text")
    func textKey() throws {
        #expect(
            try load("state: {branch_key: correct horse}").configuration.state.branchKey == Array("correct horse".utf8))
    }

    @Test("peers are shown with their network or port, and whether they are trusted")
    func peersShown() throws {
        let loaded = try load(
            "peers:\n  - {name: a, address: 192.0.2.0/24, trusted: true}\n  - {name: b, address: \"192.0.2.9:5062\"}")
        let shown = loaded.settings.first { $0.key == "peers" }?.value
        #expect(shown == "a=192.0.2.0/24 (trusted) b=192.0.2.9:5062")
    }

    // MARK: Environment

    @Test("the environment wins over the file")
    func environment() throws {
        let loaded = try load(
            "workers: 4\nlimits: {transactions: 7}\n",
            [
                "SERVARTUKA_WORKERS": "2", "SERVARTUKA_LIMITS_TRANSACTIONS": "9", "SERVARTUKA_SCRIPT": "r.lua",
                "SERVARTUKA_LISTEN": "udp:192.0.2.1:5060, udp:[2001:db8::1]:5060",
                "SERVARTUKA_DOMAINS": "a.example.com",
                "SERVARTUKA_PEERS": "[{name: a, address: 192.0.2.10}]", "SERVARTUKA_CONTROL_SOCKET": "",
                "SERVARTUKA_CONFIG": "elsewhere.yaml", "PATH": "/bin",
            ])
        #expect(loaded.configuration.workers == .fixed(2))
        #expect(loaded.configuration.limits.transactions == 9)
        #expect(loaded.configuration.listen.map(\.description) == ["udp:192.0.2.1:5060", "udp:[2001:db8::1]:5060"])
        #expect(loaded.configuration.domains == ["a.example.com"])
        #expect(loaded.configuration.peers.map(\.name) == ["a"])
        #expect(loaded.configuration.control.socket == nil)
        // Relative to the working directory, not to the file.
        #expect(loaded.configuration.script == "r.lua")
        #expect(loaded.origins["workers"] == .environment("SERVARTUKA_WORKERS"))
        #expect(loaded.warnings.isEmpty)
    }

    @Test("a bad variable is named")
    func badVariable() {
        let error = #expect(throws: ConfigurationFailure.self) {
            try load(
                "workers: x", ["SERVARTUKA_WORKERS": "two", "SERVARTUKA_TIMERS_T1": "1", "SERVARTUKA_PEERS": "[{"])
        }
        #expect(
            error?.diagnostics.map(\.description) == [
                #"t.yaml:1:10: workers: expected a number ≥ 1 or "auto", got "x""#,
                #"environment SERVARTUKA_PEERS: peers[0]: expected {name: gateway, address: 192.0.2.10}, got "[{""#,
                #"environment SERVARTUKA_TIMERS_T1: timers.t1: expected a time from 10ms to 60000ms, got "1""#,
                #"environment SERVARTUKA_WORKERS: workers: expected a number ≥ 1 or "auto", got "two""#,
            ])
    }

    @Test("a variable that names no setting is doubted, since orchestrators set their own")
    func unknownVariable() throws {
        let warnings = try load("", ["SERVARTUKA_WORKER": "2", "SERVARTUKA_SERVICE_HOST": "192.0.2.1"]).warnings
        #expect(
            warnings.map(\.description) == [
                "environment SERVARTUKA_SERVICE_HOST: warning: names no setting and is ignored",
                "environment SERVARTUKA_WORKER: warning: names no setting and is ignored, "
                    + "did you mean SERVARTUKA_WORKERS?",
            ])
    }

    // MARK: The table of settings

    @Test("keys and variables are distinct and well formed")
    func table() {
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.environmentVariable)).count == Setting.all.count)
        for setting in Setting.all {
            #expect(setting.key.wholeMatch(of: /[a-z0-9_]+(\.[a-z0-9_]+)?/) != nil, "\(setting.key)")
            #expect(setting.environmentVariable.wholeMatch(of: /SERVARTUKA_[A-Z0-9_]+/) != nil)
            #expect(setting.meaning.hasSuffix(".") && !setting.meaning.contains("\n"), "\(setting.key)")
        }
    }

    @Test("a default, written back, reads as itself")
    func defaultsRoundTrip() throws {
        let skipped: Set = [
            "script", "next_hop", "next_set", "domains", "peers", "dispatcher", "permissions", "auth.subscribers",
            "location.database", "dns.servers", "accounting.csv", "accounting.cdr_csv", "accounting.sqlite",
            "accounting.fields", "lua.modules", "shared", "state.branch_key", "tls.certificate", "tls.key",
            "tls.client_roots", "tls.server_roots", "ws.path", "ws.origins",
        ]
        for setting in Setting.all where !skipped.contains(setting.key) {
            let text = setting.text(in: Configuration())
            let loaded = try load("", [setting.environmentVariable: text])
            #expect(loaded.configuration == Configuration(), "\(setting.key) = \(text)")
            #expect(loaded.origins[setting.key] == .environment(setting.environmentVariable))
        }
    }

    @Test("the reference page holds the table of settings as it is")
    func referencePage() throws {
        let page = try String(contentsOf: repository.appending(path: "docs/configuration.md"), encoding: .utf8)
        let begin = try #require(page.range(of: SettingsReference.beginMark))
        let end = try #require(page.range(of: SettingsReference.endMark))
        let generated = page[begin.upperBound..<end.lowerBound].trimmingCharacters(in: .newlines)
        #expect(
            generated == SettingsReference.markdown.trimmingCharacters(in: .newlines),
            "put the output of `servartuka settings --markdown` between the marks")
    }

    @Test("the configuration that ships has no errors and no doubts")
    func shipped() throws {
        let path = repository.appending(path: "config/servartuka.yaml").path
        let loaded = try ConfigurationLoader.load(path: path, environment: [:])
        #expect(loaded.warnings.isEmpty)
        #expect(loaded.configuration.script?.hasSuffix("config/routing.lua") == true)
    }

    private var repository: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    private func load(
        _ yaml: String, _ environment: [String: String] = [:]
    ) throws(ConfigurationFailure) -> LoadedConfiguration {
        try ConfigurationLoader.load(yaml: yaml, file: "t.yaml", directory: "/etc", environment: environment)
    }
}
