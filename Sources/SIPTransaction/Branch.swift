public import SIPMessage

/// The branch parameter that this proxy puts into its Via: the same in stateless and stateful mode, on every
/// worker, after a restart and on every cluster member with the same key.
///
///     z9hG4bK HHHHHHHHHHHHHHHH PPPPPPPP BB
///
/// `H` high half of the `TransactionKey`, `P` loop hash (RFC 3261 §16.6 step 8), `B` index of the branch. All
/// hexadecimal. Retransmissions, CANCEL and the ACK to a non-2xx response have the top Via of their INVITE, so they
/// leave with its branch whatever mode was chosen and whoever forwards them. What differs between workers stands
/// beside it, in `ViaOrigin`.
@frozen
public struct Branch: Equatable, Sendable {
    public var hash: UInt64
    public var loopHash: UInt32
    public var index: UInt8

    /// Length of the parameter's value in bytes.
    public static let count = 7 + 16 + 8 + 2
    /// "z9hG4bK", first byte lowest.
    private static let magicCookie: UInt64 = 0x004B_6234_4768_397A
    /// Greatest number of branches of one transaction, workers and listeners that fit the format.
    public static let branchesMax = 256

    public init(hash: UInt64, loopHash: UInt32, index: UInt8) {
        self.hash = hash
        self.loopHash = loopHash
        self.index = index
    }

    /// Reads a branch back from a Via; nil when it does not have our format. Lower-case hexadecimal only: we
    /// wrote it, and a peer must give it back as it was.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count == Self.count else { return nil }
        let cookie = text.loadUnaligned(as: UInt64.self).littleEndian & 0x00FF_FFFF_FFFF_FFFF
        // The last eight digits overlap the six before them.
        guard cookie == Self.magicCookie, let first = HexadecimalWord.read(text, 7),
            let second = HexadecimalWord.read(text, 15), let third = HexadecimalWord.read(text, 23),
            let last = HexadecimalWord.read(text, 25)
        else { return nil }
        hash = UInt64(first) << 32 | UInt64(second)
        loopHash = third
        index = UInt8(truncatingIfNeeded: last)
    }

    /// Appends the parameter's value to the edit under way.
    public func append(to edits: inout MessageEdits) {
        withText { edits.append($0) }
    }

    /// Calls `body` with the parameter's value.
    @inline(__always)
    public func withText(_ body: (UnsafeRawBufferPointer) -> Void) {
        // The last word is written whole, more than is read.
        withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { text in
            text.storeBytes(of: Self.magicCookie.littleEndian, as: UInt64.self)
            HexadecimalWord.write(UInt32(truncatingIfNeeded: hash >> 32), to: text, 7)
            HexadecimalWord.write(UInt32(truncatingIfNeeded: hash), to: text, 15)
            HexadecimalWord.write(loopHash, to: text, 23)
            HexadecimalWord.write(UInt32(index) << 24, to: text, 31)
            body(UnsafeRawBufferPointer(rebasing: text[..<Self.count]))
        }
    }

    /// Hash over what decides where a request goes: equal at two visits means a loop, different a spiral (RFC 3261
    /// §16.6 step 8, RFC 5393 §4.2.1).
    ///
    /// - Parameter arrival: stands for where the request came from and by which listener; scripts route by that too.
    /// The To tag is left out: the ACK to a non-2xx response must leave with its INVITE's branch.
    public static func loopHash(of request: borrowing SIPMessage, arrival: UInt64, hashKey: HashKey) -> UInt32 {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(arrival)
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
