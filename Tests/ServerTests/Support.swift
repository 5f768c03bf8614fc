import Foundation
import Server
import Synchronization

/// A folder of its own for each test, removed with it. Short, since a socket path has at most 107 bytes.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/servartuka-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw POSIXError(.EIO) }
        path = String(cString: made)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

extension LogOutput {
    /// Lines of the usual level and form go to the file `log` of a test's folder.
    static func toFile(in folder: TemporaryFolder) throws -> LogOutput {
        var options = Configuration.LoggingOptions()
        options.destination = folder.file("log")
        return try LogOutput(options)
    }
}

/// A data plane in memory: its numbers are set by the test, its calls recorded.
final class MemoryRuntime: ProxyRuntime {
    struct State {
        var calls: [String] = []
        var snapshot = RuntimeSnapshot(
            workers: [[5, 2], [7, 1]], listeners: ["udp:192.0.2.1:5060"], transactionsInFlight: 0, scriptGeneration: 1)
        var stateStatus: StateStatus?
        var dialogs: [DialogStatus] = []
        var reopenings = 0
        var targets: [TargetStatus] = []
        var reloadError: RuntimeError?
        var reloaded: [Configuration] = []
        /// How many calls of `drain` find a mailbox full.
        var drainsRefused = 0
    }

    let state = Mutex(State())

    let metrics = [
        RuntimeMetric("test_datagrams_received_total", kind: .counter, help: "Datagrams received."),
        RuntimeMetric(
            MetricFamily("test_requests_total", kind: .counter, labels: ["worker", "method"], help: "By \"method\"."),
            labels: ["IN\"V\\ITE\n"]),
    ]

    var calls: [String] { state.withLock { $0.calls } }

    func start() throws(RuntimeError) { state.withLock { $0.calls.append("start") } }

    func reload(_ configuration: Configuration) throws(RuntimeError) {
        let error = state.withLock { state -> RuntimeError? in
            state.calls.append("reload")
            if let error = state.reloadError { return error }
            state.reloaded.append(configuration)
            state.snapshot.scriptGeneration += 1
            return nil
        }
        if let error { throw error }
    }

    func reopenFiles() { state.withLock { $0.reopenings += 1 } }

    func dialogStatus() -> [DialogStatus] { state.withLock { $0.dialogs } }

    func terminateDialog(_ id: String) throws(RuntimeError) {
        let isKnown = state.withLock { state in
            let count = state.dialogs.count
            state.dialogs.removeAll { $0.id == id }
            return state.dialogs.count < count
        }
        guard isKnown else { throw RuntimeError("there is no dialog \(id)") }
    }

    func targetStatus() -> [TargetStatus] { state.withLock { $0.targets } }

    func markTarget(_ uri: String, of set: String, as mark: String) throws(RuntimeError) {
        let isKnown = state.withLock { state in
            guard let index = state.targets.firstIndex(where: { $0.uri == uri && $0.set == set }) else { return false }
            state.targets[index].state = mark
            return true
        }
        guard isKnown else { throw RuntimeError("the set \(set) has no target \(uri)") }
    }

    func stateStatus() -> StateStatus? { state.withLock { $0.stateStatus } }

    func snapshot() -> RuntimeSnapshot { state.withLock { $0.snapshot } }

    func answerLocation(_ arguments: JSONValue) -> ControlAnswer { .success(arguments) }

    func drain() -> Bool {
        state.withLock { state in
            state.calls.append("drain")
            state.drainsRefused -= 1
            return state.drainsRefused < 0
        }
    }

    func stop() { state.withLock { $0.calls.append("stop") } }
}

/// The lines that a pipe's writing end has been given; reading ends when the writer closes or `count` lines are there.
struct LinePipe {
    let reader: Int32
    let writer: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
        (reader, writer) = (ends[0], ends[1])
    }

    func lines(_ count: Int) -> [String] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count(where: { $0 == 0x0A }) < count {
            let got = read(reader, &chunk, chunk.count)
            if got <= 0 { break }
            bytes.append(contentsOf: chunk.prefix(got))
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func closeBoth() {
        close(reader)
        close(writer)
    }
}
