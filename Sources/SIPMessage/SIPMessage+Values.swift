extension SIPMessage {
    /// Reads the value of a header that is read eagerly.
    @inline(__always)
    mutating func readValue(
        of name: HeaderName, _ value: ByteRange, isFirst: Bool, headerIndex: Int, in view: ByteView
    ) {
        switch name {
        case .via: if isFirst { readTopVia(value, headerIndex: headerIndex, in: view) }
        case .from: readFrom(value, isFirst: isFirst, in: view)
        case .to: readTo(value, isFirst: isFirst, in: view)
        case .callID: readCallID(value, isFirst: isFirst, in: view)
        case .cSeq: readCSeq(value, isFirst: isFirst, in: view)
        case .maxForwards: readMaxForwards(value, isFirst: isFirst, in: view)
        case .contentLength: readContentLength(value, isFirst: isFirst, in: view)
        default: break
        }
    }

    private mutating func readFrom(_ value: ByteRange, isFirst: Bool, in view: ByteView) {
        guard isFirst else { return fail(.duplicateFrom, at: value.start) }
        from = value
        guard fromAddress.read(value, in: view) else {
            fromAddress = NameAddress()
            return fail(.from, at: value.start)
        }
        fromTag = fromAddress.tag
    }

    private mutating func readTo(_ value: ByteRange, isFirst: Bool, in view: ByteView) {
        guard isFirst else { return fail(.duplicateTo, at: value.start) }
        to = value
        guard toAddress.read(value, in: view) else {
            toAddress = NameAddress()
            return fail(.to, at: value.start)
        }
        toTag = toAddress.tag
    }

    /// RFC 3261 §20.22: 0 to 255. Leading zeros do not make it larger.
    private mutating func readMaxForwards(_ value: ByteRange, isFirst: Bool, in view: ByteView) {
        guard isFirst else { return fail(.duplicateMaxForwards, at: value.start) }
        maxForwards = view.decimal(from: value.start, to: value.end, limit: 255)
        if maxForwards < 0 { fail(.maxForwards, at: value.start) }
    }

    private mutating func readTopVia(_ value: ByteRange, headerIndex: Int, in view: ByteView) {
        var position = value.start
        guard topVia.read(in: view, at: &position, to: value.end) else {
            // What was read of the sent-by still tells where the answer goes (RFC 4475 §3.1.2.1); without its
            // `value` the Via is echoed as it stands.
            var sentBy = Via()
            sentBy.host = topVia.host
            sentBy.port = topVia.port
            sentBy.rport = topVia.rport
            topVia = sentBy
            return fail(.via, at: value.start)
        }
        let following = view.skipSeparators(from: position, to: value.end)
        topViaElement = ListElement(
            value: topVia.value, headerIndex: headerIndex, isFirst: true, isLast: following == value.end)
    }

    /// callid = word [ "@" word ]: any text without white space is let through.
    private mutating func readCallID(_ value: ByteRange, isFirst: Bool, in view: ByteView) {
        guard isFirst else { return fail(.duplicateCallID, at: value.start) }
        callID = value
        guard !value.isEmpty else { return fail(.callID, at: value.start) }
        let index = view.indexOfByte(below: 0x21, from: value.start, to: value.end)
        if index < value.end { fail(.callID, at: index) }
    }

    /// CSeq = 1*DIGIT LWS Method
    private mutating func readCSeq(_ value: ByteRange, isFirst: Bool, in view: ByteView) {
        guard isFirst else { return fail(.duplicateCSeq, at: value.start) }
        var numberEnd = value.start
        while numberEnd < value.end, isDigit(view[numberEnd]) { numberEnd &+= 1 }
        let nameStart = view.skipWhitespace(from: numberEnd, to: value.end)
        let nameEnd = view.skip(.token, from: nameStart, to: value.end)
        guard numberEnd > value.start, nameStart > numberEnd, nameEnd > nameStart, nameEnd == value.end else {
            return fail(.cSeq, at: value.start)
        }
        cSeqMethodName = ByteRange(from: nameStart, to: nameEnd)
        cSeqMethod = Method.identify(in: view, from: nameStart, to: nameEnd)
        let number = view.decimal(from: value.start, to: numberEnd, limit: Self.cSeqNumberMax)
        guard number >= 0 else { return fail(.cSeqNumber, at: value.start) }
        cSeqNumber = UInt32(truncatingIfNeeded: number)
        guard isRequest else {
            method = cSeqMethod
            methodName = cSeqMethodName
            return
        }
        // RFC 3261 §8.1.1.5: the method is that of the request. Unknown ones are compared by their letters.
        let isSame = method == cSeqMethod && (method != .other || isSameName(methodName, cSeqMethodName, in: view))
        if !isSame { fail(.cSeqMethod, at: nameStart) }
    }

    private func isSameName(_ left: ByteRange, _ right: ByteRange, in view: ByteView) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where view[left.start &+ index] != view[right.start &+ index] { return false }
        return true
    }

    /// Equal repetitions are harmless; different ones make two messages of one (RFC 4475 §3.3.9).
    private mutating func readContentLength(_ value: ByteRange, isFirst: Bool, in view: ByteView) {
        let length = view.decimal(from: value.start, to: value.end, limit: Self.contentLengthMax)
        guard length >= 0 else { return fail(.contentLength, at: value.start) }
        guard isFirst || length == contentLength else { return fail(.contentLengthConflict, at: value.start) }
        contentLength = length
    }

    /// RFC 3261 §8.1.1: what every message has. Max-Forwards may be missing, as RFC 2543 had none.
    @inline(__always)
    mutating func checkPresence() {
        if first(.via) < 0 { fail(.missingVia, at: headersEnd) }
        if first(.from) < 0 { fail(.missingFrom, at: headersEnd) }
        if first(.to) < 0 { fail(.missingTo, at: headersEnd) }
        if first(.callID) < 0 { fail(.missingCallID, at: headersEnd) }
        if first(.cSeq) < 0 { fail(.missingCSeq, at: headersEnd) }
    }
}
