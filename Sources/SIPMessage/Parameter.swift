/// One parameter: `name`, `name=value`, or `name="quoted value"`.
@frozen
public struct Parameter: Equatable, Sendable {
    public var name: ByteRange
    /// As written, quotes included. Empty for a flag and after a lone equals sign; see `hasValue`.
    public var value: ByteRange
    public var hasValue: Bool

    /// Name, equals sign and value.
    @inlinable
    public var whole: ByteRange {
        ByteRange(offset: name.offset, length: UInt16(truncatingIfNeeded: max(name.end, value.end) - name.start))
    }
}

/// Walks parameters from their first semicolon on, in headers and in URIs alike.
@frozen
public struct ParameterCursor: Sendable {
    @usableFromInline var position: Int
    @usableFromInline let end: Int
    /// Set when something stood there that is no parameter: an empty name, a quote that never closes.
    /// The cursor is at its end then.
    public internal(set) var isMalformed = false

    /// `parameters` begins with a semicolon, as the `parameters` of an address or URI do, or is empty.
    public init(_ parameters: ByteRange) {
        position = parameters.start
        end = parameters.end
    }

    init(from start: Int, to end: Int) {
        position = start
        self.end = end
    }

    /// The next parameter, or nil after the last. `bytes` are those that the range belongs to.
    public mutating func next(in bytes: UnsafeRawBufferPointer) -> Parameter? {
        guard end <= Int(UInt16.max), end <= bytes.count, let view = ByteView(bytes) else { return nil }
        return next(in: view)
    }

    /// Leaves `position` at the next semicolon, or at what follows the last parameter: the end, or a byte
    /// that no parameter can hold, for the caller to judge.
    @inline(__always)
    mutating func next(in view: ByteView) -> Parameter? {
        var index = view.skipWhitespace(from: position, to: end)
        guard index < end, view[index] == UInt8(ascii: ";") else { return nil }
        let nameStart = view.skipWhitespace(from: index &+ 1, to: end)
        index = nameStart
        // Looser than token: URI parameter names may hold escapes, brackets and slashes.
        while index < end, view[index] != UInt8(ascii: "="), ByteSet.parameter.contains(view[index]) { index &+= 1 }
        guard index > nameStart else {
            isMalformed = true
            position = end
            return nil
        }
        let name = ByteRange(from: nameStart, to: index)
        position = index
        let equals = view.skipWhitespace(from: index, to: end)
        guard equals < end, view[equals] == UInt8(ascii: "=") else {
            return Parameter(name: name, value: ByteRange(from: index, to: index), hasValue: false)
        }
        let valueStart = view.skipWhitespace(from: equals &+ 1, to: end)
        index = valueStart
        if index < end, view[index] == UInt8(ascii: "\"") {
            index = view.endOfQuotedString(from: index, to: end)
            guard index >= 0 else {
                isMalformed = true
                position = end
                return nil
            }
        } else {
            while index < end, ByteSet.parameter.contains(view[index]) { index &+= 1 }
        }
        position = index
        return Parameter(name: name, value: ByteRange(from: valueStart, to: index), hasValue: true)
    }

    /// The value of the first parameter of that name among `parameters`: nil without one, empty for a flag.
    static func find(
        _ name: UnsafeRawBufferPointer, in parameters: ByteRange, of bytes: UnsafeRawBufferPointer
    ) -> ByteRange? {
        guard !parameters.isEmpty else { return nil }
        var cursor = ParameterCursor(parameters)
        while let parameter = cursor.next(in: bytes) {
            if equalIgnoringCase(bytes.part(parameter.name), name) { return parameter.value }
        }
        return nil
    }
}
