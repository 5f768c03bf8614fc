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

    /// Removes an element of a comma-separated header with a comma, or the whole header when it is alone.
    ///
    /// Elements of one header may all be removed one by one in order, the last one then leaving a header
    /// without a value; remove the header when none shall stay.
    public mutating func removeElement(_ element: ListElement, of message: borrowing SIPMessage) {
        let field = message.header(element.headerIndex)
        guard let view = ByteView(message.bytes) else { return }
        if element.isFirst && element.isLast {
            remove(field.line)
        } else if element.isLast {
            // Its comma is before it.
            var start = element.value.start
            while start > field.value.start, view[start &- 1] != UInt8(ascii: ",") { start &-= 1 }
            start = max(field.value.start, start &- 1)
            remove(ByteRange(start, field.value.end))
        } else {
            let end = view.skipSeparators(from: element.value.end, to: field.value.end)
            remove(ByteRange(element.value.start, end))
        }
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
        if via.received.isAbsent {
            begin(at: via.value.end)
            append(";received=")
        } else {
            begin(at: via.received.start, removing: via.received.count)
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
