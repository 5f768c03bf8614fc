public import SIPMessage

/// What our Via says beside its branch, in a parameter of our own that responses bring back (RFC 3261 §8.2.6.2):
///
///     ;sv=WWLLRRRRRRRR
///
/// `W` worker that may hold the transaction, `L` listener the request arrived on, `R` keyed hash of the address that
/// responses to the request go to. A response without state is sent only where `R` says: whoever answers can't
/// make the proxy send anywhere else by changing the Via below ours.
@frozen
public struct ViaOrigin: Equatable, Sendable {
    public var worker: UInt8
    public var listener: UInt8
    public var returnHash: UInt32

    /// The parameter with its semicolon, in bytes.
    public static let count = 4 + 12

    public init(worker: UInt8, listener: UInt8, returnHash: UInt32) {
        self.worker = worker
        self.listener = listener
        self.returnHash = returnHash
    }

    /// Reads the parameter from our Via; nil when it is not there as we wrote it.
    public init?(_ via: Via, in bytes: UnsafeRawBufferPointer) {
        // Right behind the branch unless somebody sorted the parameters.
        if let found = Self(bytes, at: via.branch.end, before: via.value.end) {
            self = found
            return
        }
        guard via.value.end <= bytes.count, via.value.start < via.value.end else { return nil }
        var start = via.value.start
        while start < via.value.end {
            if bytes[start] == UInt8(ascii: ";"), let found = Self(bytes, at: start, before: via.value.end) {
                self = found
                return
            }
            start += 1
        }
        return nil
    }

    private init?(_ bytes: UnsafeRawBufferPointer, at start: Int, before end: Int) {
        guard start >= 0, end <= bytes.count, start + Self.count <= end,
            bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self).littleEndian == Self.name,
            let first = HexadecimalWord.read(bytes, start + 4), let last = HexadecimalWord.read(bytes, start + 8)
        else { return nil }
        worker = UInt8(truncatingIfNeeded: first >> 24)
        listener = UInt8(truncatingIfNeeded: first >> 16)
        returnHash = last
    }

    /// ";sv=", first byte lowest.
    private static let name: UInt32 = 0x3D76_733B

    /// Appends the parameter to the edit under way.
    public func append(to edits: inout MessageEdits) {
        withText { edits.append($0) }
    }

    /// Calls `body` with the parameter and its semicolon.
    @inline(__always)
    public func withText(_ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { text in
            text.storeBytes(of: Self.name.littleEndian, as: UInt32.self)
            let owner = UInt32(worker) << 24 | UInt32(listener) << 16
            HexadecimalWord.write(owner, to: text, 4)
            HexadecimalWord.write(returnHash, to: text, 8)
            body(UnsafeRawBufferPointer(rebasing: text[..<Self.count]))
        }
    }

    /// - Parameters: the address's bits and port that responses go to.
    public static func returnHash(high: UInt64, low: UInt64, port: UInt16, hashKey: HashKey) -> UInt32 {
        var hash = KeyedHash(key: hashKey)
        hash.absorb(high)
        hash.absorb(low)
        hash.absorb(UInt64(port))
        return UInt32(truncatingIfNeeded: hash.finish())
    }
}
