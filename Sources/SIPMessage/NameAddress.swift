/// A name-addr or addr-spec with its parameters: the value of From, To, Contact, Route and their like
/// (RFC 3261 §20.10).
@frozen
public struct NameAddress: Equatable, Sendable {
    /// Without its quotes, escapes kept. Absent without one.
    public var displayName = ByteRange.absent
    /// Without its angle brackets. Any scheme; not looked into.
    public var uri = ByteRange.absent
    /// From the first semicolon behind the URI on. Absent without one.
    public var parameters = ByteRange.absent
    /// The tag parameter's value. Absent without one.
    public var tag = ByteRange.absent
    /// Whether the URI stands in angle brackets, so that parameters may be added to it.
    public var hasBrackets = false

    @inlinable
    public init() {}

    /// Reads one element; nil when it is malformed. The lone `*` of a Contact is no address.
    public static func parse(_ element: ByteRange, in bytes: UnsafeRawBufferPointer) -> NameAddress? {
        guard let view = ByteView(bytes), view.holds(element) else { return nil }
        var address = NameAddress()
        return address.read(element, in: view) ? address : nil
    }

    /// The value of a parameter: nil without it, empty for a flag. Quotes are kept.
    public func parameter(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> ByteRange? {
        ParameterCursor.find(UnsafeRawBufferPointer(name), in: parameters, of: bytes)
    }

    /// The same for a name from elsewhere.
    public func parameter(_ name: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> ByteRange? {
        ParameterCursor.find(name, in: parameters, of: bytes)
    }

    /// Reads one element into a fresh value; false when it is malformed.
    @inline(__always)
    mutating func read(_ element: ByteRange, in view: ByteView) -> Bool {
        let start = view.skipWhitespace(from: element.start, to: element.end)
        let end = view.trimWhitespace(from: start, to: element.end)
        guard let uriEnd = readURI(in: view, from: start, to: end), view.hasScheme(uri) else { return false }

        let parametersStart = view.skipWhitespace(from: uriEnd, to: end)
        guard parametersStart < end else { return true }
        var cursor = ParameterCursor(from: parametersStart, to: end)
        while let parameter = cursor.next(in: view) {
            if parameter.name.count == 3, view.matches("tag", from: parameter.name.start, to: parameter.name.end) {
                // A tag without a value would be taken for none by some and for one by others; of two tags
                // some take the first, others the last.
                guard tag.isAbsent, !parameter.value.isEmpty else { return false }
                tag = parameter.value
            }
        }
        guard !cursor.isMalformed, view.skipWhitespace(from: cursor.position, to: end) == end else { return false }
        parameters = ByteRange(from: parametersStart, to: end)
        return true
    }

    /// Reads the display name and the URI; the index behind them, or nil.
    @inline(__always)
    private mutating func readURI(in view: ByteView, from start: Int, to end: Int) -> Int? {
        var index = start
        guard index < end else { return nil }
        if view[index] == UInt8(ascii: "\"") {
            let close = view.endOfQuotedString(from: index, to: end)
            guard close > 0 else { return nil }
            displayName = ByteRange(from: index &+ 1, to: close &- 1)
            index = view.skipWhitespace(from: close, to: end)
            guard index < end, view[index] == UInt8(ascii: "<") else { return nil }
        } else {
            // A display name of tokens, or an addr-spec: the first delimiter tells. Display names outside the
            // grammar (UTF-8, dots, brackets) are let through, as they cannot be taken for anything else.
            while index < end, !Self.endsPlainText(view[index]) { index &+= 1 }
            if index == end || view[index] == UInt8(ascii: ";") {
                return readBareURI(in: view, from: start, to: index)
            }
            guard view[index] == UInt8(ascii: "<") else { return nil }
            if index > start { displayName = ByteRange(from: start, to: view.trimWhitespace(from: start, to: index)) }
        }
        let open = index &+ 1
        index = view.endOfURI(from: open, to: end)
        guard index < end, view[index] == UInt8(ascii: ">") else { return nil }
        uri = ByteRange(from: open, to: index)
        hasBrackets = true
        return index &+ 1
    }

    /// RFC 3261 §20: without angle brackets a URI holds no comma, question mark or semicolon; what follows a
    /// semicolon is the header's.
    @inline(__always)
    private mutating func readBareURI(in view: ByteView, from start: Int, to limit: Int) -> Int? {
        let end = view.trimWhitespace(from: start, to: limit)
        var index = start
        while index < end {
            guard ByteSet.uri.contains(view[index]), view[index] != UInt8(ascii: "?") else { return nil }
            index &+= 1
        }
        uri = ByteRange(from: start, to: end)
        return limit
    }

    @inline(__always)
    private static func endsPlainText(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "\""): true
        default: false
        }
    }
}

extension ByteView {
    /// The index of the colon behind the scheme that a URI begins with, or -1.
    ///
    ///     scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
    @inline(__always)
    func endOfScheme(from start: Int, to end: Int) -> Int {
        guard start < end, lowercased(self[start]) &- 0x61 < 26 else { return -1 }
        let colon = skip(.scheme, from: start, to: end)
        // Something must follow the colon.
        guard colon &+ 1 < end, self[colon] == UInt8(ascii: ":") else { return -1 }
        return colon
    }

    @inline(__always)
    func hasScheme(_ uri: ByteRange) -> Bool {
        endOfScheme(from: uri.start, to: uri.end) >= 0
    }
}
