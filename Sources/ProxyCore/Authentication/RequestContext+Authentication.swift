internal import Reactor
internal import SIPMessage

// What routing logic does to know who sends a request.
extension RequestContext {
    /// Who sent a request, as far as a password tells.
    public enum Identification: Equatable {
        /// The name in the credentials.
        case user([UInt8])
        /// An ACK or CANCEL: it can't be challenged (RFC 3261 §22.1) and belongs to an INVITE that was.
        case unchallenged
        /// The request has been answered: with 401 or 407, or 400 when its credentials were malformed.
        case answered
    }

    /// Credentials lines that one request may have.
    private static let credentialsMax = 16

    /// Finds credentials for the realm and judges them; without right ones decides on a challenge. Edits must have been
    /// applied.
    ///
    /// Credentials of the realm are taken out of the request, those of others stay (RFC 3261 §22.3).
    ///
    /// - Parameters:
    ///   - realm: text without quotes, backslashes and control characters.
    ///   - isProxy: 407 and Proxy-Authorization rather than 401 and Authorization.
    public func authenticate(with authenticator: Authenticator, realm: [UInt8], isProxy: Bool) -> Identification {
        let method = message.pointee.method
        if method == .ack || method == .cancel { return .unchallenged }
        let header: HeaderName = isProxy ? .proxyAuthorization : .authorization
        var isStale = false
        var index = message.pointee.first(header)
        var looked = 0
        while index >= 0, looked < Self.credentialsMax {
            defer { index = message.pointee.next(after: index) }
            looked += 1
            let credentials: DigestCredentials
            do throws(DigestCredentials.Problem) {
                credentials = try DigestCredentials(message.pointee.bytes(message.pointee.header(index).value))
            } catch {
                if error == .otherScheme { continue }
                return refuse()
            }
            guard credentials.realm == realm else { continue }
            let verdict = authenticator.judge(
                credentials, method: Array(message.pointee.bytes(message.pointee.methodName)), realm: realm,
                request: requestHash(), now: now)
            switch verdict {
            case .right:
                edits.pointee.removeHeader(index, of: message.pointee)
                counters.add(ProxyCounter.authenticationsAccepted.rawValue)
                authenticatedUser = credentials.username.withUnsafeBytes { arena.pointee.copy($0) } ?? authenticatedUser
                return .user(credentials.username)
            case .malformed: return refuse()
            case .stale: isStale = true
            case .wrong: counters.add(ProxyCounter.authenticationsRefused.rawValue)
            }
        }
        challenge(authenticator, realm: realm, isProxy: isProxy, isStale: isStale)
        return .answered
    }

    private func refuse() -> Identification {
        counters.add(ProxyCounter.authenticationsRefused.rawValue)
        _ = reply(code: 400, reason: StaticString("Malformed Credentials").rawBytes)
        return .answered
    }

    private func challenge(_ authenticator: Authenticator, realm: [UInt8], isProxy: Bool, isStale: Bool) {
        counters.add(ProxyCounter.authenticationsChallenged.rawValue)
        let lines = authenticator.challenge(realm: realm, isProxy: isProxy, isStale: isStale, now: now)
        if !lines.withUnsafeBytes({ reply(code: isProxy ? 407 : 401, headers: $0) }) { _ = reply(code: 500) }
    }

    /// The same for retransmissions of a request.
    private func requestHash() -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: message.pointee.bytes(message.pointee.callID))
        hasher.combine(message.pointee.cSeqNumber)
        hasher.combine(bytes: message.pointee.bytes(message.pointee.methodName))
        hasher.combine(bytes: message.pointee.bytes(message.pointee.topVia.branch))
        return hasher.finalize()
    }
}
