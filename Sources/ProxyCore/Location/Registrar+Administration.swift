// What an operator does to bindings, from a control thread.
extension Registrar {
    public enum Addition: String, Sendable {
        case added
        /// The address has this contact already, for at least as long.
        case kept
        /// The address or the table is full.
        case refused
    }

    /// Adds a contact that did not register here, or prolongs one that did.
    public func add(_ binding: ContactBinding, to address: AddressOfRecord, now: UInt64) -> Addition {
        locations.update(address, now: now) { bindings in
            if let known = bindings.firstIndex(where: { Self.isSame($0.uri, binding.uri) }) {
                // Dumps have whole seconds: less than one is no difference.
                guard bindings[known].expiresAt + 1_000 < binding.expiresAt else { return .kept }
                bindings[known] = binding
                return .added
            }
            guard bindings.count < settings.contactsMax, locations.count < settings.bindingsMax else { return .refused }
            bindings.append(binding)
            return .added
        }
    }

    /// Takes a contact of an address out, or all of them.
    ///
    /// - Returns: how many that were.
    public func remove(_ contact: [UInt8]?, from address: AddressOfRecord, now: UInt64) -> Int {
        locations.update(address, now: now) { bindings in
            let before = bindings.count
            bindings.removeAll { binding in contact.map { Self.isSame(binding.uri, $0) } ?? true }
            return before - bindings.count
        }
    }
}
