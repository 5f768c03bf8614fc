extension SIPURI {
    /// Reads the URI that fills `range`; nil when it is malformed.
    public static func parse(_ range: ByteRange, in bytes: UnsafeRawBufferPointer) -> SIPURI? {
        guard let view = ByteView(bytes), view.holds(range) else { return nil }
        var uri = SIPURI()
        return uri.read(range, in: view) ? uri : nil
    }

    @inline(__always)
    mutating func read(_ range: ByteRange, in view: ByteView) -> Bool {
        let start = range.start
        let end = range.end
        let colon = view.endOfScheme(from: start, to: end)
        guard colon >= 0 else { return false }
        guard view.endOfURI(from: colon &+ 1, to: end) == end else { return false }

        schemeName = ByteRange(from: start, to: colon)
        switch colon &- start {
        case 3 where view.matches("sip", from: start, to: colon): scheme = .sip
        case 4 where view.matches("sips", from: start, to: colon): scheme = .sips
        case 3 where view.matches("tel", from: start, to: colon):
            scheme = .tel
            return readTelephone(in: view, from: colon &+ 1, to: end)
        default: return true
        }
        return readSIP(in: view, from: colon &+ 1, to: end)
    }

    ///     "sip:" [ userinfo ] hostport uri-parameters [ headers ]
    @inline(__always)
    private mutating func readSIP(in view: ByteView, from start: Int, to end: Int) -> Bool {
        var index = start
        // The userinfo may hold semicolons, question marks and colons: the at sign decides first. It may
        // stand once only, or two readers could take two hosts from one URI.
        let at = view.index(of: UInt8(ascii: "@"), from: start, to: end)
        if at >= 0 {
            guard view.index(of: UInt8(ascii: "@"), from: at &+ 1, to: end) < 0 else { return false }
            let colon = view.index(of: UInt8(ascii: ":"), from: start, to: at)
            user = ByteRange(from: start, to: colon < 0 ? at : colon)
            guard !user.isEmpty else { return false }
            if colon >= 0 { password = ByteRange(from: colon &+ 1, to: at) }
            index = at &+ 1
        }
        let hostStart = index
        guard let hostEnd = view.readHost(at: index, to: end, host: &host, isIPv6Reference: &isIPv6Reference)
        else { return false }
        index = hostEnd
        if index < end, view[index] == UInt8(ascii: ":") {
            let portStart = index &+ 1
            index = portStart
            while index < end, isDigit(view[index]) { index &+= 1 }
            let number = view.decimal(from: portStart, to: index, limit: 65_535)
            guard number > 0 else { return false }
            port = UInt16(truncatingIfNeeded: number)
        }
        hostPort = ByteRange(from: hostStart, to: index)
        return readTail(in: view, from: index, to: end)
    }

    ///     *( ";" uri-parameter ) [ "?" header *( "&" header ) ]
    @inline(__always)
    private mutating func readTail(in view: ByteView, from start: Int, to end: Int) -> Bool {
        guard start < end else { return true }
        var parametersEnd = end
        let question = view.index(of: UInt8(ascii: "?"), from: start, to: end)
        if question >= 0 {
            guard question &+ 1 < end else { return false }
            parametersEnd = question
            headers = ByteRange(from: question &+ 1, to: end)
        }
        guard start < parametersEnd else { return true }
        var cursor = ParameterCursor(from: start, to: parametersEnd)
        while cursor.next(in: view) != nil {}
        guard !cursor.isMalformed, cursor.position == parametersEnd else { return false }
        parameters = ByteRange(from: start, to: parametersEnd)
        return true
    }

    /// RFC 3966 §3: a global number after a plus sign, or a local one; separators between the digits. A local
    /// number without its phone-context is let through, as dial plans take it.
    private mutating func readTelephone(in view: ByteView, from start: Int, to end: Int) -> Bool {
        let numberEnd = view.skip(.telephone, from: start, to: end)
        let digitsStart = start < end && view[start] == UInt8(ascii: "+") ? start &+ 1 : start
        var digits = 0
        var index = digitsStart
        while index < numberEnd {
            switch view[index] {
            case UInt8(ascii: "+"): return false
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"): break
            default: digits &+= 1
            }
            index &+= 1
        }
        guard digits > 0 else { return false }
        user = ByteRange(from: start, to: numberEnd)
        guard numberEnd < end else { return true }
        guard view[numberEnd] == UInt8(ascii: ";") else { return false }
        return readTail(in: view, from: numberEnd, to: end)
    }
}
