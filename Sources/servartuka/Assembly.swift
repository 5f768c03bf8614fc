import Server

/// Puts the data plane together from a configuration: the one place that knows the reactor, the proxy core and the
/// scripting at once.
enum Assembly {
    static func makeRuntime(_ loaded: LoadedConfiguration, _ log: LogOutput) -> any ProxyRuntime {
        UnassembledRuntime()
    }

    static var checker: any ScriptChecker { UnassembledChecker() }
}

/// Stands in until the data plane is wired; starting it fails with a plain message.
private final class UnassembledRuntime: ProxyRuntime {
    let metrics: [RuntimeMetric] = []

    func start() throws(RuntimeError) { throw RuntimeError("this build has no data plane yet") }
    func reload(_ configuration: Configuration) throws(RuntimeError) {}
    func snapshot() -> RuntimeSnapshot { RuntimeSnapshot() }
    func drain() {}
    func stop() {}
}

private struct UnassembledChecker: ScriptChecker {
    func check(_ configuration: Configuration) -> [ScriptProblem] { [] }
}
