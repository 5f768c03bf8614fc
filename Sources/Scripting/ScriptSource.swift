/// A script as it is read from disk, with the globals it is given.
public struct ScriptSource: Sendable {
    /// What errors name.
    public var path: String
    public var text: String
    /// Such as `config`.
    public var globals: [String: ScriptValue]

    public init(path: String, text: String, globals: [String: ScriptValue] = [:]) {
        self.path = path
        self.text = text
        self.globals = globals
    }
}
