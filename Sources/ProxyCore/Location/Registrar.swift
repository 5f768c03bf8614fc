internal import Reactor
internal import SIPMessage

/// The registrar of RFC 3261 §10.3 over bindings in memory. One a process, used by all workers.
public final class Registrar: Sendable {
    /// Seconds and counts; the configuration's section `registrar`.
    public struct Settings: Sendable, Equatable {
        /// Shorter registrations are refused with 423.
        public var minExpiresSeconds = 60
        /// For those that do not say.
        public var defaultExpiresSeconds = 3_600
        /// Longer ones are shortened.
        public var maxExpiresSeconds = 86_400
        /// Contacts that an address of record may have.
        public var contactsMax = 10
        /// Bindings of all addresses. Workers that register at the same moment may exceed it by `contactsMax` each.
        public var bindingsMax = 1_000_000

        public init() {}
    }

    public let settings: Settings
    public let locations: LocationTable

    public init(_ settings: Settings = Settings(), locations: LocationTable = LocationTable()) {
        self.settings = settings
        self.locations = locations
    }

    /// Carries out what a REGISTER asks for, wholly or not at all.
    ///
    /// - Parameter source: where requests are to go for contacts that name another host; `.none`: where their URIs lead.
    /// - Returns: the bindings that the address has now.
    func register(
        _ registration: Registration, source: SocketAddress, now: UInt64
    ) throws(RegistrationRefusal) -> [ContactBinding] {
        if registration.contacts.isEmpty, !registration.removesAll {
            return locations.bindings(of: registration.address, now: now)
        }
        for contact in registration.contacts { try checkInterval(contact.seconds) }
        let result = locations.update(registration.address, now: now) { bindings in
            Result { () throws(RegistrationRefusal) in
                let updated = try self.updated(bindings, by: registration, source: source, now: now)
                if updated.count > bindings.count,
                    locations.count + updated.count - bindings.count > settings.bindingsMax
                {
                    throw RegistrationRefusal(
                        code: 503, reason: "Location Table Full", headers: "Retry-After: 60\r\n")
                }
                bindings = updated
                return updated
            }
        }
        return try result.get()
    }

    /// §10.3 step 7: an interval below the minimum is too brief only when it is below an hour as well.
    private func checkInterval(_ seconds: Int?) throws(RegistrationRefusal) {
        guard let seconds, seconds > 0, seconds < 3_600, seconds < settings.minExpiresSeconds else { return }
        throw RegistrationRefusal(
            code: 423, reason: "Interval Too Brief", headers: "Min-Expires: \(settings.minExpiresSeconds)\r\n")
    }

    private func updated(
        _ bindings: [ContactBinding], by registration: Registration, source: SocketAddress, now: UInt64
    ) throws(RegistrationRefusal) -> [ContactBinding] {
        if registration.removesAll {
            for binding in bindings { try Self.checkOrder(binding, registration) }
            return []
        }
        var result = bindings
        for contact in registration.contacts {
            let known = result.firstIndex { Self.isSame($0.uri, contact.uri) }
            if let known { try Self.checkOrder(result[known], registration) }
            let seconds = min(contact.seconds ?? settings.defaultExpiresSeconds, settings.maxExpiresSeconds)
            if seconds == 0 {
                if let known { result.remove(at: known) }
                continue
            }
            let binding = ContactBinding(
                uri: contact.uri, q: contact.q, expiresAt: now + UInt64(seconds) * 1_000, callID: registration.callID,
                cSeq: registration.cSeq, source: Self.names(contact.uri, source) ? .none : source)
            if let known { result[known] = binding } else { result.append(binding) }
        }
        // An update that leaves no more than there were is no growth, whatever the limit was before.
        guard result.count <= max(settings.contactsMax, bindings.count) else { throw .tooManyContacts }
        return result
    }

    /// §10.3 steps 6 and 7: what is older than the binding changes nothing. The same number is the same request once
    /// more, for its answer was lost: the registrar answers without a transaction that would absorb it.
    private static func checkOrder(
        _ binding: ContactBinding, _ registration: Registration
    ) throws(RegistrationRefusal) {
        guard binding.callID == registration.callID, registration.cSeq < binding.cSeq else { return }
        throw RegistrationRefusal(code: 500, reason: "CSeq Out of Order")
    }

    /// Whether a contact names the very host that a REGISTER came from: then it is where it says.
    private static func names(_ uri: [UInt8], _ source: SocketAddress) -> Bool {
        // Nobody listens there (RFC 7118 §5).
        if source.transport.isWebSocket { return false }
        return uri.withUnsafeBytes { bytes in
            guard let uri = SIPURI.parse(ByteRange(0, bytes.count), in: bytes) else { return false }
            let host = UnsafeRawBufferPointer(rebasing: bytes[uri.host.start..<uri.host.end])
            return SocketAddress(ip: host, port: 5_060)?.sameIP(as: source) ?? false
        }
    }

    static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { SIPURI.equivalent(left, $0) } }
    }
}
