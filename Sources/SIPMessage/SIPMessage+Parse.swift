extension SIPMessage {
    /// Indexes a message and reads what every proxy needs of it; allocates nothing.
    ///
    /// `bytes` are kept, not copied. Rejected here is what would make two elements read one message
    /// differently, or what RFC 3261 §16.3 needs well-formed; the rest is the application's matter.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer, as framing: Framing = .datagram) -> ParseOutcome {
        reset()
        guard let buffer = ByteView(bytes) else { return framing == .datagram ? .keepAlive(consumed: 0) : .incomplete }
        let skipped = Self.lineEndsBefore(buffer)
        if skipped == buffer.count || (framing == .stream && skipped > 0) {
            // A stream's CR may be the first half of a line end.
            guard framing == .datagram || skipped > 0 else { return .incomplete }
            return .keepAlive(consumed: skipped)
        }
        if framing == .stream, let unfinished = Self.unfinished(buffer) { return unfinished }

        // A datagram may have line ends before the start line (RFC 3261 §7.5 knows them in streams only).
        let view = ByteView(base: buffer.base + skipped, count: buffer.count &- skipped)
        self.bytes = UnsafeRawBufferPointer(start: view.base, count: view.count)
        byteCount = view.count
        // Offsets reach no further; what lies behind can be body only.
        let section = ByteView(base: view.base, count: min(view.count, Self.headerSectionBytesMax))
        headersEnd = section.count
        startLineEnd = section.count

        guard index(section) else {
            isFramed = false
            if failure == nil, view.count > section.count || headerCount == Self.headersMax { return .tooLarge }
            fail(.unterminatedHeaders, at: section.count)
            return .malformed(verdict())
        }
        checkPresence()
        let outcome = frame(framing, total: view.count)
        // A stream's broken message is passed over whole, as long as its end is known.
        if !isFramed || (failure != nil && outcome == .complete(consumed: byteCount)) { return .malformed(verdict()) }
        if framing == .datagram { return .complete(consumed: buffer.count) }
        return outcome
    }

    /// The bytes of line ends that come before anything else.
    @inline(__always)
    private static func lineEndsBefore(_ view: ByteView) -> Int {
        var index = 0
        while index &+ 2 <= view.count, view[index] == 0x0D, view[index &+ 1] == 0x0A { index &+= 2 }
        return index
    }

    /// Whether a stream's header section is still to come, or will never fit.
    private static func unfinished(_ view: ByteView) -> ParseOutcome? {
        let searched = min(view.count, headerSectionBytesMax)
        var position = 0
        while position &+ 4 <= searched {
            let found = view.index(of: 0x0D, from: position, to: searched &- 3)
            if found < 0 { break }
            if view[found &+ 1] == 0x0A, view[found &+ 2] == 0x0D, view[found &+ 3] == 0x0A { return nil }
            position = found &+ 1
        }
        return view.count > headerSectionBytesMax ? .tooLarge : .incomplete
    }

    /// Walks the lines; true when the empty line was reached.
    @inline(__always)
    private mutating func index(_ view: ByteView) -> Bool {
        var position = endOfLine(from: 0, in: view)
        guard position >= 0 else { return false }
        readStartLine(view, end: position)
        position &+= 2
        startLineEnd = position
        while position &+ 1 < view.count {
            if view[position] == 0x0D, view[position &+ 1] == 0x0A {
                headersEnd = position
                return true
            }
            guard headerCount < Self.headersMax else { return false }
            position = indexHeader(at: position, in: view)
            guard position >= 0 else { return false }
        }
        return false
    }

    /// Indexes the header field that starts at `start`: the index behind it, or -1 when its end is missing.
    ///
    ///     message-header = field-name *( SP / HTAB ) ":" LWS field-value CRLF
    @inline(__always)
    private mutating func indexHeader(at start: Int, in view: ByteView) -> Int {
        var (name, nameLength) = HeaderName.recognise(in: view, at: start)
        var position = start &+ nameLength &+ 1
        var hasColon = true
        if name == .other {
            hasColon = readName(at: start, in: view, name: &name, length: &nameLength, position: &position)
        }

        var end = endOfLine(from: hasColon ? position : start, in: view)
        guard end >= 0 else { return -1 }
        // RFC 3261 §7.3.1: a line that begins with white space continues the one before.
        while end &+ 2 < view.count, view[end &+ 2] == 0x20 || view[end &+ 2] == 0x09 {
            end = endOfLine(from: end &+ 3, in: view)
            guard end >= 0 else { return -1 }
        }
        guard hasColon else { return end &+ 2 }

        let valueStart = view.skipWhitespace(from: position, to: end)
        let value = ByteRange(from: valueStart, to: view.trimWhitespace(from: valueStart, to: end))
        let index = headerCount
        (table + index).initialize(
            to: HeaderEntry(
                field: HeaderField(
                    name: name, nameRange: ByteRange(from: start, to: start &+ nameLength), value: value,
                    line: ByteRange(from: start, to: end &+ 2))))
        headerCount = index &+ 1
        let chain = chains + Int(name.rawValue)
        let isFirst = chain.pointee.first < 0
        if isFirst {
            chain.pointee.first = Int16(truncatingIfNeeded: index)
        } else {
            table[Int(chain.pointee.last)].next = Int16(truncatingIfNeeded: index)
        }
        chain.pointee.last = Int16(truncatingIfNeeded: index)
        readValue(of: name, value, isFirst: isFirst, headerIndex: index, in: view)
        return end &+ 2
    }

    /// Reads a name that `recognise` does not: an unknown one, one with white space before its colon, one near
    /// the end of the message. Leaves `position` behind the colon; false when there is none.
    private mutating func readName(
        at start: Int, in view: ByteView, name: inout HeaderName, length: inout Int, position: inout Int
    ) -> Bool {
        let end = view.skip(.token, from: start, to: view.count)
        position = end
        while position < view.count, view[position] == 0x20 || view[position] == 0x09 { position &+= 1 }
        guard end > start, position < view.count, view[position] == UInt8(ascii: ":") else {
            fail(.headerLine, at: start)
            return false
        }
        position &+= 1
        length = end &- start
        name = HeaderName.identify(in: view, from: start, to: end)
        return true
    }

    /// The index of the next CRLF, or -1. A CR or LF on its own is noted as a malformation: elements that
    /// took it for a line end would read other headers than we do.
    @inline(__always)
    private mutating func endOfLine(from start: Int, in view: ByteView) -> Int {
        var index = view.indexOfByte(below: 0x10, from: start, to: view.count)
        while index < view.count {
            switch view[index] {
            case 0x0D:
                guard index &+ 1 < view.count else { return -1 }
                if view[index &+ 1] == 0x0A { return index }
                fail(.bareCarriageReturn, at: index)
            case 0x0A: fail(.bareLineFeed, at: index)
            default: break
            }
            index = view.indexOfByte(below: 0x10, from: index &+ 1, to: view.count)
        }
        return -1
    }

    /// RFC 3261 §18.3: where the body ends.
    @inline(__always)
    private mutating func frame(_ framing: Framing, total: Int) -> ParseOutcome {
        let available = total &- bodyStart
        if contentLength < 0 {
            switch framing {
            case .datagram: byteCount = total
            case .stream:
                byteCount = bodyStart
                fail(.missingContentLength, at: headersEnd)
            }
        } else if contentLength <= available {
            byteCount = bodyStart &+ contentLength
        } else {
            switch framing {
            case .datagram: fail(.contentLengthTooLarge, at: contentLengthOffset)
            case .stream:
                // What is to come would not be read: say so at once.
                return contentLength > bodyBytesMax ? .tooLarge : .incomplete
            }
        }
        if framing == .stream, contentLength > bodyBytesMax { return .tooLarge }
        return .complete(consumed: byteCount)
    }

    private var contentLengthOffset: Int {
        let index = first(.contentLength)
        return index < 0 ? headersEnd : header(index).value.start
    }

    @inline(__always)
    private mutating func reset() {
        bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        chains.update(repeating: HeaderChain(), count: HeaderName.caseCount)
        isRequest = false
        method = .other
        methodName = .absent
        requestURI = .absent
        requestTarget = SIPURI()
        statusCode = 0
        reasonPhrase = .absent
        startLineEnd = 0
        headersEnd = 0
        headerCount = 0
        byteCount = 0
        topVia = Via()
        topViaElement = ListElement()
        callID = .absent
        from = .absent
        to = .absent
        fromTag = .absent
        toTag = .absent
        fromAddress = NameAddress()
        toAddress = NameAddress()
        cSeqNumber = 0
        cSeqMethod = .other
        cSeqMethodName = .absent
        maxForwards = -1
        contentLength = -1
        failure = nil
        failureOffset = 0
        isFramed = true
    }

    /// Notes a malformation; the first one stands. Parsing goes on for the sake of the answer.
    @inline(never)
    mutating func fail(_ kind: ParseError.Kind, at offset: Int) {
        if kind.isOfFrame { isFramed = false }
        guard failure == nil else { return }
        failure = kind
        failureOffset = offset
    }

    /// The first malformation, with the answer it deserves.
    private func verdict() -> ParseError {
        let kind = failure ?? .startLine
        let mayAnswer = isRequest && method != .ack && first(.via) >= 0
        return ParseError(
            kind: kind, offset: UInt16(clamping: failureOffset),
            responseCode: mayAnswer ? ParseError.responseCode(for: kind) : 0)
    }
}

extension ParseError.Kind {
    /// Whether after this nobody can tell where a stream's next message begins.
    public var isOfFrame: Bool {
        switch self {
        case .startLine, .version, .bareCarriageReturn, .bareLineFeed, .headerLine, .unterminatedHeaders,
            .contentLength, .contentLengthConflict, .contentLengthTooLarge, .missingContentLength:
            true
        case .requestURI, .requestURIBrackets, .requestURIWhitespace, .requestURIHeaders, .statusCode,
            .missingVia, .missingFrom, .missingTo, .missingCallID, .missingCSeq,
            .duplicateFrom, .duplicateTo, .duplicateCallID, .duplicateCSeq, .duplicateMaxForwards,
            .via, .from, .to, .callID, .cSeq, .cSeqNumber, .cSeqMethod, .maxForwards:
            false
        }
    }
}
