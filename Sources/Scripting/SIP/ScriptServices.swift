public import ProxyCore

/// What scripts use beside the message in hand: parts of the process that outlive a script.
public struct ScriptServices: Sendable {
    public var registrar: Registrar
    public var authenticator: Authenticator
    /// The worker's own.
    public var dispatcher: Dispatcher
    public var permissions: AddressGroups

    public init(
        registrar: Registrar = Registrar(), authenticator: Authenticator = Authenticator(),
        dispatcher: Dispatcher = .empty(), permissions: AddressGroups = AddressGroups()
    ) {
        self.registrar = registrar
        self.authenticator = authenticator
        self.dispatcher = dispatcher
        self.permissions = permissions
    }
}
