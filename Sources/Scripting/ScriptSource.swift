/// A script as it is read from disk, with the globals it is given.
public struct ScriptSource: Sendable {
    /// What errors name.
    public var path: String
    public var text: String
    /// Such as `config`.
    public var globals: [String: ScriptValue]
    /// What it can `require` beside the modules of the program.
    public var modules: [ScriptModule]

    public init(
        path: String, text: String, globals: [String: ScriptValue] = [:], modules: [ScriptModule] = []
    ) {
        self.path = path
        self.text = text
        self.globals = globals
        self.modules = modules
    }
}

/// A file of functions that scripts `require`.
public struct ScriptModule: Sendable, Equatable {
    /// "prices" or "tables.prices".
    public var name: String
    /// What errors name.
    public var path: String
    public var text: String

    public init(name: String, path: String, text: String) {
        self.name = name
        self.path = path
        self.text = text
    }
}
