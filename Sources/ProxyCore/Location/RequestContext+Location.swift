internal import Glibc
internal import Reactor
internal import SIPMessage

// What routing logic does with the location service.
extension RequestContext {
    /// Takes the current request for a REGISTER, carries it out and decides on its answer (RFC 3261 §10.3). Edits must
    /// have been applied.
    ///
    /// - Parameter keepsSource: requests for contacts that name another host than the REGISTER came from go to where it came
    ///   from, as user agents behind address translation need it. Not for one that came through another proxy, whose
    ///   address says nothing.
    /// - Returns: whether it was accepted.
    public func register(with registrar: Registrar, keepsSource: Bool) -> Bool {
        do throws(RegistrationRefusal) {
            let registration = try Registration(message.pointee, contactsMax: registrar.settings.contactsMax)
            try checkDomain()
            // RFC 7118 §5.2: nothing but its connection leads to a WebSocket client.
            let isDirect = (keepsSource || source.transport.isWebSocket) && viaCount == 1
            let bindings = try registrar.register(registration, source: isDirect ? source : .none, now: now)
            guard answer(bindings) else {
                throw RegistrationRefusal(code: 513, reason: "Message Too Large")
            }
            counters.add(ProxyCounter.registrationsAccepted.rawValue)
            return true
        } catch {
            counters.add(ProxyCounter.registrationsRefused.rawValue)
            reply(error)
            return false
        }
    }

    /// Where an address of record can be reached, most preferred first; of the same preference the latest first.
    ///
    /// - Parameter uri: its URI, for example the Request-URI of a call.
    public func contacts(of uri: UnsafeRawBufferPointer, in registrar: Registrar) -> [ContactBinding] {
        guard let address = AddressOfRecord(uri: uri) else { return [] }
        let bindings = registrar.locations.bindings(of: address, now: now)
        // The sort is stable, and refreshed bindings keep their place: the order is that of the expiry.
        return bindings.sorted { ($0.preference, $0.expiresAt) > ($1.preference, $1.expiresAt) }
    }

    /// §10.3 step 5: addresses of other domains are not found here.
    private func checkDomain() throws(RegistrationRefusal) {
        let uri = SIPURI.parse(message.pointee.toAddress.uri, in: message.pointee.bytes) ?? SIPURI()
        guard namesThisProxy(host: message.pointee.bytes(uri.host), port: uri.port) else {
            throw RegistrationRefusal(code: 404, reason: "Not a Domain of This Registrar")
        }
    }

    private var viaCount: Int {
        var cursor = message.pointee.elements(of: .via)
        var count = 0
        while cursor.next(in: message.pointee) != nil { count += 1 }
        return count
    }

    /// 200 with every binding there is (§10.3 step 8).
    private func answer(_ bindings: [ContactBinding]) -> Bool {
        var lines: [UInt8] = []
        for binding in bindings {
            lines += "Contact: <".utf8
            lines += binding.uri
            lines += ">;expires=\(binding.secondsLeft(at: now))".utf8
            if let q = binding.q { lines += ";q=\(Self.decimal(thousandths: q))".utf8 }
            lines += "\r\n".utf8
        }
        lines += "Date: \(Self.date())\r\n".utf8
        return lines.withUnsafeBytes { reply(code: 200, headers: $0) }
    }

    private func reply(_ refusal: RegistrationRefusal) {
        let (reason, headers) = (Array(refusal.reason.utf8), Array(refusal.headers.utf8))
        let isReady = reason.withUnsafeBytes { reason in
            headers.withUnsafeBytes { reply(code: refusal.code, reason: reason, headers: $0) }
        }
        if !isReady { _ = reply(code: 500) }
    }

    private static func decimal(thousandths: Int) -> String {
        let digits = String(1_000 + thousandths % 1_000).dropFirst()
        return thousandths >= 1_000 ? "1.0" : "0.\(digits)"
    }

    /// Now, in the form of RFC 3261 §20.17.
    private static func date() -> String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1_900) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
