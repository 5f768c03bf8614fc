/// One element of a comma-separated header.
@frozen
public struct ListElement: Equatable, Sendable {
    /// Without white space around it.
    public var value: ByteRange
    public var headerIndex: Int
    /// Whether it is the first one of its header, and the last.
    public var isFirst: Bool
    public var isLast: Bool

    @inlinable
    public init(value: ByteRange = .absent, headerIndex: Int = -1, isFirst: Bool = true, isLast: Bool = true) {
        self.value = value
        self.headerIndex = headerIndex
        self.isFirst = isFirst
        self.isLast = isLast
    }
}

/// Walks the elements of all headers of one name. Copy it to look ahead.
///
/// Commas in quotes and angle brackets belong to their element; empty elements are passed over.
@frozen
public struct ElementCursor: Sendable {
    /// The header in work, or -1 at the end.
    @usableFromInline var headerIndex: Int
    /// Where to go on in its value; 0 before its first element.
    @usableFromInline var position = 0
    @usableFromInline var isFirst = true

    @inlinable
    init(headerIndex: Int) {
        self.headerIndex = headerIndex
    }

    /// The next element, or nil after the last. `message` is the one the cursor came from.
    public mutating func next(in message: borrowing SIPMessage) -> ListElement? {
        guard let view = ByteView(message.bytes) else { return nil }
        while headerIndex >= 0 {
            let value = message.header(headerIndex).value
            let start = view.skipSeparators(from: position == 0 ? value.start : position, to: value.end)
            if start < value.end {
                let comma = view.endOfElement(from: start, to: value.end)
                let following = view.skipSeparators(from: comma, to: value.end)
                let end = view.trimWhitespace(from: start, to: comma)
                let element = ListElement(
                    value: ByteRange(from: start, to: end), headerIndex: headerIndex, isFirst: isFirst,
                    isLast: following == value.end)
                position = following
                isFirst = false
                return element
            }
            headerIndex = message.next(after: headerIndex)
            position = 0
            isFirst = true
        }
        return nil
    }
}

extension ByteView {
    /// The first byte from `start` on that is neither comma nor LWS, or `end`.
    @inline(__always)
    func skipSeparators(from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, self[index] == UInt8(ascii: ",") || isLinearWhitespace(self[index]) { index &+= 1 }
        return index
    }
}
