import Server

/// Puts the program together from a configuration.
enum Assembly {
    static func makeRuntime(_ loaded: LoadedConfiguration, _ log: LogOutput) -> any ProxyRuntime {
        DataPlane.make(loaded.configuration)
    }

    static var checker: any ScriptChecker { NoScripts() }
}

private struct NoScripts: ScriptChecker {
    func check(_ configuration: Configuration) -> [ScriptProblem] { [] }
}
