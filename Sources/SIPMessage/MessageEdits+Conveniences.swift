extension MessageEdits {
    /// Puts `text` in the place of a range.
    public mutating func replace(_ range: ByteRange, with text: UnsafeRawBufferPointer) {
        begin(at: range.start, removing: range.count)
        append(text)
        end()
    }

    public mutating func remove(_ range: ByteRange) {
        begin(at: range.start, removing: range.count)
        end()
    }

    public mutating func insert(_ text: UnsafeRawBufferPointer, at offset: Int) {
        begin(at: offset)
        append(text)
        end()
    }

    /// Removes a header with its continuation lines.
    public mutating func removeHeader(_ index: Int, of message: borrowing SIPMessage) {
        remove(message.header(index).line)
    }

    /// Inserts a header before the one at `index`, or behind the last one when that is `headerCount`.
    public mutating func insertHeader(
        _ name: StaticString, value: UnsafeRawBufferPointer, at index: Int, of message: borrowing SIPMessage
    ) {
        begin(at: index < message.headerCount ? message.header(index).line.start : message.headersEnd)
        append(name)
        append(": ")
        append(value)
        append("\r\n")
        end()
    }

    /// Removes an element of a comma-separated header with a comma, or the whole header when no element of it
    /// is left: several elements may be removed one by one, in any order.
    public mutating func removeElement(_ element: ListElement, of message: borrowing SIPMessage) {
        let field = message.header(element.headerIndex)
        guard let view = ByteView(message.bytes) else { return }
        let value = field.value
        if element.isFirst && element.isLast { return remove(field.line) }
        // Where the next element starts that stays.
        let next = view.skipSeparators(from: element.value.end, to: value.end)
        var following = next
        while following < value.end, let end = endOfRemoval(at: following) {
            following = view.skipSeparators(from: min(end, value.end), to: value.end)
        }
        if following < value.end { return remove(ByteRange(element.value.start, next)) }
        // None does: the comma behind the last one that stays goes too.
        var previous = view.skipSeparatorsBack(from: element.value.start, to: value.start)
        while previous > value.start, let start = startOfRemoval(before: previous) {
            previous = view.skipSeparatorsBack(from: max(start, value.start), to: value.start)
        }
        remove(previous > value.start ? ByteRange(previous, value.end) : field.line)
    }

    /// Notes where a request came from in its top Via, on the server's side (RFC 3261 §18.2.1, RFC 3581 §4):
    /// `received` with the source address, and the source port as the value of `rport` when the client asked
    /// for it. What the client itself wrote into `received` is replaced.
    ///
    /// `address` is the text of an address, IPv6 without brackets; empty leaves `received` as it is. `port`
    /// of -1 leaves `rport` as it is.
    public mutating func noteSource(
        address: UnsafeRawBufferPointer, port: Int, of message: borrowing SIPMessage
    ) {
        let via = message.topVia
        guard !via.value.isAbsent else { return }
        if via.rport >= 0, port >= 0 {
            begin(at: via.rportName.end, removing: via.rportParameter.end - via.rportName.end)
            append("=")
            appendDecimal(port)
            end()
        }
        guard !address.isEmpty else { return }
        if via.receivedParameter.isAbsent {
            begin(at: via.value.end)
            append(";received=")
        } else {
            begin(at: via.receivedParameter.start, removing: via.receivedParameter.count)
            append("received=")
        }
        append(address)
        end()
    }

    /// Sets another body and the Content-Length that goes with it.
    public mutating func replaceBody(with body: UnsafeRawBufferPointer, of message: borrowing SIPMessage) {
        let index = message.first(.contentLength)
        if index >= 0 {
            let value = message.header(index).value
            begin(at: value.start, removing: value.count)
            appendDecimal(body.count)
        } else {
            begin(at: message.headersEnd)
            append("Content-Length: ")
            appendDecimal(body.count)
            append("\r\n")
        }
        end()
        begin(at: message.bodyStart, removing: message.byteCount - message.bodyStart)
        append(body)
        end()
    }
}

extension ByteView {
    /// One past the last byte before `start` that is neither comma nor LWS, or `limit`.
    fileprivate func skipSeparatorsBack(from start: Int, to limit: Int) -> Int {
        var index = start
        while index > limit, self[index - 1] == UInt8(ascii: ",") || isLinearWhitespace(self[index - 1]) { index -= 1 }
        return index
    }
}
