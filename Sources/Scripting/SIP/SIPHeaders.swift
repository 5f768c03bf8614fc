internal import SIPMessage

extension SIPBindings {
    static let headers = BindingGroup(
        "headers", label: "req.headers",
        "The header fields of a message. Names in any case and in compact form. A later read sees what was written.",
        [
            .method(
                "get", [.string("name")], returns: "string?", "The value of the first header of that name, unfolded.",
                HeaderBindings.get),
            .method(
                "all", [.string("name")], returns: "string[]",
                "Every value of that name: of headers that are comma-separated lists each element, of others each header's value.",
                HeaderBindings.all),
            .method(
                "set", [.string("name"), .string("value")], phases: .edits,
                "Gives the message exactly one header of that name.", HeaderBindings.set),
            .method(
                "add", [.string("name"), .string("value")], phases: .edits, "Adds a header behind the others.",
                HeaderBindings.add),
            .method(
                "remove", [.string("name")], phases: .edits, "Removes every header of that name.", HeaderBindings.remove
            ),
        ])
}

enum HeaderBindings {
    static let nameBytesMax = 128
    static let valueBytesMax = 16_384

    // MARK: Reading

    static func get(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let host = call.sip
        let text = call.bytes(0) ?? .none
        let name = HeaderName.identify(text)
        try host.pointee.refresh(HeaderName.touchedBit(name, text))
        let message = host.pointee.current
        let index = name == .other ? message.pointee.first(named: text) : message.pointee.first(name)
        guard index >= 0 else { return call.returnNull() }
        return call.returnBytes(unfolded(message.pointee.bytes(message.pointee.header(index).value), call))
    }

    static func all(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let host = call.sip
        let text = call.bytes(0) ?? .none
        let name = HeaderName.identify(text)
        try host.pointee.refresh(HeaderName.touchedBit(name, text))
        let message = host.pointee.current
        var count = 0
        if name.isList {
            var counter = message.pointee.elements(of: name)
            while counter.next(in: message.pointee) != nil { count += 1 }
            var cursor = message.pointee.elements(of: name)
            return call.returnList(count) { _ in
                guard let element = cursor.next(in: message.pointee) else { return .none }
                return unfolded(message.pointee.bytes(element.value), call)
            }
        }
        var index = message.pointee.first(named: text)
        while index >= 0 {
            count += 1
            index = message.pointee.next(after: index, named: text)
        }
        index = message.pointee.first(named: text)
        return call.returnList(count) { _ in
            let value = message.pointee.header(index).value
            index = message.pointee.next(after: index, named: text)
            return unfolded(message.pointee.bytes(value), call)
        }
    }

    /// RFC 3261 §7.3.1: a line end with the white space around it stands for one space.
    private static func unfolded(
        _ value: UnsafeRawBufferPointer, _ call: borrowing ScriptCall
    ) -> UnsafeRawBufferPointer {
        guard value.contains(where: { $0 == 13 || $0 == 10 }) else { return value }
        var text = ScratchText(call.scratch(byteCount: value.count))
        var index = 0
        while index < value.count {
            var end = index
            var isFold = false
            while end < value.count, value[end] == 32 || value[end] == 9 || value[end] == 13 || value[end] == 10 {
                isFold = isFold || value[end] == 13 || value[end] == 10
                end += 1
            }
            if isFold {
                text.append(byte: 32)
                index = end
            } else {
                text.append(byte: value[index])
                index += 1
            }
        }
        return text.bytes
    }

    // MARK: Editing

    static func set(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let header = try EditedHeader(call, "req.headers:set")
        let value = try header.value(call)
        let host = call.sip
        try removeLines(header, host, keepingFirst: true)
        try host.pointee.prepareEdits(byteCount: header.text.count + value.count + 4, fresh: header.bit)
        let message = host.pointee.current
        let index = message.pointee.first(named: header.text)
        if index < 0 {
            host.pointee.edits?.pointee.begin(at: message.pointee.headersEnd)
            header.append(value, to: host)
        } else {
            let field = message.pointee.header(index)
            if field.value.isEmpty {
                // An empty value has no place of its own that a replacement could name.
                host.pointee.edits?.pointee.begin(at: field.line.start, removing: field.line.count)
                header.append(value, to: host)
            } else {
                host.pointee.edits?.pointee.replace(field.value, with: value)
            }
        }
        return try finish(header, host)
    }

    static func add(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let header = try EditedHeader(call, "req.headers:add")
        let value = try header.value(call)
        let host = call.sip
        // A line added does not meet other edits of the same header: those keep to the lines that were there.
        let isSingle = header.name == .maxForwards
        try host.pointee.prepareEdits(
            byteCount: header.text.count + value.count + 4, fresh: isSingle ? header.bit : 0)
        if isSingle, host.pointee.current.pointee.first(.maxForwards) >= 0 {
            throw ScriptFailure("req.headers:add: a message has one Max-Forwards; use set")
        }
        host.pointee.edits?.pointee.begin(at: host.pointee.current.pointee.headersEnd)
        header.append(value, to: host)
        return try finish(header, host)
    }

    static func remove(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let header = try EditedHeader(call, "req.headers:remove")
        try removeLines(header, call.sip, keepingFirst: false)
        return try finish(header, call.sip)
    }

    /// Lines of one name that are removed in one go; above that the edits are applied in between.
    private static let removedLinesMax = 16

    /// Removes the header's lines, or all but the first.
    private static func removeLines(
        _ header: EditedHeader, _ host: UnsafeMutablePointer<ScriptHost>, keepingFirst: Bool
    ) throws(ScriptFailure) {
        try host.pointee.refresh(header.bit)
        while host.pointee.hasLine(header, at: keepingFirst ? 1 : 0) {
            // Edits may be applied here, so line numbers are good only behind it.
            try host.pointee.prepareEdits(removedLinesMax, byteCount: 0, fresh: header.bit)
            host.pointee.markEdited(header.bit)
            let message = host.pointee.current
            var index = message.pointee.first(named: header.text)
            if keepingFirst, index >= 0 { index = message.pointee.next(after: index, named: header.text) }
            var removed = 0
            while index >= 0, removed < removedLinesMax {
                host.pointee.edits?.pointee.removeHeader(index, of: message.pointee)
                removed += 1
                index = message.pointee.next(after: index, named: header.text)
            }
            if index < 0 { return }
            try host.pointee.synchronise()
        }
    }

    private static func finish(
        _ header: EditedHeader, _ host: UnsafeMutablePointer<ScriptHost>
    ) throws(ScriptFailure) -> BindingOutcome {
        host.pointee.markEdited(header.bit)
        // The core reads these when it forwards.
        if header.name == .route || header.name == .maxForwards { try host.pointee.synchronise() }
        return .done
    }
}

extension ScriptHost {
    /// Whether the message has that header at least once, or (position 1) twice.
    fileprivate func hasLine(_ header: EditedHeader, at position: Int) -> Bool {
        let message = current
        let first = message.pointee.first(named: header.text)
        return first >= 0 && (position == 0 || message.pointee.next(after: first, named: header.text) >= 0)
    }
}

/// The header that an edit is about, checked.
struct EditedHeader {
    /// For error messages: no text is put together for calls that succeed.
    let caller: StaticString
    let name: HeaderName
    let text: UnsafeRawBufferPointer
    /// In the host's set of touched headers.
    let bit: UInt64

    init(_ call: borrowing ScriptCall, _ caller: StaticString) throws(ScriptFailure) {
        self.caller = caller
        text = call.bytes(0) ?? .none
        name = HeaderName.identify(text)
        bit = HeaderName.touchedBit(name, text)
        try Self.check(text, name, caller)
    }

    /// Throws for what is no header name, and for headers that scripts may not touch.
    static func check(_ text: UnsafeRawBufferPointer, _ name: HeaderName, _ caller: StaticString) throws(ScriptFailure)
    {
        guard !text.isEmpty, text.count <= HeaderBindings.nameBytesMax, text.allSatisfy({ isToken($0) }) else {
            throw ScriptFailure("\(caller): \(text.quoted) is not a header name")
        }
        if let reason = name.protection { throw ScriptFailure("\(caller): \(name.canonical) \(reason)") }
    }

    func value(_ call: borrowing ScriptCall) throws(ScriptFailure) -> UnsafeRawBufferPointer {
        let value = call.bytes(1) ?? .none
        try Self.check(value: value, of: name, caller)
        return value
    }

    static func check(
        value: UnsafeRawBufferPointer, of name: HeaderName, _ caller: StaticString
    ) throws(ScriptFailure) {
        guard value.isSingleLine else {
            throw ScriptFailure("\(caller): the value holds a line end or a zero byte")
        }
        guard value.count <= HeaderBindings.valueBytesMax else {
            throw ScriptFailure("\(caller): the value has \(value.count) bytes (limit \(HeaderBindings.valueBytesMax))")
        }
        switch name {
        case .maxForwards:
            // RFC 3261 §20.22.
            guard value.count > 0, value.count <= 3, value.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
                value.reduce(0, { $0 * 10 + Int($1 - 0x30) }) <= 255
            else { throw ScriptFailure("\(caller): Max-Forwards is a number 0…255, got \(value.quoted)") }
        case .route, .recordRoute:
            guard value.count > 0, NameAddress.parse(ByteRange(0, value.count), in: value)?.hasBrackets == true else {
                throw ScriptFailure("\(caller): \(name.canonical) is one \"<sip:host;lr>\", got \(value.quoted)")
            }
        default: break
        }
    }

    /// Ends the open edit with a whole line.
    func append(_ value: UnsafeRawBufferPointer, to host: UnsafeMutablePointer<ScriptHost>) {
        guard let edits = host.pointee.edits else { return }
        edits.pointee.append(text)
        edits.pointee.append(": ")
        edits.pointee.append(value)
        edits.pointee.append("\r\n")
        edits.pointee.end()
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "*"),
            UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
