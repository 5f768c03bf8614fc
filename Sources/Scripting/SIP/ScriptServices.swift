public import ProxyCore

/// What scripts use beside the message in hand: parts of the process that outlive a script.
public struct ScriptServices: Sendable {
    public var registrar: Registrar
    public var authenticator: Authenticator

    public init(registrar: Registrar = Registrar(), authenticator: Authenticator = Authenticator()) {
        self.registrar = registrar
        self.authenticator = authenticator
    }
}
