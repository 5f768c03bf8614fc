extension SIPMessage {
    /// The header at a position, in the order of the message. Trap: not below `headerCount`.
    @inlinable
    public func header(_ index: Int) -> HeaderField {
        precondition(index >= 0 && index < headerCount, "no such header")
        return table[index].field
    }

    /// The first header of a known name: its index, or -1. Of `.other` it is the first unknown one.
    @inlinable
    public func first(_ name: HeaderName) -> Int {
        Int(chains[Int(name.rawValue)].first)
    }

    /// The next header of the same known name: its index, or -1.
    @inlinable
    public func next(after index: Int) -> Int {
        precondition(index >= 0 && index < headerCount, "no such header")
        return Int(table[index].next)
    }

    /// The first header of any name, in any case and in compact form too: its index, or -1.
    public func first(named name: UnsafeRawBufferPointer) -> Int {
        let known = HeaderName.identify(name)
        let index = first(known)
        return known == .other ? matching(name, from: index) : index
    }

    /// The next header of that name after one found by `first(named:)`: its index, or -1.
    public func next(after index: Int, named name: UnsafeRawBufferPointer) -> Int {
        let following = next(after: index)
        return header(index).name == .other ? matching(name, from: following) : following
    }

    /// Walks the chain of unknown headers.
    private func matching(_ name: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index >= 0, !equalIgnoringCase(bytes(header(index).nameRange), name) { index = next(after: index) }
        return index
    }

    /// The value of the first header of a known name; absent without one.
    @inlinable
    public func value(_ name: HeaderName) -> ByteRange {
        let index = first(name)
        return index < 0 ? .absent : table[index].field.value
    }

    /// The comma-separated elements of all headers of a name, in order (RFC 3261 §7.3.1). The headers that
    /// hold challenges and credentials use commas otherwise: do not ask for theirs.
    @inlinable
    public func elements(of name: HeaderName) -> ElementCursor {
        ElementCursor(headerIndex: first(name))
    }
}
