public import SIPMessage

/// Names a tracked dialog, in a parameter of the Record-Route that its requests bring back (RFC 3261 §16.6 step 4):
///
///     ;did=DDDDDDDDDDDDDDDD
///
/// A keyed hash of the INVITE's Call-ID, From tag and transaction: equal for retransmissions, different for two ways that
/// one call takes through this proxy.
@frozen
public struct DialogID: Hashable, Sendable {
    public var rawValue: UInt64

    /// Says that another proxy of the chain tracks the dialog, if any does: requests of it need not be held here.
    public static let elsewhere = DialogID(rawValue: 0)

    /// The parameter with its semicolon, in bytes.
    public static let count = 5 + 16

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// - Parameter transaction: of the key of the INVITE's server transaction.
    public init(invite: borrowing SIPMessage, transaction: UInt64, hashKey: HashKey) {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(invite.bytes(invite.callID))
        hash.absorb(
            invite.fromTag.isAbsent ? UnsafeRawBufferPointer(start: nil, count: 0) : invite.bytes(invite.fromTag))
        hash.absorb(transaction)
        self.init(rawValue: hash.finish())
    }

    /// Reads the parameter's value; nil when it is not as we write it.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == 16, let high = HexadecimalWord.read(text, 0), let low = HexadecimalWord.read(text, 8) else {
            return nil
        }
        self.init(rawValue: UInt64(high) << 32 | UInt64(low))
    }

    /// Appends the parameter to the edit under way.
    public func append(to edits: inout MessageEdits) {
        edits.append(";did=")
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { text in
            HexadecimalWord.write(UInt32(truncatingIfNeeded: rawValue >> 32), to: text, 0)
            HexadecimalWord.write(UInt32(truncatingIfNeeded: rawValue), to: text, 8)
            edits.append(UnsafeRawBufferPointer(text))
        }
    }
}
