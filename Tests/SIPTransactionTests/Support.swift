import SIPMessage
import SIPTransaction

/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A new seed, printed.
    static func printed(_ test: String) -> SeededGenerator {
        let seed = UInt64.random(in: .min ... .max)
        print("\(test): seed \(seed)")
        return SeededGenerator(seed: seed)
    }
}

/// The timers of RFC 3261 Table 4.
let timers = TransactionTimers()

/// Parses a message and hands it to `body`.
func withMessage<Result>(_ text: String, _ body: (borrowing SIPMessage) -> Result) -> Result {
    var bytes = text.replacing("\n", with: "\r\n")
    return bytes.withUTF8 { bytes in
        var message = SIPMessage()
        let outcome = message.parse(UnsafeRawBufferPointer(bytes), as: .datagram)
        precondition(outcome == .complete(consumed: bytes.count), "the test's message is broken: \(text)")
        return body(message)
    }
}

/// A request with a Via and what else a key is made of.
func request(
    _ method: String = "INVITE", via: String = "SIP/2.0/UDP pc.example.com:5060;branch=z9hG4bKabc",
    uri: String = "sip:bob@example.com", from: String = "<sip:alice@example.com>;tag=a",
    to: String = "<sip:bob@example.com>", callID: String = "call@example.com", cSeq: Int = 1, headers: String = ""
) -> String {
    """
    \(method) \(uri) SIP/2.0
    Via: \(via)
    From: \(from)
    To: \(to)
    Call-ID: \(callID)
    CSeq: \(cSeq) \(method)
    \(headers)Content-Length: 0


    """
}
