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

    /// Reads a branch back from a Via; nil when it does not have our format. Lower-case hexadecimal only: we
    /// wrote it, and a peer must give it back as it was.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == Self.count else { return nil }
        let cookie = text.loadUnaligned(as: UInt64.self).littleEndian & 0x00FF_FFFF_FFFF_FFFF
        // The last eight digits overlap the two before them.
        guard cookie == Self.magicCookie, let first = Self.number(text, 7), let second = Self.number(text, 15),
            let third = Self.number(text, 23), let last = Self.number(text, 29)
        else { return nil }
        worker = UInt8(truncatingIfNeeded: first >> 24)
        listener = UInt8(truncatingIfNeeded: first >> 16)
        hash = UInt64(first & 0xFFFF) << 48 | UInt64(second) << 16 | UInt64(third >> 16)
        loopHash = third << 16 | last >> 8 & 0xFFFF
        index = UInt8(truncatingIfNeeded: last)
    }

    /// Appends the parameter's value to the edit under way.
    public func append(to edits: inout MessageEdits) {
        withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { text in
            text.storeBytes(of: Self.magicCookie.littleEndian, as: UInt64.self)
            let owner = UInt32(worker) << 24 | UInt32(listener) << 16
            Self.write(owner | UInt32(truncatingIfNeeded: hash >> 48), to: text, 7)
            Self.write(UInt32(truncatingIfNeeded: hash >> 16), to: text, 15)
            Self.write(UInt32(truncatingIfNeeded: hash) << 16 | loopHash >> 16, to: text, 23)
            Self.write(loopHash << 16 | UInt32(index) << 8, to: text, 31)
            edits.append(UnsafeRawBufferPointer(rebasing: text[..<Self.count]))
        }
    }

    // Eight digits at a time, as the bytes of a word: every request writes thirty, every response reads them.
    // A loop over digits costs ten times as many instructions.

    private static func write(_ value: UInt32, to text: UnsafeMutableRawBufferPointer, _ offset: Int) {
        text.storeBytes(of: digits(of: value).littleEndian, toByteOffset: offset, as: UInt64.self)
    }

    /// Eight lower-case hexadecimal digits, the first in the lowest byte.
    private static func digits(of value: UInt32) -> UInt64 {
        var word = UInt64(value.byteSwapped)
        word = (word | word << 16) & 0x0000_FFFF_0000_FFFF
        word = (word | word << 8) & 0x00FF_00FF_00FF_00FF
        // One digit a byte, the high one of each pair first.
        word = word >> 4 & 0x000F_000F_000F_000F | (word & 0x000F_000F_000F_000F) << 8
        let isLetter = (word + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return word + 0x3030_3030_3030_3030 + isLetter * 0x27
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ offset: Int) -> UInt32? {
        let digits = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        let isLetter = digits >> 6 & 0x0101_0101_0101_0101
        var word = digits & 0x0F0F_0F0F_0F0F_0F0F
        word = (word &+ isLetter &* 9) & 0x0F0F_0F0F_0F0F_0F0F
        word = (word & 0x000F_000F_000F_000F) << 4 | word >> 8 & 0x000F_000F_000F_000F
        word = (word | word >> 8) & 0x0000_FFFF_0000_FFFF
        let value = UInt32(truncatingIfNeeded: word | word >> 16).byteSwapped
        // Anything but our own digits reads as something that would be written otherwise.
        return self.digits(of: value) == digits ? value : nil
    }

    /// Hash over the fields that decide where a request goes: equal at two visits means a loop, different a
    /// spiral (RFC 3261 §16.6 step 8, RFC 5393 §4.2.1).
    ///
    /// The To tag is left out: the ACK to a non-2xx response must leave with its INVITE's branch.
    public static func loopHash(of request: borrowing SIPMessage, hashKey: HashKey) -> UInt32 {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(request.bytes(request.requestURI))
        hash.absorb(request.bytes(request.callID))
        hash.absorb(
            request.fromTag.isAbsent ? UnsafeRawBufferPointer(start: nil, count: 0) : request.bytes(request.fromTag))
        hash.absorb(UInt64(request.cSeqNumber))
        var index = request.first(.route)
        while index >= 0 {
            hash.absorb(request.bytes(request.header(index).value))
            index = request.next(after: index)
        }
        return UInt32(truncatingIfNeeded: hash.finish())
    }
}
