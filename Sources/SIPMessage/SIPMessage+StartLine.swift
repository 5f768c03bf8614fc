extension SIPMessage {
    /// Reads the start line, which fills `0..<end`.
    ///
    ///     Request-Line = Method SP Request-URI SP SIP-Version
    ///     Status-Line  = SIP-Version SP Status-Code SP Reason-Phrase
    @inline(__always)
    mutating func readStartLine(_ view: ByteView, end: Int) {
        // No method holds a slash.
        if end >= 4, view[3] == UInt8(ascii: "/"), view.matches("sip/", from: 0, to: 4) {
            readStatusLine(view, end: end)
        } else {
            readRequestLine(view, end: end)
        }
    }

    @inline(__always)
    private mutating func readRequestLine(_ view: ByteView, end: Int) {
        let methodEnd = view.skip(.token, from: 0, to: end)
        guard methodEnd > 0, methodEnd < end, view[methodEnd] == 0x20 else {
            return fail(.startLine, at: methodEnd)
        }
        isRequest = true
        methodName = ByteRange(from: 0, to: methodEnd)
        method = Method.identify(in: view, from: 0, to: methodEnd)
        // The shortest line left is `x SIP/2.0`, read from its end: a URI holds no space.
        let uriStart = methodEnd &+ 1
        guard end &- uriStart >= 9,
            view.word(at: end &- 8) == word(" SIP/2.0") || view.matches(" sip/2.0", from: end &- 8, to: end)
        else {
            return failRequestLine(view, uriStart: uriStart, end: end)
        }
        requestURI = ByteRange(from: uriStart, to: end &- 8)
        if !requestTarget.read(requestURI, in: view) { return failRequestURI(view) }
        // RFC 3261 §19.1.1: headers are not allowed in a Request-URI; RFC 4475 §3.1.2.11.
        if !requestTarget.headers.isAbsent { fail(.requestURIHeaders, at: requestTarget.headers.start) }
    }

    /// Tells another version of SIP from a line that is none of SIP's.
    @inline(never)
    private mutating func failRequestLine(_ view: ByteView, uriStart: Int, end: Int) {
        if end > uriStart, isLinearWhitespace(view[end &- 1]) { return fail(.requestURIWhitespace, at: end &- 1) }
        var word = end
        while word > uriStart, view[word &- 1] != 0x20 { word &-= 1 }
        guard word > uriStart, view.isVersion(from: word, to: end) else { return fail(.startLine, at: word) }
        requestURI = ByteRange(from: uriStart, to: word &- 1)
        fail(.version, at: word)
    }

    @inline(never)
    private mutating func failRequestURI(_ view: ByteView) {
        for index in requestURI.start..<requestURI.end where isLinearWhitespace(view[index]) {
            return fail(.requestURIWhitespace, at: index)
        }
        let start = requestURI.start
        fail(view[start] == UInt8(ascii: "<") ? .requestURIBrackets : .requestURI, at: start)
    }

    @inline(__always)
    private mutating func readStatusLine(_ view: ByteView, end: Int) {
        guard end >= 8, view.word(at: 0) == word("SIP/2.0 ") || view.matches("sip/2.0 ", from: 0, to: 8) else {
            return failStatusLine(view, end: end)
        }
        // RFC 3261 §25.1: three digits, a space even when the phrase behind it is empty. Without either the
        // line is understood as well.
        var codeEnd = 8
        while codeEnd < end, isDigit(view[codeEnd]) { codeEnd &+= 1 }
        let code = codeEnd == 11 ? view.decimal(from: 8, to: 11, limit: 999) : -1
        guard code >= 100, code <= 699, codeEnd == end || view[codeEnd] == 0x20 else {
            return fail(.statusCode, at: 8)
        }
        statusCode = code
        reasonPhrase = ByteRange(from: min(codeEnd &+ 1, end), to: end)
    }

    @inline(never)
    private mutating func failStatusLine(_ view: ByteView, end: Int) {
        let versionEnd = view.index(of: 0x20, from: 0, to: end)
        let isOther = versionEnd > 0 && view.isVersion(from: 0, to: versionEnd)
        fail(isOther ? .version : .startLine, at: 0)
    }
}

extension ByteView {
    /// SIP-Version = "SIP" "/" 1*DIGIT "." 1*DIGIT
    fileprivate func isVersion(from start: Int, to end: Int) -> Bool {
        guard end &- start >= 7, matches("sip/", from: start, to: start &+ 4) else { return false }
        let dot = index(of: UInt8(ascii: "."), from: start, to: end)
        guard dot > start &+ 4, dot &+ 1 < end else { return false }
        for index in start &+ 4..<end where index != dot && !isDigit(self[index]) { return false }
        return true
    }
}
