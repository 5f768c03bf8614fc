public import SIPMessage

/// Identity of a transaction at its server side: what RFC 3261 §17.2.3 compares, as a 128-bit keyed hash.
///
/// Equality of the hash stands for equality of the fields: under a secret key nobody finds a collision,
/// and 2⁻¹²⁸ is below any hardware's error rate. CANCEL and non-2xx ACK have the key of their INVITE; the
/// owner tells methods apart by `TransactionMethod`.
@frozen
public struct TransactionKey: Hashable, Sendable {
    public var low: UInt64
    public var high: UInt64

    @inlinable
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Key of a request that arrived: from its top Via.
    public init(request: borrowing SIPMessage, hashKey: HashKey) {
        self.init(via: request.topVia, message: request, hashKey: hashKey)
    }

    /// Key of the request that a response belongs to, from the Via below ours.
    ///
    /// - Parameter via: the Via that was on top when the request reached this proxy.
    public init(via: Via, message: borrowing SIPMessage, hashKey: HashKey) {
        var hash = KeyedHash(key: hashKey)
        let hasCookie = via.hasMagicCookie(in: message.bytes)
        // §17.2.3: branch and sent-by. Hosts compare without regard to case.
        hash.absorb(via.branch.isAbsent ? UnsafeRawBufferPointer(start: nil, count: 0) : message.bytes(via.branch))
        hash.absorbLowercased(message.bytes(via.host))
        hash.absorb(UInt64(via.port))
        if !hasCookie {
            // RFC 2543 peers: what INVITE, its CANCEL, its ACK and its responses have in common. The To tag
            // is left out (the ACK to a non-2xx carries the answerer's), the Request-URI too (a response
            // has none), so that each of them leads to the same key.
            hash.absorb(message.bytes(message.callID))
            hash.absorb(
                message.fromTag.isAbsent ? UnsafeRawBufferPointer(start: nil, count: 0) : message.bytes(message.fromTag)
            )
            hash.absorb(UInt64(message.cSeqNumber))
        }
        let digest = hash.finish128()
        self.init(low: digest.low, high: digest.high)
    }
}

/// The part of a transaction's identity that its method gives (RFC 3261 §17.2.3 third rule).
@frozen
public struct TransactionMethod: Hashable, Sendable {
    public var rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let invite = TransactionMethod(rawValue: UInt32(Method.invite.rawValue))
    public static let bye = TransactionMethod(rawValue: UInt32(Method.bye.rawValue))
    public static let options = TransactionMethod(rawValue: UInt32(Method.options.rawValue))
    public static let cancel = TransactionMethod(rawValue: UInt32(Method.cancel.rawValue))

    /// An ACK belongs to its INVITE; methods outside the enumeration are told apart by their name.
    public init(of message: borrowing SIPMessage, hashKey: HashKey) {
        switch message.method {
        case .ack: self = .invite
        case .other:
            var hash = KeyedHash(key: hashKey)
            hash.absorb(message.bytes(message.methodName))
            rawValue = UInt32(truncatingIfNeeded: hash.finish()) | 0x8000_0000
        case .invite, .bye, .cancel, .options, .register, .prack, .subscribe, .notify, .publish, .info, .refer,
            .message, .update:
            rawValue = UInt32(message.method.rawValue)
        }
    }
}
