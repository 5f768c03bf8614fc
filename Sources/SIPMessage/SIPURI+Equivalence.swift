internal import func Glibc.memcmp

extension SIPURI {
    /// Parameters, and headers, that are compared one by one; URIs with more are equal only to the letter.
    /// It keeps the work for a hostile pair small.
    static let comparedMax = 64

    /// Whether two URIs are equivalent: RFC 3261 §19.1.4 for sip and sips, RFC 3966 §4 for tel, and to the
    /// letter but for the scheme's case otherwise. URIs that cannot be read equal themselves only.
    public static func equivalent(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        if left.count == right.count {
            guard let a = left.baseAddress, let b = right.baseAddress, memcmp(a, b, left.count) != 0 else {
                return true
            }
        }
        let limit = Int(UInt16.max)
        guard left.count <= limit, right.count <= limit, let a = ByteView(left), let b = ByteView(right),
            let first = parse(ByteRange(from: 0, to: a.count), in: left),
            let second = parse(ByteRange(from: 0, to: b.count), in: right)
        else { return false }
        guard first.scheme == second.scheme else { return false }
        let comparison = URIComparison(left: a, right: b)
        switch first.scheme {
        case .sip, .sips: return comparison.isSameSIP(first, second)
        case .tel: return comparison.isSameTelephone(first, second)
        case .other:
            return comparison.isSame(first.schemeName, second.schemeName, ignoringCase: true)
                && comparison.isSame(
                    ByteRange(from: first.schemeName.end, to: a.count),
                    ByteRange(from: second.schemeName.end, to: b.count),
                    ignoringCase: false)
        }
    }
}

/// The bytes of two URIs under comparison.
private struct URIComparison {
    let left: ByteView
    let right: ByteView

    func isSameSIP(_ a: SIPURI, _ b: SIPURI) -> Bool {
        // The userinfo is compared with its case; one that is missing equals no other.
        guard a.port == b.port, a.user.isAbsent == b.user.isAbsent, a.password.isAbsent == b.password.isAbsent,
            isSame(a.user, b.user, ignoringCase: false), isSame(a.password, b.password, ignoringCase: false),
            isSameHost(a, b)
        else { return false }
        return areSameParameters(a.parameters, b.parameters) && areSameHeaders(a.headers, b.headers)
    }

    /// RFC 5954 §4.2: IPv6 addresses are compared by value, not by their spelling.
    private func isSameHost(_ a: SIPURI, _ b: SIPURI) -> Bool {
        guard a.isIPv6Reference == b.isIPv6Reference else { return false }
        if isSame(a.host, b.host, ignoringCase: true) { return true }
        guard a.isIPv6Reference, let first = IPv6Address(a.host, in: left), let second = IPv6Address(b.host, in: right)
        else { return false }
        return first == second
    }

    // MARK: Parameters

    /// RFC 3261 §19.1.4: a parameter of both must match; most that one has alone are ignored.
    private func areSameParameters(_ a: ByteRange, _ b: ByteRange) -> Bool {
        isCovered(a, of: left, by: b, of: right, compares: true)
            && isCovered(b, of: right, by: a, of: left, compares: false)
    }

    private func isCovered(
        _ parameters: ByteRange, of view: ByteView, by others: ByteRange, of otherView: ByteView, compares: Bool
    ) -> Bool {
        guard !parameters.isAbsent else { return true }
        var cursor = ParameterCursor(parameters)
        var count = 0
        while let parameter = cursor.next(in: view) {
            count &+= 1
            if count > SIPURI.comparedMax { return false }
            if let other = find(parameter.name, of: view, among: others, of: otherView) {
                if compares, parameter.hasValue != other.hasValue { return false }
                if compares, !Escapes.equal(parameter.value, view, other.value, otherView, ignoringCase: true) {
                    return false
                }
            } else if Self.isSignificantAlone(parameter.name, in: view) {
                return false
            }
        }
        return true
    }

    private func find(
        _ name: ByteRange, of view: ByteView, among others: ByteRange, of otherView: ByteView
    ) -> Parameter? {
        guard !others.isAbsent else { return nil }
        var cursor = ParameterCursor(others)
        var count = 0
        while count < SIPURI.comparedMax, let parameter = cursor.next(in: otherView) {
            count &+= 1
            if Escapes.equal(name, view, parameter.name, otherView, ignoringCase: true) { return parameter }
        }
        return nil
    }

    /// The parameters with a default or a meaning for routing: a URI with one never equals one without.
    private static func isSignificantAlone(_ name: ByteRange, in view: ByteView) -> Bool {
        view.matches("user", from: name.start, to: name.end) || view.matches("ttl", from: name.start, to: name.end)
            || view.matches("method", from: name.start, to: name.end)
            || view.matches("maddr", from: name.start, to: name.end)
            || view.matches("transport", from: name.start, to: name.end)
    }

    // MARK: Headers

    /// Headers are never ignored: each must stand in both, in any order.
    private func areSameHeaders(_ a: ByteRange, _ b: ByteRange) -> Bool {
        guard a.isAbsent == b.isAbsent else { return false }
        if a.isAbsent { return true }
        return areHeadersCovered(a, of: left, by: b, of: right) && areHeadersCovered(b, of: right, by: a, of: left)
    }

    private func areHeadersCovered(
        _ headers: ByteRange, of view: ByteView, by others: ByteRange, of otherView: ByteView
    ) -> Bool {
        var position = headers.start
        var count = 0
        while position <= headers.end {
            count &+= 1
            if count > SIPURI.comparedMax { return false }
            let header = view.uriHeader(at: position, to: headers.end)
            position = header.end &+ 1
            var isFound = false
            var otherPosition = others.start
            var compared = 0
            while !isFound, otherPosition <= others.end, compared < SIPURI.comparedMax {
                let other = otherView.uriHeader(at: otherPosition, to: others.end)
                isFound = Escapes.equal(header, view, other, otherView, ignoringCase: true)
                otherPosition = other.end &+ 1
                compared &+= 1
            }
            if !isFound { return false }
        }
        return true
    }

    // MARK: tel

    /// RFC 3966 §4: visual separators do not count; every parameter must stand in both.
    func isSameTelephone(_ a: SIPURI, _ b: SIPURI) -> Bool {
        Escapes.equal(a.user, left, b.user, right, ignoringCase: true, skippingSeparators: true)
            && areTelephoneParametersCovered(a.parameters, of: left, by: b.parameters, of: right)
            && areTelephoneParametersCovered(b.parameters, of: right, by: a.parameters, of: left)
    }

    private func areTelephoneParametersCovered(
        _ parameters: ByteRange, of view: ByteView, by others: ByteRange, of otherView: ByteView
    ) -> Bool {
        guard !parameters.isAbsent else { return true }
        var cursor = ParameterCursor(parameters)
        var count = 0
        while let parameter = cursor.next(in: view) {
            count &+= 1
            guard count <= SIPURI.comparedMax,
                let other = find(parameter.name, of: view, among: others, of: otherView),
                other.hasValue == parameter.hasValue
            else { return false }
            let name = parameter.name
            let isNumber =
                view.matches("ext", from: name.start, to: name.end)
                || (view.matches("phone-context", from: name.start, to: name.end) && !parameter.value.isEmpty
                    && view[parameter.value.start] == UInt8(ascii: "+"))
            guard
                Escapes.equal(
                    parameter.value, view, other.value, otherView, ignoringCase: true, skippingSeparators: isNumber)
            else { return false }
        }
        return true
    }

    func isSame(_ a: ByteRange, _ b: ByteRange, ignoringCase: Bool) -> Bool {
        Escapes.equal(a, left, b, right, ignoringCase: ignoringCase)
    }
}

/// Reads a part of a URI with its escapes undone.
private struct Escapes {
    let view: ByteView
    var position: Int
    let end: Int

    init(_ range: ByteRange, _ view: ByteView) {
        self.view = view
        position = range.start
        end = range.end
    }

    /// The next character: 0...255, plus 256 when it is an escape of a reserved one, which is not the same
    /// as the character itself (RFC 3261 §19.1.4). Nil at the end. A percent sign without two digits is
    /// just that.
    mutating func next() -> UInt16? {
        guard position < end else { return nil }
        let byte = view[position]
        if byte == UInt8(ascii: "%"), position &+ 2 < end,
            let high = hexadecimalValue(view[position &+ 1]), let low = hexadecimalValue(view[position &+ 2])
        {
            position &+= 3
            let value = high &<< 4 | low
            return ByteSet.uriReserved.contains(value) ? UInt16(value) | 0x100 : UInt16(value)
        }
        position &+= 1
        return UInt16(byte)
    }

    mutating func nextDigit() -> UInt16? {
        while let character = next() {
            switch character {
            case UInt16(UInt8(ascii: "-")), UInt16(UInt8(ascii: ".")), UInt16(UInt8(ascii: "(")),
                UInt16(UInt8(ascii: ")")):
                continue
            default: return character
            }
        }
        return nil
    }

    static func equal(
        _ a: ByteRange, _ left: ByteView, _ b: ByteRange, _ right: ByteView, ignoringCase: Bool,
        skippingSeparators: Bool = false
    ) -> Bool {
        var first = Escapes(a, left)
        var second = Escapes(b, right)
        while true {
            let x = skippingSeparators ? first.nextDigit() : first.next()
            let y = skippingSeparators ? second.nextDigit() : second.next()
            guard let x, let y else { return x == nil && y == nil }
            if x == y { continue }
            guard ignoringCase, x < 0x80, y < 0x80,
                lowercased(UInt8(truncatingIfNeeded: x)) == lowercased(UInt8(truncatingIfNeeded: y))
            else { return false }
        }
    }
}

extension ByteView {
    /// The URI header at `start`: up to the next ampersand or `end`.
    fileprivate func uriHeader(at start: Int, to end: Int) -> ByteRange {
        let ampersand = index(of: UInt8(ascii: "&"), from: start, to: end)
        return ByteRange(from: start, to: ampersand < 0 ? end : ampersand)
    }
}
