internal import SIPMessage

/// Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760) of one generation of the routing logic: its subscribers,
/// and the nonces that all generations share. From any worker.
public final class Authenticator: Sendable {
    public struct Settings: Sendable, Equatable {
        /// How long a nonce may be used, in milliseconds.
        public var nonceLifetimeMilliseconds: UInt64 = 300_000
        /// What challenges offer, most wanted first.
        public var algorithms: [DigestAlgorithm] = [.md5]

        public init() {}
    }

    public let settings: Settings
    public let subscribers: SubscriberTable
    let nonces: NonceBook

    public init(
        _ settings: Settings = Settings(), subscribers: SubscriberTable = SubscriberTable(),
        nonces: NonceBook = NonceBook()
    ) {
        self.settings = settings
        self.subscribers = subscribers
        self.nonces = nonces
    }

    enum Verdict: Equatable {
        case right
        case wrong
        case stale
        case malformed
    }

    /// Judges credentials for this realm.
    ///
    /// - Parameter request: the same for retransmissions of a request, and another for every other request.
    func judge(
        _ credentials: DigestCredentials, method: [UInt8], realm: [UInt8], request: Int, now: UInt64
    ) -> Verdict {
        // RFC 8760 §2.6 leaves RFC 2069's form without qop behind: it has nothing against replays.
        guard credentials.qop == Array("auth".utf8), let count = Hexadecimal.value(credentials.nonceCount[...]) else {
            return .malformed
        }
        guard let algorithm = settings.algorithms.first(where: { Array($0.rawValue.utf8) == credentials.algorithm })
        else {
            return .wrong
        }
        let lifetime = settings.nonceLifetimeMilliseconds
        let verdict = nonces.judge(credentials.nonce, realm: realm, now: now, lifetimeMilliseconds: lifetime)
        guard verdict != .forged else { return .wrong }
        guard let userHash = subscribers.userHash(of: credentials.username, realm: realm, algorithm) else {
            return .wrong
        }
        let input = DigestInput(
            userHash: userHash, method: method, uri: credentials.uri, nonce: credentials.nonce,
            nonceCount: credentials.nonceCount, clientNonce: credentials.clientNonce)
        guard let expected = input.response(algorithm), isSameSecret(expected, credentials.response) else {
            return .wrong
        }
        // Only who knows the password is told that it is the nonce alone (RFC 7616 §3.3), and takes room in the book.
        let use = nonces.use(
            credentials.nonce, count: count, request: request, realm: realm, now: now, lifetimeMilliseconds: lifetime)
        return use == .fresh ? .right : .stale
    }

    /// Header lines that ask for credentials, one an algorithm.
    func challenge(realm: [UInt8], isProxy: Bool, isStale: Bool, now: UInt64) -> [UInt8] {
        var lines: [UInt8] = []
        for algorithm in settings.algorithms {
            lines += (isProxy ? "Proxy-Authenticate" : "WWW-Authenticate").utf8
            lines += ": Digest realm=\"".utf8
            lines += realm
            lines += "\", nonce=\"".utf8
            lines += nonces.make(realm: realm, now: now)
            lines += "\", algorithm=\(algorithm.rawValue), qop=\"auth\"".utf8
            if isStale { lines += ", stale=true".utf8 }
            lines += "\r\n".utf8
        }
        return lines
    }
}
