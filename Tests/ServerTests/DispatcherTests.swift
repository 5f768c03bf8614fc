import Foundation
import ProxyCore
import Reactor
import Server
import Synchronization
import Testing

/// Sets of servers and groups of addresses in the configuration, and what `ctl` and the metrics page say of them.
@Suite("Dispatcher and permissions") struct DispatcherTests {
    private func load(_ yaml: String) throws -> Configuration {
        try ConfigurationLoader.load(yaml: yaml, file: "t.yaml", directory: "").configuration
    }

    private func errors(_ yaml: String) -> [String] {
        do throws(ConfigurationFailure) {
            _ = try ConfigurationLoader.load(yaml: yaml, file: "t.yaml", directory: "")
            return []
        } catch {
            return error.diagnostics.filter { $0.severity == .error }.map(\.description)
        }
    }

    @Test("a set with all its settings")
    func whole() throws {
        let sets = try load(
            """
            listen: ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
            peers: [{name: backup, address: "192.0.2.30:5080"}]
            dispatcher:
              gateways:
                algorithm: hash
                key: from_uri
                targets:
                  - sip:192.0.2.10
                  - {uri: "sip:192.0.2.11:5070;transport=tcp", weight: 2}
                  - {uri: "sip:backup", priority: 1, weight: 0}
                probe: {interval: 5s, timeout: 500ms, from: "sip:probe@example.com", alive: [2xx, 404]}
                failures: 2
                successes: 4
                rest: 1m
                answer_timeout: 700ms
              others: ["sip:[2001:db8::1]"]
            """
        ).dispatcher
        #expect(sets.map(\.name) == ["gateways", "others"])
        let set = sets[0]
        #expect(set.algorithm == .hash)
        #expect(set.key == .fromURI)
        #expect(set.targets.map { "\($0.address)" } == ["192.0.2.10:5060", "192.0.2.11:5070", "192.0.2.30:5080"])
        #expect(set.targets.map(\.address.transport) == [.udp, .tcp, .udp])
        #expect(set.targets.map(\.weight) == [1, 2, 0])
        #expect(set.targets.map(\.priority) == [0, 0, 1])
        #expect(set.probe?.intervalMilliseconds == 5_000)
        #expect(set.probe?.timeoutMilliseconds == 500)
        #expect(set.probe?.from == "sip:probe@example.com")
        #expect(set.probe?.alive == [200...299, 404...404])
        #expect(set.failuresMax == 2)
        #expect(set.successesMin == 4)
        #expect(set.restMilliseconds == 60_000)
        #expect(set.answerMilliseconds == 700)
        #expect(sets[1].probe == nil)
        #expect(try load("dispatcher: {a: {targets: sip:192.0.2.1, probe: yes}}").dispatcher[0].probe == TargetProbe())
    }

    @Test(
        "mistakes in a set are told with their place",
        arguments: [
            ("dispatcher: [a]", "t.yaml:1:13: dispatcher: expected a map from names to"),
            ("dispatcher: {a: {}}", #"t.yaml:1:17: dispatcher.a: needs "targets" such as"#),
            ("dispatcher: {a: {targets: []}}", "t.yaml:1:27: dispatcher.a.targets: expected at least one target"),
            (
                "dispatcher:\n  a: [tel:1]",
                #"t.yaml:2:7: dispatcher.a[0]: expected a URI such as "sip:192.0.2.10:5060", got "tel:1""#
            ),
            (
                "dispatcher:\n  a: [sip:example.com]",
                "t.yaml:2:7: dispatcher.a[0]: expected a URI with an IP address or the name of a peer"
            ),
            (
                "dispatcher:\n  a: [sip:192.0.2.1, sip:192.0.2.1]",
                #"t.yaml:2:22: dispatcher.a[1]: "sip:192.0.2.1" is listed twice"#
            ),
            (
                "dispatcher:\n  a: [\"sips:192.0.2.1\"]",
                #"t.yaml:2:7: dispatcher.a[0]: is reached by tls, and "listen" has no "tls:""#
            ),
            (
                "dispatcher:\n  a: [{uri: sip:192.0.2.1, weight: 10001}]",
                "t.yaml:2:36: dispatcher.a[0].weight: expected a whole number from 0 to 10000"
            ),
            (
                "dispatcher:\n  a: {targets: sip:192.0.2.1, algorithm: best}",
                #"t.yaml:2:42: dispatcher.a.algorithm: expected one of "round_robin""#
            ),
            (
                "dispatcher:\n  a: {targets: sip:192.0.2.1, algoritm: hash}",
                #"t.yaml:2:31: dispatcher.a.algoritm: unknown key, did you mean "algorithm"?"#
            ),
            (
                "dispatcher:\n  a: {targets: sip:192.0.2.1, probe: {interval: 10}}",
                "t.yaml:2:49: dispatcher.a.probe.interval: expected a time with its unit"
            ),
            (
                "dispatcher:\n  a: {targets: sip:192.0.2.1, probe: {interval: 1s, timeout: 2s}}",
                "t.yaml:2:62: dispatcher.a.probe.timeout: expected at most the interval (1000ms), got 2000ms"
            ),
            (
                "dispatcher:\n  a: {targets: sip:192.0.2.1, probe: {alive: [2xx, 100]}}",
                "t.yaml:2:52: dispatcher.a.probe.alive: expected codes such as 404 and classes"
            ),
            ("next_set: b\ndispatcher:\n  a: [sip:192.0.2.1]", #"t.yaml:1:11: next_set: "dispatcher" has no set "b""#),
        ])
    func mistakes(yaml: String, message: String) {
        let found = errors(yaml)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(message) == true, "\(found)")
    }

    @Test("groups of addresses")
    func groups() throws {
        let groups = try load(
            """
            permissions:
              trunks: [192.0.2.0/24, "2001:db8::/32", "198.51.100.7:5070", {address: 203.0.113.0/24, port: 5061, transport: tls}]
              one: 192.0.2.1
              nobody: []
            """
        ).permissions
        #expect(groups.map(\.name) == ["trunks", "one", "nobody"])
        #expect(groups.map(\.rules.count) == [4, 1, 0])
        #expect(groups[0].rules.map(\.prefixBits) == [24, 32, 32, 24])
        #expect(groups[0].rules.map(\.port) == [0, 0, 5_070, 5_061])
        #expect(groups[0].rules.map(\.transport) == [nil, nil, nil, .tls])
    }

    @Test(
        "mistakes in a group are told with their place",
        arguments: [
            (
                "permissions:\n  a: [192.0.2.1/24]",
                #"t.yaml:2:7: permissions.a[0]: "192.0.2.1/24" has bits set after the first 24"#
            ),
            (
                "permissions:\n  a:\n    - 192.0.2.0/33",
                "t.yaml:3:7: permissions.a[0]: expected ADDRESS, ADDRESS:PORT or ADDRESS/BITS"
            ),
            (
                "permissions:\n  a: [{address: 192.0.2.1, port: 0}]",
                "t.yaml:2:34: permissions.a[0].port: expected one port from 1 to 65535"
            ),
            (
                "permissions:\n  a: [{address: 192.0.2.1, transport: sctp}]",
                #"t.yaml:2:39: permissions.a[0].transport: expected one of "udp""#
            ),
            ("permissions:\n  a: [{port: 1}]", #"t.yaml:2:7: permissions.a[0]: needs an "address""#),
            ("permissions: 192.0.2.1", "t.yaml:1:14: permissions: expected a map from names to lists"),
        ])
    func wrongGroups(yaml: String, message: String) {
        let found = errors(yaml)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(message) == true, "\(found)")
    }

    @Test("the environment takes them as YAML in braces")
    func environment() throws {
        let loaded = try ConfigurationLoader.load(
            yaml: "", file: "", directory: "",
            environment: [
                "SERVARTUKA_DISPATCHER": "{a: [\"sip:192.0.2.1\"]}", "SERVARTUKA_PERMISSIONS": "{b: [192.0.2.0/24]}",
            ])
        #expect(loaded.configuration.dispatcher.map(\.name) == ["a"])
        #expect(loaded.configuration.permissions.map(\.name) == ["b"])
    }

    // MARK: The running proxy

    private static let sets = """
        listen: "udp:127.0.0.1:0"
        workers: 2
        next_set: a
        dispatcher: {a: ["sip:127.0.0.1:9", "sip:127.0.0.1:19"]}
        """

    @Test("targets are marked and listed while the proxy runs, and a reload keeps their state")
    func marks() throws {
        let folder = try TemporaryFolder()
        let log = try LogOutput.toFile(in: folder)
        let plane = DataPlane.make(try load(Self.sets), log: log)
        try plane.start()
        defer { plane.stop() }
        #expect(plane.targetStatus().map(\.state) == ["up", "up"])
        try plane.markTarget("sip:127.0.0.1:9", of: "a", as: "drained")
        #expect(plane.targetStatus().map(\.state) == ["drained", "up"])
        let changed = Self.sets.replacing("\"sip:127.0.0.1:19\"", with: "\"sip:127.0.0.1:29\"")
        try plane.reload(try load(changed))
        #expect(plane.targetStatus().map(\.uri) == ["sip:127.0.0.1:9", "sip:127.0.0.1:29"])
        #expect(plane.targetStatus().map(\.state) == ["drained", "up"])
        for (set, uri, state) in [
            ("b", "sip:127.0.0.1:9", "up"), ("a", "sip:x", "up"), ("a", "sip:127.0.0.1:9", "gone"),
        ] {
            #expect(throws: RuntimeError.self) { try plane.markTarget(uri, of: set, as: state) }
        }
    }

    @Test("ctl dispatcher lists and marks, and the metrics page shows states and counts")
    func control() throws {
        let folder = try TemporaryFolder()
        let runtime = MemoryRuntime()
        runtime.state.withLock {
            $0.targets = [
                TargetStatus(
                    set: "a", uri: "sip:192.0.2.1", state: "up", weight: 2, selected: 5, failures: 1, probes: 7,
                    probesFailed: 3)
            ]
        }
        let loaded = LoadedConfiguration(configuration: Configuration())
        let supervisor = Supervisor(
            loaded: loaded, runtime: runtime, log: try .toFile(in: folder), source: { .success(loaded) })
        func ask(_ words: String...) -> ControlAnswer.Outcome {
            supervisor.answer(ControlRequest(.dispatcher, arguments: .array(words.map { .string($0) }))).outcome
        }
        guard case .success(let marked) = ask("mark", "a", "sip:192.0.2.1", "down") else { throw POSIXError(.EIO) }
        #expect(ControlReport.text(of: marked, for: .dispatcher) == "a sip:192.0.2.1 marked down\n")
        guard case .success(let list) = ask("list") else { throw POSIXError(.EIO) }
        #expect(
            ControlReport.text(of: list, for: .dispatcher)
                == "a  sip:192.0.2.1  down  weight 2  priority 0  selected 5  failures 1  probes 7, 3 failed\n")
        #expect(
            ask("mark", "b", "sip:192.0.2.1", "up")
                == .failure(message: "the set b has no target sip:192.0.2.1", details: []))
        guard case .failure(let message, _) = ask("mark", "a") else { throw POSIXError(.EIO) }
        #expect(message.hasPrefix("expected \"list\""))
        let page = supervisor.metricsText()
        for line in [
            #"servartuka_dispatcher_target_state{set="a",target="sip:192.0.2.1",state="down"} 1"#,
            #"servartuka_dispatcher_target_state{set="a",target="sip:192.0.2.1",state="up"} 0"#,
            #"servartuka_dispatcher_selected_total{set="a",target="sip:192.0.2.1"} 5"#,
            #"servartuka_dispatcher_failures_total{set="a",target="sip:192.0.2.1"} 1"#,
            #"servartuka_dispatcher_probes_total{set="a",target="sip:192.0.2.1"} 7"#,
            #"servartuka_dispatcher_probes_failed_total{set="a",target="sip:192.0.2.1"} 3"#,
        ] {
            #expect(page.contains(line + "\n"), "\(line)")
        }
    }
}
