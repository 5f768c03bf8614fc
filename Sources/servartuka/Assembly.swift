import Server

/// Puts the program together from a configuration.
enum Assembly {
    static func makeRuntime(_ loaded: LoadedConfiguration, _ log: LogOutput) -> any ProxyRuntime {
        DataPlane.make(loaded.configuration, log: log)
    }

    static var checker: any ScriptChecker { RoutingScriptChecker() }
}
