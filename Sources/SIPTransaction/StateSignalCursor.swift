public import SIPMessage

internal import func Glibc.memchr

/// Walks the parameters of a Via whose names are ours: `svk` and all that begin with `svk-`.
///
/// What is read and what is removed is found by this one walk, so that nothing is believed that isn't removed elsewhere.
@frozen
public struct StateSignalCursor: Sendable {
    @usableFromInline var parameters: ParameterCursor

    /// - Parameter via: the whole element.
    public init(_ via: ByteRange, in bytes: UnsafeRawBufferPointer) {
        // No semicolon can stand before the first parameter's.
        var start = via.start
        while start < via.end, bytes[start] != UInt8(ascii: ";") { start += 1 }
        parameters = ParameterCursor(ByteRange(start, via.end))
    }

    public mutating func next(in bytes: UnsafeRawBufferPointer) -> Parameter? {
        while let parameter = parameters.next(in: bytes) {
            if Self.isOurs(bytes, at: parameter.name.start, before: parameter.name.end) { return parameter }
        }
        return nil
    }

    /// The parameter with its semicolon and the white space between: what to cut out.
    public static func extent(_ parameter: Parameter, in bytes: UnsafeRawBufferPointer) -> ByteRange {
        var start = parameter.name.start
        while start > 0, bytes[start] != UInt8(ascii: ";") { start -= 1 }
        return ByteRange(start, parameter.whole.end)
    }

    private static func isOurs(_ bytes: UnsafeRawBufferPointer, at start: Int, before end: Int) -> Bool {
        let count = end - start
        guard count >= 3, bytes[start] | 0x20 == UInt8(ascii: "s"), bytes[start + 1] | 0x20 == UInt8(ascii: "v"),
            bytes[start + 2] | 0x20 == UInt8(ascii: "k")
        else { return false }
        return count == 3 || bytes[start + 3] == UInt8(ascii: "-")
    }

    /// Kinds of parameters that `mayStand` looks for.
    @frozen
    public enum Kind: Sendable {
        case any
        /// `svk-…`, what responses carry.
        case feedback
    }

    /// A quick look at every message: false means that no parameter of the kind is in the Via. True may be mistaken, as
    /// quotes aren't understood here.
    public static func mayStand(_ kind: Kind, in via: ByteRange, of bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress, via.end <= bytes.count else { return false }
        var position = via.start
        while position < via.end, let found = memchr(base + position, 0x3B, via.end - position) {
            position = UnsafeRawPointer(found) - base + 1
            var name = position
            while name < via.end, bytes[name] <= 0x20 { name += 1 }
            guard name + 3 <= via.end, name + 4 <= bytes.count else { continue }
            let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: name, as: UInt32.self))
            // "svk", first byte lowest, letters folded to lower case.
            guard word & 0x00FF_FFFF | 0x0020_2020 == 0x006B_7673 else { continue }
            switch kind {
            case .any: return true
            case .feedback: if word >> 24 == 0x2D { return true }
            }
        }
        return false
    }
}
