public import SIPMessage

/// The branch parameter that this proxy puts into its Via: the same in stateless and stateful mode, after
/// a restart and on every cluster member with the same key.
///
///     z9hG4bK WW LL HHHHHHHHHHHHHHHH PPPPPPPP BB
///
/// `W` worker that owns the transaction, `L` listener the request arrived on, `H` high half of the
/// `TransactionKey`, `P` loop hash (RFC 3261 §16.6 step 8), `B` index of the branch. All hexadecimal.
/// Retransmissions, CANCEL and the ACK to a non-2xx response have the top Via of their INVITE, so they
/// leave with its branch whatever mode was chosen, and responses find their way back from it alone.
@frozen
public struct Branch: Equatable, Sendable {
    public var worker: UInt8
    public var listener: UInt8
    public var hash: UInt64
    public var loopHash: UInt32
    public var index: UInt8

    /// Length of the parameter's value in bytes.
    public static let count = 7 + 2 + 2 + 16 + 8 + 2
    /// "z9hG4bK", first byte lowest.
    private static let magicCookie: UInt64 = 0x004B_6234_4768_397A
    /// Greatest number of branches of one transaction, workers and listeners that fit the format.
    public static let branchesMax = 256

    public init(worker: UInt8, listener: UInt8, hash: UInt64, loopHash: UInt32, index: UInt8) {
        self.worker = worker
        self.listener = listener
        self.hash = hash
        self.loopHash = loopHash
        self.index = index
    }

    /// Reads a branch back from a Via; nil when it does not have our format.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == Self.count else { return nil }
        // The first seven bytes, as a little-endian word.
        let cookie = text.loadUnaligned(as: UInt64.self).littleEndian & 0x00FF_FFFF_FFFF_FFFF
        guard cookie == Self.magicCookie else { return nil }
        guard let worker = Self.number(text, 7, 2), let listener = Self.number(text, 9, 2),
            let hash = Self.number(text, 11, 16), let loopHash = Self.number(text, 27, 8),
            let index = Self.number(text, 35, 2)
        else { return nil }
        self.init(
            worker: UInt8(worker), listener: UInt8(listener), hash: hash, loopHash: UInt32(loopHash), index: UInt8(index))
    }

    /// Appends the parameter's value to the edit under way.
    public func append(to edits: inout MessageEdits) {
        edits.append("z9hG4bK")
        edits.appendHex(UInt64(worker) << 8 | UInt64(listener), digits: 4)
        edits.appendHex(hash, digits: 16)
        edits.appendHex(UInt64(loopHash) << 8 | UInt64(index), digits: 10)
    }

    /// Lower-case hexadecimal only: we wrote it, and a peer must give it back as it was.
    private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, _ digits: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<start + digits {
            let byte = text[index]
            let digit: UInt8
            if byte &- 0x30 < 10 {
                digit = byte &- 0x30
            } else if byte &- 0x61 < 6 {
                digit = byte &- 0x61 &+ 10
            } else {
                return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    /// Hash over the fields that decide where a request goes: equal at two visits means a loop, different a
    /// spiral (RFC 3261 §16.6 step 8, RFC 5393 §4.2.1).
    ///
    /// The To tag is left out: the ACK to a non-2xx response must leave with its INVITE's branch.
    public static func loopHash(of request: borrowing SIPMessage, hashKey: HashKey) -> UInt32 {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(request.bytes(request.requestURI))
        hash.absorb(request.bytes(request.callID))
        hash.absorb(request.fromTag.isAbsent ? UnsafeRawBufferPointer(start: nil, count: 0) : request.bytes(request.fromTag))
        hash.absorb(UInt64(request.cSeqNumber))
        var index = request.first(.route)
        while index >= 0 {
            hash.absorb(request.bytes(request.header(index).value))
            index = request.next(after: index)
        }
        return UInt32(truncatingIfNeeded: hash.finish())
    }
}
