internal import ProxyCore
internal import Reactor
internal import SIPMessage

extension SIPBindings {
    static let uri = BindingGroup(
        "uri",
        "A URI of a message. Only the Request-URI can be changed. `tostring` does not show it: use `text`.",
        [
            .readOnly("text", "string", "The URI as it stands.") { (call: borrowing ScriptCall) throws(ScriptFailure) in
                guard let uri = try URIReference(call) else { return call.returnNull() }
                return call.returnBytes(uri.text)
            },
            .readOnly("scheme", "string?", "\"sip\", \"sips\", \"tel\", …, in lower case.", URIBindings.scheme),
            .property(
                "user", BindingParameter("user", [.string, .null]), returns: "string?",
                writePhases: .editsRequests,
                "The part before the at sign, escapes kept; of a tel URI the number. nil when there is none.",
                get: { (call: borrowing ScriptCall) throws(ScriptFailure) in
                    guard let uri = try URIReference(call) else { return call.returnNull() }
                    return call.returnRange(uri.value.user, of: uri.bytes)
                }, set: URIBindings.setUser),
            .property(
                "host", .string("host"), returns: "string?", writePhases: .editsRequests,
                "Domain or address, IPv6 without its brackets. nil in a tel URI.",
                get: { (call: borrowing ScriptCall) throws(ScriptFailure) in
                    guard let uri = try URIReference(call) else { return call.returnNull() }
                    return call.returnRange(uri.value.host, of: uri.bytes)
                }, set: URIBindings.setHost),
            .property(
                "port", URIBindings.portParameter, returns: "integer?", writePhases: .editsRequests,
                "nil when the URI does not say.",
                get: { (call: borrowing ScriptCall) throws(ScriptFailure) in
                    guard let uri = try URIReference(call), uri.value.port > 0 else { return call.returnNull() }
                    return call.returnInteger(Int(uri.value.port))
                }, set: URIBindings.setPort),
            .readOnly(
                "is_local", "boolean", phases: .requests,
                "Whether its host and port name this proxy: a listen address, an advertised name or one of the domains."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                guard let uri = try URIReference(call), !uri.value.host.isAbsent else {
                    return call.returnBoolean(false)
                }
                return call.returnBoolean(
                    call.sip.pointee.currentRequest.namesThisProxy(
                        host: uri.part(uri.value.host), port: uri.value.port))
            },
            .method(
                "param", [.string("name", "In any case.")], returns: "string?",
                "A parameter of the URI; \"\" for one without a value, nil when it is absent."
            ) { (call: borrowing ScriptCall) throws(ScriptFailure) in
                guard let uri = try URIReference(call), let name = call.bytes(0),
                    let value = uri.value.parameter(name, in: uri.bytes)
                else { return call.returnNull() }
                return call.returnRange(value, of: uri.bytes, absentIsNull: false)
            },
            .method(
                "set_param",
                [
                    .string("name"),
                    BindingParameter(
                        "value", [.string, .null], summary: "\"\" sets a parameter without a value, nil removes it."),
                ], phases: .editsRequests, "Sets or removes a parameter of the Request-URI.", URIBindings.setParameter),
        ])
}

/// A URI of the current message, and the bytes that its ranges are of.
struct URIReference {
    let bytes: UnsafeRawBufferPointer
    let range: ByteRange
    /// All absent when the URI is of another scheme and not understood.
    let value: SIPURI

    init?(_ call: borrowing ScriptCall) throws(ScriptFailure) {
        try self.init(call.sip, SIPPart(rawValue: call.part) ?? .request)
    }

    init?(_ host: UnsafeMutablePointer<ScriptHost>, _ part: SIPPart) throws(ScriptFailure) {
        if part == .request {
            guard let request = host.pointee.request else { return nil }
            let message = host.pointee.current
            let text = request.requestURI
            if text.baseAddress == message.pointee.bytes(message.pointee.requestURI).baseAddress {
                bytes = message.pointee.bytes
                range = message.pointee.requestURI
                value = message.pointee.requestTarget
            } else {
                // One that the script has set: `URIBindings.assign` bounds its length.
                bytes = text
                range = ByteRange(0, text.count)
                value = SIPURI.parse(range, in: text) ?? SIPURI()
            }
        } else {
            guard let address = try AddressReference(host, part) else { return nil }
            bytes = address.bytes
            range = address.value.uri
            value = SIPURI.parse(range, in: bytes) ?? SIPURI()
        }
    }

    var text: UnsafeRawBufferPointer { part(range) }

    func part(_ range: ByteRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range.start..<range.end])
    }
}

enum URIBindings {
    static let uriBytesMax = 8_192

    static var portParameter: BindingParameter {
        var parameter = BindingParameter("port", [.integer, .null])
        parameter.range = 1...65_535
        return parameter
    }

    static func scheme(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        guard let uri = try URIReference(call) else { return call.returnNull() }
        switch uri.value.scheme {
        case .sip: return call.returnLiteral("sip")
        case .sips: return call.returnLiteral("sips")
        case .tel: return call.returnLiteral("tel")
        case .other:
            let name = uri.part(uri.value.schemeName)
            guard !name.isEmpty else { return call.returnNull() }
            let room = call.scratch(byteCount: name.count)
            for index in 0..<name.count { room[index] = name[index] &- 0x41 < 26 ? name[index] | 0x20 : name[index] }
            return call.returnBytes(UnsafeRawBufferPointer(room))
        }
    }

    // MARK: Replacing the Request-URI

    /// Makes `text` the Request-URI. Throws when it is none.
    static func assign(
        _ call: borrowing ScriptCall, _ text: UnsafeRawBufferPointer, _ caller: StaticString
    ) throws(ScriptFailure) {
        try check(text, caller)
        guard call.sip.pointee.currentRequest.setRequestURI(text) else {
            throw ScriptFailure("\(caller): no room for another Request-URI in this handler")
        }
    }

    /// Throws when `text` could not stand as a Request-URI.
    static func check(_ text: UnsafeRawBufferPointer, _ caller: StaticString) throws(ScriptFailure) {
        guard text.count > 0, text.count <= uriBytesMax, let uri = SIPURI.parse(ByteRange(0, text.count), in: text)
        else { throw ScriptFailure("\(caller): \(text.quoted) is not a URI such as \"sip:user@example.com\"") }
        // RFC 3261 §19.1.1: no headers in a Request-URI.
        guard uri.headers.isAbsent else {
            throw ScriptFailure("\(caller): \(text.quoted) has headers (from '?' on), which a Request-URI cannot have")
        }
    }

    /// The Request-URI, when that is what the call is made on.
    private static func requestURI(
        _ call: borrowing ScriptCall, _ caller: StaticString
    ) throws(ScriptFailure) -> URIReference {
        guard call.part == SIPPart.request.rawValue else {
            throw ScriptFailure(
                "\(caller): only the Request-URI can be changed; for a Contact use req.headers:set(\"Contact\", …)")
        }
        guard let uri = try URIReference(call), uri.value.scheme != .other else {
            throw ScriptFailure("\(caller): the Request-URI is no sip, sips or tel URI; assign req.uri as a whole")
        }
        return uri
    }

    /// The URI with `start..<end` replaced by the pieces.
    private static func splice(
        _ call: borrowing ScriptCall, _ uri: URIReference, _ start: Int, _ end: Int, _ before: StaticString,
        _ text: UnsafeRawBufferPointer, _ after: StaticString, _ more: UnsafeRawBufferPointer = .none
    ) throws(ScriptFailure) -> UnsafeRawBufferPointer {
        let count = uri.range.count + text.count + more.count + 8
        guard count <= uriBytesMax else {
            throw ScriptFailure("the Request-URI would be too long (limit \(uriBytesMax))")
        }
        var written = ScratchText(call.scratch(byteCount: count))
        written.append(uri.part(ByteRange(uri.range.start, start)))
        written.append(before)
        written.append(text)
        written.append(after)
        written.append(more)
        written.append(uri.part(ByteRange(end, uri.range.end)))
        return written.bytes
    }

    static func setUser(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let uri = try requestURI(call, "uri.user")
        let old = uri.value.user
        let user = call.bytes(0) ?? .none
        let text: UnsafeRawBufferPointer
        if uri.value.host.isAbsent {
            guard !user.isEmpty else { throw ScriptFailure("uri.user: a tel URI needs its number") }
            text = try splice(call, uri, old.start, old.end, "", user, "")
        } else if user.isEmpty {
            guard !old.isAbsent else { return .done }
            // The password goes with its user.
            text = try splice(call, uri, old.start, uri.value.hostPort.start, "", .none, "")
        } else if old.isAbsent {
            let place = uri.value.hostPort.start
            text = try splice(call, uri, place, place, "", user, "@")
        } else {
            text = try splice(call, uri, old.start, old.end, "", user, "")
        }
        let parsed = SIPURI.parse(ByteRange(0, text.count), in: text)
        guard let parsed, text.part(parsed.user).equals(user), parsed.hostPort.count == uri.value.hostPort.count else {
            throw ScriptFailure("uri.user: \(user.quoted) holds a byte that must be escaped as %XX there")
        }
        try assign(call, text, "uri.user")
        return .done
    }

    static func setHost(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let uri = try requestURI(call, "uri.host")
        let host = call.bytes(0) ?? .none
        guard !uri.value.host.isAbsent else {
            throw ScriptFailure("uri.host: a tel URI has no host; assign req.uri as a whole")
        }
        let isBareIPv6 =
            host.contains(UInt8(ascii: ":")) && SocketAddress(ip: host, port: 5_060) != nil
            && host.first != UInt8(ascii: "[")
        let start = uri.value.hostPort.start
        let end = hostEnd(uri.value)
        let text = try splice(
            call, uri, start, end, isBareIPv6 ? "[" : "", host, isBareIPv6 ? "]" : "")
        let parsed = SIPURI.parse(ByteRange(0, text.count), in: text)
        let hostCount = host.count + (isBareIPv6 ? 2 : 0)
        guard let parsed, !host.isEmpty, parsed.hostPort.start == start - uri.range.start,
            hostEnd(parsed) - parsed.hostPort.start == hostCount, parsed.port == uri.value.port
        else { throw ScriptFailure("uri.host: \(host.quoted) is neither a domain nor an IP address") }
        try assign(call, text, "uri.host")
        return .done
    }

    static func setPort(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let uri = try requestURI(call, "uri.port")
        guard !uri.value.host.isAbsent else { throw ScriptFailure("uri.port: a tel URI has no port") }
        let end = hostEnd(uri.value)
        guard !call.isNull(0) else {
            try assign(call, splice(call, uri, end, uri.value.hostPort.end, "", .none, ""), "uri.port")
            return .done
        }
        var digits = ScratchText(call.scratch(byteCount: 8))
        digits.append(decimal: call.integer(0))
        try assign(call, splice(call, uri, end, uri.value.hostPort.end, ":", digits.bytes, ""), "uri.port")
        return .done
    }

    /// Behind the host and its bracket.
    private static func hostEnd(_ uri: SIPURI) -> Int {
        uri.host.end + (uri.isIPv6Reference ? 1 : 0)
    }

    static func setParameter(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let uri = try requestURI(call, "uri:set_param")
        let name = call.bytes(0) ?? .none
        let value = call.bytes(1)
        var start = uri.value.parameters.isAbsent ? uri.range.end : uri.value.parameters.end
        if uri.value.parameters.isAbsent, !uri.value.headers.isAbsent { start = uri.value.headers.start - 1 }
        var end = start
        if !uri.value.parameters.isAbsent {
            var cursor = ParameterCursor(uri.value.parameters)
            while let parameter = cursor.next(in: uri.bytes) {
                guard equalIgnoringCase(uri.part(parameter.name), name) else { continue }
                start = parameter.name.start - 1
                end = parameter.hasValue ? parameter.value.end : parameter.name.end
                break
            }
        }
        let text: UnsafeRawBufferPointer
        if let value {
            text = try splice(call, uri, start, end, ";", name, value.isEmpty ? "" : "=", value)
        } else {
            text = try splice(call, uri, start, end, "", .none, "")
        }
        guard let parsed = SIPURI.parse(ByteRange(0, text.count), in: text),
            parsed.hostPort.count == uri.value.hostPort.count, parsed.user.count == uri.value.user.count,
            holds(parsed, in: text, name, value)
        else {
            throw ScriptFailure(
                "uri:set_param: \(name.quoted) or \((value ?? .none).quoted) holds a byte that must be escaped as %XX there"
            )
        }
        try assign(call, text, "uri:set_param")
        return .done
    }

    /// Whether a URI reads as was wanted: with the parameter, or without it.
    private static func holds(
        _ uri: SIPURI, in text: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?
    ) -> Bool {
        // Without a value nothing was inserted; a second parameter of that name may be left.
        guard let value else { return true }
        guard let found = uri.parameter(name, in: text) else { return false }
        return text.part(found).equals(value)
    }
}

extension UnsafeRawBufferPointer {
    /// Bytes of a range; traps when it lies outside.
    func part(_ range: ByteRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range.start..<range.end])
    }
}
