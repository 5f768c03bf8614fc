internal import ProxyCore

extension SIPBindings {
    static let permissions = BindingGroup(
        "permissions", "Groups of addresses: `permissions:` of the configuration.",
        [
            .function(
                "allowed",
                [
                    .string("group", "Its name."),
                    .string("address", "ADDRESS, ADDRESS:PORT or a sip URI; where the request came from without it.")
                        .optional,
                ],
                returns: "boolean", phases: .requests, "Whether the group holds an address.", allowed)
        ])

    private static func allowed(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let name = call.bytes(0) ?? .none
        let groups = call.sip.pointee.services.permissions
        let address = try call.addressOrSource(1, "permissions.allowed")
        if let isAllowed = groups.contains(address, in: name) { return call.returnBoolean(isAllowed) }
        let names = groups.names
        throw ScriptFailure(
            names.isEmpty
                ? "permissions.allowed: there is no group \(name.quoted); the configuration has no permissions section"
                : "permissions.allowed: there is no group \(name.quoted); there are \(names.joined(separator: ", "))")
    }
}
