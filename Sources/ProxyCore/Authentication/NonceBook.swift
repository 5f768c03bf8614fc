internal import CCrypto
internal import Reactor

/// Makes the nonces of challenges and sees that none is used twice for different requests. One a process.
///
/// A nonce carries its time and proves by itself that it was made here for its realm, so a challenge costs no memory. What
/// is remembered are the counts of nonces that were used with a right password: RFC 7616 §5.5 against replays.
public final class NonceBook: Sendable {
    enum Verdict: Equatable {
        case fresh
        /// Made here, but too long ago, or its count was used for another request: the client is to take a new one.
        case stale
        case forged
    }

    private struct Use {
        var count: UInt64
        var request: Int
    }

    private struct State {
        var serial: UInt64
        /// The latest uses by nonce; of those in `former` some are forgotten when `current` is full.
        var current: [[UInt8]: [Use]] = [:]
        var former: [[UInt8]: [Use]] = [:]
    }

    /// Uses remembered of each nonce: requests that may overtake each other.
    private static let usesMax = 32
    private static let timeDigits = 16, serialDigits = 16, codeDigits = 32

    /// Nonces remembered at most.
    let noncesMax: Int
    private let key: [UInt8]
    private let state: Monitor<State>

    public init(noncesMax: Int = 100_000) {
        self.noncesMax = noncesMax
        var random = SystemRandomNumberGenerator()
        key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        state = Monitor(State(serial: random.next()))
    }

    /// A new nonce for a realm: 64 hexadecimal digits.
    func make(realm: [UInt8], now: UInt64) -> [UInt8] {
        let serial = state.withLock { state in
            state.serial &+= 1
            return state.serial
        }
        let stem = Hexadecimal.text(now) + Hexadecimal.text(serial)
        return stem + code(stem, realm)
    }

    /// What a nonce is worth that a client used for a request with the right password.
    ///
    /// - Parameters:
    ///   - count: its `nc`.
    ///   - request: tells requests from each other and is the same for retransmissions.
    func use(
        _ nonce: [UInt8], count: UInt64, request: Int, realm: [UInt8], now: UInt64, lifetimeMilliseconds: UInt64
    ) -> Verdict {
        let verdict = judge(nonce, realm: realm, now: now, lifetimeMilliseconds: lifetimeMilliseconds)
        guard verdict == .fresh else { return verdict }
        return state.withLock { state in
            var uses = state.current[nonce] ?? state.former[nonce] ?? []
            if let use = uses.first(where: { $0.count == count }) { return use.request == request ? .fresh : .stale }
            // What is older than all that is remembered may have been used.
            if uses.count >= Self.usesMax {
                let oldest = uses.indices.min { uses[$0].count < uses[$1].count }!
                guard count > uses[oldest].count else { return .stale }
                uses.remove(at: oldest)
            }
            uses.append(Use(count: count, request: request))
            if state.current[nonce] == nil, state.current.count >= max(noncesMax / 2, 1) {
                state.former = state.current
                state.current = [:]
            }
            state.current[nonce] = uses
            return .fresh
        }
    }

    /// Whether a nonce was made here for this realm, and not too long ago.
    func judge(_ nonce: [UInt8], realm: [UInt8], now: UInt64, lifetimeMilliseconds: UInt64) -> Verdict {
        let stemCount = Self.timeDigits + Self.serialDigits
        guard nonce.count == stemCount + Self.codeDigits else { return .forged }
        let stem = Array(nonce[..<stemCount])
        guard isSameSecret(code(stem, realm), Array(nonce[stemCount...])),
            let time = Hexadecimal.value(stem[..<Self.timeDigits])
        else { return .forged }
        // Another worker's clock may be a little ahead of this one's.
        return now < time || now - time <= lifetimeMilliseconds ? .fresh : .stale
    }

    private func code(_ stem: [UInt8], _ realm: [UInt8]) -> [UInt8] {
        let text = stem + realm
        var code = [UInt8](repeating: 0, count: Int(CCRYPTO_DIGEST_BYTES_MAX))
        precondition(
            ccrypto_hmac_sha256(key, key.count, text, text.count, &code) == 1, "libcrypto without HMAC-SHA-256")
        return Hexadecimal.text(code[..<(Self.codeDigits / 2)])
    }
}
