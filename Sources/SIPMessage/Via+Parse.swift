extension Via {
    /// Reads one element of a Via header; nil when it is malformed.
    public static func parse(_ element: ByteRange, in bytes: UnsafeRawBufferPointer) -> Via? {
        guard let view = ByteView(bytes), view.holds(element) else { return nil }
        var via = Via()
        var position = element.start
        guard via.read(in: view, at: &position, to: element.end), position == element.end else { return nil }
        return via
    }

    /// Reads the element at `position` and leaves that at the comma behind it or at `end`.
    ///
    ///     via-parm = sent-protocol LWS sent-by *( SEMI via-params )
    mutating func read(in view: ByteView, at position: inout Int, to end: Int) -> Bool {
        position = view.skipWhitespace(from: position, to: end)
        let start = position
        guard readProtocol(in: view, at: &position, to: end), readSentBy(in: view, at: &position, to: end) else {
            return false
        }
        // White space may follow a parameter; the element ends before it.
        var parameters = ParameterCursor(from: position, to: end)
        var last = position
        while let parameter = parameters.next(in: view) {
            last = parameter.whole.end
            guard note(parameter, in: view) else { return false }
        }
        position = view.skipWhitespace(from: last, to: end)
        guard !parameters.isMalformed, position == end || view[position] == UInt8(ascii: ",") else { return false }
        value = ByteRange(from: start, to: last)
        return true
    }

    /// sent-protocol = protocol-name SLASH protocol-version SLASH transport, and the LWS behind it.
    @inline(__always)
    private mutating func readProtocol(in view: ByteView, at position: inout Int, to end: Int) -> Bool {
        var index = position
        if index &+ 8 <= end, view.word(at: index) == word("SIP/2.0/") {
            index &+= 8
        } else {
            for _ in 0..<2 {
                let tokenEnd = view.skip(.token, from: index, to: end)
                let slash = view.skipWhitespace(from: tokenEnd, to: end)
                guard tokenEnd > index, slash < end, view[slash] == UInt8(ascii: "/") else { return false }
                index = view.skipWhitespace(from: slash &+ 1, to: end)
            }
        }
        let tokenEnd = view.skip(.token, from: index, to: end)
        let next = view.skipWhitespace(from: tokenEnd, to: end)
        guard tokenEnd > index, next > tokenEnd else { return false }
        transport = Self.identifyTransport(in: view, from: index, to: tokenEnd)
        position = next
        return true
    }

    @inline(__always)
    private static func identifyTransport(in view: ByteView, from start: Int, to end: Int) -> ViaTransport {
        var key: UInt64 = 0
        guard end &- start <= 4 else { return .other }
        for index in start..<end { key = key &<< 8 | UInt64(view[index] | 0x20) }
        switch key {
        case 0x75_6470: return .udp
        case 0x74_6370: return .tcp
        case 0x74_6C73: return .tls
        case 0x7363_7470: return .sctp
        case 0x7773: return .ws
        case 0x77_7373: return .wss
        default: return .other
        }
    }

    /// sent-by = host [ COLON port ]
    @inline(__always)
    private mutating func readSentBy(in view: ByteView, at position: inout Int, to end: Int) -> Bool {
        guard let hostEnd = view.readHost(at: position, to: end, host: &host, isIPv6Reference: &isIPv6Reference)
        else { return false }
        position = hostEnd
        let colon = view.skipWhitespace(from: hostEnd, to: end)
        guard colon < end, view[colon] == UInt8(ascii: ":") else { return true }
        let portStart = view.skipWhitespace(from: colon &+ 1, to: end)
        var portEnd = portStart
        while portEnd < end, isDigit(view[portEnd]) { portEnd &+= 1 }
        let number = view.decimal(from: portStart, to: portEnd, limit: 65_535)
        guard number > 0 else { return false }
        port = UInt16(truncatingIfNeeded: number)
        position = portEnd
        return true
    }

    /// Keeps a parameter that a proxy acts upon; false when its value is nonsense, or when one that decides
    /// where responses go stands there twice (RFC 3261 §7.3.1): readers would differ in which they believe.
    @inline(__always)
    private mutating func note(_ parameter: Parameter, in view: ByteView) -> Bool {
        let start = parameter.name.start
        let end = parameter.name.end
        switch parameter.name.count {
        case 6:
            guard view.matches("branch", from: start, to: end) else { break }
            guard branch.isAbsent else { return false }
            branch = parameter.value
        case 5:
            if view.matches("rport", from: start, to: end) {
                guard rport < 0 else { return false }
                rport = 0
                if !parameter.value.isEmpty {
                    rport = view.decimal(from: parameter.value.start, to: parameter.value.end, limit: 65_535)
                    guard rport >= 0 else { return false }
                }
                rportName = parameter.name
                rportParameter = parameter.whole
            } else if view.matches("maddr", from: start, to: end) {
                guard maddr.isAbsent else { return false }
                maddr = parameter.value
            }
        case 8:
            guard view.matches("received", from: start, to: end) else { break }
            guard receivedParameter.isAbsent else { return false }
            received = parameter.value
            receivedParameter = parameter.whole
        case 3:
            guard view.matches("ttl", from: start, to: end) else { break }
            ttl = view.decimal(from: parameter.value.start, to: parameter.value.end, limit: 255)
        default: break
        }
        return true
    }
}

extension ByteView {
    /// Reads a host at `start`: a name, an IPv4 address, or an IPv6 address in brackets, of which `host`
    /// becomes the inside. The index behind it, or nil when there is none.
    @inline(__always)
    func readHost(at start: Int, to end: Int, host: inout ByteRange, isIPv6Reference: inout Bool) -> Int? {
        guard start < end else { return nil }
        if self[start] == UInt8(ascii: "[") {
            let close = skip(.ipv6, from: start &+ 1, to: end)
            guard close > start &+ 2, close < end, self[close] == UInt8(ascii: "]") else { return nil }
            host = ByteRange(from: start &+ 1, to: close)
            isIPv6Reference = true
            return close &+ 1
        }
        let hostEnd = skip(.host, from: start, to: end)
        guard hostEnd > start else { return nil }
        host = ByteRange(from: start, to: hostEnd)
        return hostEnd
    }
}
