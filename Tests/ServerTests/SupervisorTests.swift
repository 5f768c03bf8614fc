import Foundation
import Server
import Synchronization
import Testing

@Suite("Lifecycle")
struct LifecycleTests {
    @Test("a running proxy reloads, drains or stops")
    func running() {
        var lifecycle = Lifecycle()
        #expect(lifecycle.handle(.reload, now: 0, drainMilliseconds: 100) == .reload)
        #expect(lifecycle.handle(.tick(inFlight: 0), now: 0, drainMilliseconds: 100) == .none)
        #expect(lifecycle.handle(.stop, now: 0, drainMilliseconds: 100) == .end(.stopped))
        #expect(lifecycle.state == .stopped(.stopped))
    }

    @Test("a drain ends with its last transaction")
    func drained() {
        var lifecycle = Lifecycle()
        #expect(lifecycle.handle(.terminate, now: 1_000, drainMilliseconds: 500) == .beginDrain)
        #expect(lifecycle.handle(.reload, now: 1_000, drainMilliseconds: 500) == .refuseReload)
        #expect(lifecycle.handle(.tick(inFlight: 1), now: 1_499, drainMilliseconds: 500) == .none)
        #expect(lifecycle.handle(.tick(inFlight: 0), now: 1_499, drainMilliseconds: 500) == .end(.drained))
        #expect(lifecycle.handle(.tick(inFlight: 0), now: 1_600, drainMilliseconds: 500) == .none)
    }

    @Test("a drain ends at its deadline, whatever is left")
    func timedOut() {
        var lifecycle = Lifecycle()
        _ = lifecycle.handle(.terminate, now: 1_000, drainMilliseconds: 500)
        #expect(lifecycle.handle(.tick(inFlight: 9), now: 1_500, drainMilliseconds: 500) == .end(.drainTimedOut))
    }

    @Test("a second SIGTERM stops at once")
    func secondSignal() {
        var lifecycle = Lifecycle()
        _ = lifecycle.handle(.terminate, now: 0, drainMilliseconds: 500)
        #expect(lifecycle.handle(.terminate, now: 1, drainMilliseconds: 500) == .end(.stopped))
        for event in [LifecycleEvent.reload, .terminate, .stop, .tick(inFlight: 0)] {
            #expect(lifecycle.handle(event, now: 2, drainMilliseconds: 500) == .none)
        }
    }
}

@Suite("Supervisor")
struct SupervisorTests {
    private let folder: TemporaryFolder
    private let runtime = MemoryRuntime()
    private let supervisor: Supervisor
    private let log: LogOutput

    init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        try "script: a.lua\nworkers: 2\n".write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        log = try LogOutput.toFile(in: folder)
        let path = folder.file("c.yaml")
        supervisor = Supervisor(
            loaded: try ConfigurationLoader.load(path: path, environment: [:]), runtime: runtime, log: log,
            source: {
                do throws(ConfigurationFailure) {
                    return .success(try ConfigurationLoader.load(path: path, environment: [:]))
                } catch {
                    return .failure(error)
                }
            })
    }

    private func write(_ yaml: String) throws {
        try yaml.write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
    }

    private func result(_ command: ControlRequest.Command) throws -> JSONValue {
        guard case .success(let value) = supervisor.answer(ControlRequest(command)).outcome else {
            throw POSIXError(.EIO)
        }
        return value
    }

    @Test("a drain waits for the transactions in flight, then stops the data plane")
    func drain() async throws {
        runtime.state.withLock { $0.snapshot.transactionsInFlight = 3 }
        #expect(try result(.drain)["already_draining"] == false)
        #expect(try result(.drain)["already_draining"] == true)
        async let ending = runDetached()
        while !runtime.calls.contains("drain") { await Task.yield() }
        #expect(try result(.status)["state"] == "draining")
        #expect(
            supervisor.answer(ControlRequest(.reload)).outcome
                == .failure(message: "the proxy is draining", details: []))
        runtime.state.withLock { $0.snapshot.transactionsInFlight = 0 }
        #expect(await ending == .drained)
        #expect(runtime.calls == ["drain", "stop"])
    }

    @Test("a drain that finds a mailbox full is told again until all workers know")
    func drainAgain() async throws {
        runtime.state.withLock { state in
            state.snapshot.transactionsInFlight = 1
            state.drainsRefused = 2
        }
        _ = try result(.drain)
        async let ending = runDetached()
        while runtime.calls.count < 3 { await Task.yield() }
        runtime.state.withLock { $0.snapshot.transactionsInFlight = 0 }
        #expect(await ending == .drained)
        #expect(runtime.calls == ["drain", "drain", "drain", "stop"])
    }

    @Test("dialogs are listed, and ended by their ID")
    func dialogs() throws {
        runtime.state.withLock { state in
            state.dialogs = [
                DialogStatus(
                    id: "00000000000000aa", state: "confirmed", key: "trunk", callID: "c1", caller: "<sip:a@x>;tag=1",
                    callee: "<sip:b@x>;tag=2", worker: 0, secondsSinceInvite: 12, secondsSinceAnswer: 9.5),
                DialogStatus(
                    id: "00000000000000bb", state: "early", key: "", callID: "c2", caller: "<sip:c@x>;tag=3",
                    callee: "",
                    worker: 1, secondsSinceInvite: 3, secondsSinceAnswer: nil),
            ]
        }
        func ask(words: [String]) -> ControlAnswer.Outcome {
            supervisor.answer(ControlRequest(.dialog, arguments: .array(words.map { .string($0) }))).outcome
        }
        func ask(_ words: String...) -> ControlAnswer.Outcome { ask(words: words) }
        guard case .success(let list) = ask("list") else { throw POSIXError(.EIO) }
        #expect(
            ControlReport.text(of: list, for: .dialog) == """
                2 dialogs
                00000000000000aa  confirmed for 9 s  <sip:a@x>;tag=1 → <sip:b@x>;tag=2  key trunk  Call-ID c1
                00000000000000bb  early for 3 s  <sip:c@x>;tag=3 → ?  Call-ID c2

                """)
        guard case .success(let ended) = ask("terminate", "00000000000000aa") else { throw POSIXError(.EIO) }
        #expect(ControlReport.text(of: ended, for: .dialog) == "terminating 00000000000000aa\n")
        #expect(
            ask("terminate", "00000000000000aa")
                == .failure(message: "there is no dialog 00000000000000aa", details: []))
        for wrong in [[], ["list", "all"], ["terminate"], ["kill", "1"]] {
            guard case .failure(let message, _) = ask(words: wrong) else { throw POSIXError(.EIO) }
            #expect(message.hasPrefix("expected \"list\""))
        }
    }

    @Test("stop ends at once")
    func stop() async throws {
        runtime.state.withLock { $0.snapshot.transactionsInFlight = 3 }
        #expect(try result(.stop) == ["state": "stopping"])
        #expect(await runDetached() == .stopped)
        #expect(runtime.calls == ["stop"])
    }

    @Test("a reload takes over what applies at once and names what waits")
    func reload() throws {
        try write("script: b.lua\nworkers: 3\nlogging: {level: debug}\npeers: [{name: a, address: 192.0.2.1}]\n")
        #expect(
            try result(.reload) == [
                "script_generation": 2, "applied": ["script", "logging.level"], "needs_restart": ["workers", "peers"],
            ])
        let configuration = try #require(runtime.state.withLock { $0.reloaded.last })
        #expect(configuration.script == folder.file("b.lua"))
        #expect(configuration.workers == .fixed(2))
        #expect(log.level == .debug)
        // What waits is named again until the restart.
        #expect(try result(.reload)["needs_restart"] == ["workers", "peers"])
    }

    @Test("an error in the configuration refuses the reload before the scripts are touched")
    func badConfiguration() throws {
        try write("wrokers: 3\nscript: b.lua\n")
        #expect(
            supervisor.answer(ControlRequest(.reload)).outcome
                == .failure(
                    message: "the configuration has errors",
                    details: [#"\#(folder.file("c.yaml")):1:1: wrokers: unknown key, did you mean "workers"?"#]))
        #expect(runtime.calls.isEmpty)
        #expect(runtime.state.withLock { $0.reopenings } == 1, "files that were rotated are opened anew all the same")
        #expect(try result(.status)["reloads"]?["failed"] == 1)
    }

    @Test("an error in a script refuses the reload and leaves everything as it was")
    func badScript() throws {
        try write("script: b.lua\nlogging: {level: trace}\n")
        let problem = ScriptProblem(file: "b.lua", line: 7, message: "unexpected symbol near 'end'")
        runtime.state.withLock { $0.reloadError = RuntimeError("the script has errors", problems: [problem]) }
        #expect(
            supervisor.answer(ControlRequest(.reload)).outcome
                == .failure(
                    message: "the script has errors", details: ["b.lua:7: unexpected symbol near 'end'"]))
        #expect(log.level == .info)
        let status = try result(.status)
        #expect(status["script"] == .string(folder.file("a.lua")))
        #expect(status["reloads"]?["last_error"] == "the script has errors\nb.lua:7: unexpected symbol near 'end'")
        runtime.state.withLock { $0.reloadError = nil }
        #expect(try result(.reload)["script_generation"] == 2)
        #expect(try result(.status)["reloads"] == ["succeeded": 1, "failed": 1, "last_error": .null])
    }

    @Test("statistics give the total and each worker's share")
    func stats() throws {
        let rows = try #require(try result(.stats)["stats"]?.arrayValue)
        #expect(rows[0] == ["name": "test_datagrams_received_total", "labels": [:], "total": 12, "workers": [5, 7]])
        #expect(rows[1]["labels"] == ["method": "IN\"V\\ITE\n"])
        let text = ControlReport.text(of: try result(.stats), for: .stats)
        #expect(text.hasPrefix("  test_datagrams_received_total"))
        #expect(text.contains("  12  (5 + 7)\n"))
    }

    @Test("the metrics page is one that strict readers take")
    func metrics() throws {
        let families = try StrictMetricsParser.parse(supervisor.metricsText())
        #expect(families["test_datagrams_received_total"]?.samples.map(\.value) == [5, 7])
        #expect(families["test_datagrams_received_total"]?.samples.map { $0.labels["worker"] } == ["0", "1"])
        #expect(families["test_requests_total"]?.samples.first?.labels["method"] == "IN\"V\\ITE\n")
        #expect(families["servartuka_build_info"]?.samples.first?.labels["version"] == ServartukaVersion.current)
        #expect((families["process_resident_memory_bytes"]?.samples.first?.value ?? 0) > 1_000_000)
        #expect(families["servartuka_reloads_total"]?.samples.count == 2)
        #expect(try result(.metrics)["text"]?.stringValue?.contains("# TYPE servartuka_draining gauge\n") == true)
    }

    @Test("status shows where each setting comes from, and reads well")
    func status() throws {
        let status = try result(.status)
        #expect(status["settings"]?["workers"]?["origin"] == .string("\(folder.file("c.yaml")):2:10"))
        #expect(status["settings"]?["timers.t1"] == ["value": "500ms", "origin": "default"])
        #expect(status["listeners"] == ["udp:192.0.2.1:5060"])
        let text = ControlReport.text(of: status, for: .status)
        #expect(text.contains("listening on   udp:192.0.2.1:5060\n"))
        #expect(text.contains("state          running, up "))
        #expect(!text.contains("timers.t1"))
    }

    @Test("over the socket it is the same")
    func socket() throws {
        let path = folder.file("c.sock")
        let server = try ControlServer(path: path) { [supervisor] in supervisor.answer($0) }
        defer { server.stop() }
        var client = try ControlClient(path: path)
        guard case .success(let value) = try client.send(ControlRequest(.status, id: 7)).outcome else {
            Issue.record("status failed")
            return
        }
        #expect(value["workers"] == 2)
    }

    private func runDetached() async -> Lifecycle.Ending {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [supervisor] in continuation.resume(returning: supervisor.run()) }
        }
    }
}

@Suite("Check")
struct CheckTests {
    private struct Checker: ScriptChecker {
        let problems: [ScriptProblem]
        func check(_ configuration: Configuration) -> [ScriptProblem] { problems }
    }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func check(_ yaml: String, _ problems: [ScriptProblem] = []) throws -> CheckResult {
        try yaml.write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
        return CheckResult(path: folder.file("c.yaml"), environment: [:], checker: Checker(problems: problems))
    }

    private let problem = ScriptProblem(file: "r.lua", line: 3, message: "oops")

    @Test("script errors come with file and line")
    func script() throws {
        let result = try check("script: r.lua", [problem])
        #expect(!result.succeeded)
        #expect(result.lines == ["r.lua:3: oops"])
        #expect(result.json["diagnostics"]?.arrayValue?.first?["line"] == 3)
    }

    @Test("scripts are not looked at while the configuration has errors")
    func configurationFirst() throws {
        let result = try check("script: r.lua\nworkers: x", [problem])
        #expect(result.lines.count == 1)
        #expect(result.json["diagnostics"]?.arrayValue?.first?["key"] == "workers")
    }

    @Test("a warning is no failure")
    func warning() throws {
        let result = try check("listen: \"udp:0.0.0.0\"")
        #expect(result.succeeded)
        #expect(result.lines.count == 1)
        #expect(result.json["ok"] == true)
    }
}
