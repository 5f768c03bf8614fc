internal import CLuaShim

extension SIPBindings {
    static let dictionary = BindingGroup(
        "dictionary", label: "shared.NAME",
        "A dictionary of the configuration's `shared`, the same for all workers, kept through reloads. Values are strings, numbers and booleans; when it is full the least recently used entries go.",
        [
            .method(
                "get", [.key], returns: "string|number|boolean|nil", phases: .dictionaries,
                "The value; nil when there is none or its time has passed.", SharedBindings.get),
            .method(
                "set", [.key, .value],
                options: [
                    .ttl,
                    .choice(
                        "only", ["absent", "present"], "Write only where there is none, or only where there is one."
                    ).optional,
                ],
                returns: "boolean, string?", phases: .dictionaries,
                "Writes a value; nil deletes the key. False when it was not written, and why: \"absent\" or \"present\" as it was found, or \"too large\" for the dictionary.",
                SharedBindings.set),
            .method(
                "incr",
                [.key, BindingParameter("by", [.integer, .number], summary: "1 when it is left out.").optional],
                options: [
                    BindingParameter("init", [.integer, .number], summary: "What a new key starts from; 0 without.")
                        .optional,
                    .ttl,
                ],
                returns: "number, string?", phases: .dictionaries,
                "Adds to a number in one step, however many workers add at once, and returns the sum. `ttl` counts from the first addition: later ones do not prolong it. Nil and \"too large\" when the dictionary could not hold it.",
                SharedBindings.increment),
            .method(
                "delete", [.key], returns: "boolean", phases: .dictionaries,
                "Removes a key; false when there was none.", SharedBindings.delete),
            .method(
                "ttl", [.key], returns: "number?", phases: .dictionaries,
                "Seconds until the key goes; nil when there is none, or no end to it.", SharedBindings.timeLeft),
            .method(
                "keys", [.integer("limit", 1...10_000, "1,000 when it is left out.").optional], returns: "string[]",
                phases: .dictionaries, "Keys, in no particular order. Looks at every entry: not for every request.",
                SharedBindings.keys),
            .method(
                "count", returns: "integer", phases: .dictionaries,
                "Number of keys; some of them may be past their time and not cleared away yet.",
                SharedBindings.count),
            .method("flush", phases: .dictionaries, "Removes all keys.", SharedBindings.flush),
        ])
}

extension ScriptPhases {
    /// Everywhere but while a script is loaded, which `servartuka check` and refused reloads do too.
    static let dictionaries: ScriptPhases = [.onStart, .handlers, .onTimer]
}

extension BindingParameter {
    fileprivate static let key = BindingParameter.string("key", "At most \(SharedDictionary.keyBytesMax) bytes.")

    fileprivate static let ttl = BindingParameter(
        "ttl", [.integer, .number], summary: "Seconds until the key goes by itself; without it never."
    ).optional

    fileprivate static let value = BindingParameter("value", [.string, .integer, .number, .boolean, .null])
}

enum SharedBindings {
    static func get(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let key = try key(call, "get")
        guard let value = call.dictionary.read(key, now: call.dictionaryTime, { value, _ in lowered(value, call) })
        else { return call.returnNull() }
        call.add(value)
        return .done
    }

    static func set(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let key = try key(call, "set")
        let now = call.dictionaryTime
        let expires = try expiry(call, 2, now: now, "set")
        let condition: SharedCondition =
            call.isNull(3) ? .always : call.integer(3) == 0 ? .ifAbsent : .ifPresent
        let argument = call.argument(1)
        guard let value = SharedValue(argument) else {
            guard condition != .ifAbsent else {
                throw ScriptFailure("set: nil deletes a key, which goes with only = \"present\" but not \"absent\"")
            }
            let isRemoved = call.dictionary.remove(key, now: now)
            guard condition == .ifPresent, !isRemoved else { return call.returnBoolean(true) }
            call.returnBoolean(false)
            return call.returnLiteral("absent")
        }
        switch call.dictionary.write(key, value, expires: expires, if: condition, now: now) {
        case .stored: return call.returnBoolean(true)
        case .declined:
            call.returnBoolean(false)
            return condition == .ifAbsent ? call.returnLiteral("present") : call.returnLiteral("absent")
        case .tooLarge:
            call.returnBoolean(false)
            return call.returnLiteral("too large")
        }
    }

    static func increment(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let key = try key(call, "incr")
        let now = call.dictionaryTime
        let addend = SharedValue(call.argument(1)) ?? .integer(1)
        let initial = SharedValue(call.argument(2)) ?? .integer(0)
        let expires = try expiry(call, 3, now: now, "incr")
        switch call.dictionary.add(addend, to: key, initial: initial, expires: expires, now: now) {
        case .sum(let sum):
            call.add(lowered(sum, call))
            return .done
        case .noNumber:
            throw ScriptFailure(
                "incr: the value of \"\(String(decoding: key.prefix(64), as: UTF8.self))\" is no number")
        case .tooLarge:
            call.returnNull()
            return call.returnLiteral("too large")
        }
    }

    static func delete(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        call.returnBoolean(call.dictionary.remove(try key(call, "delete"), now: call.dictionaryTime))
    }

    static func timeLeft(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let now = call.dictionaryTime
        guard let expires = call.dictionary.read(try key(call, "ttl"), now: now, { _, expires in expires }),
            expires != .max
        else { return call.returnNull() }
        return call.returnNumber(Double(expires - now) / 1_000)
    }

    private static let keysDefault: Int64 = 1_000

    static func keys(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let limit = Int(call.integer(0, default: keysDefault))
        var keys: [[UInt8]] = []
        call.dictionary.forEachKey(now: call.dictionaryTime) { key in
            keys.append(Array(key))
            return keys.count < limit
        }
        let copies = keys.map { key in
            let room = call.scratch(byteCount: key.count)
            room.copyBytes(from: key)
            return UnsafeRawBufferPointer(room)
        }
        return call.returnList(copies.count) { copies[$0] }
    }

    static func count(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        call.returnInteger(call.dictionary.figures.entries)
    }

    static func flush(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        call.dictionary.removeAll()
        return .done
    }

    // MARK: Arguments and results

    private static func key(
        _ call: borrowing ScriptCall, _ caller: StaticString
    ) throws(ScriptFailure) -> UnsafeRawBufferPointer {
        let key = call.bytes(0) ?? .none
        guard key.count <= SharedDictionary.keyBytesMax else {
            throw ScriptFailure(
                "\(caller): a key has at most \(SharedDictionary.keyBytesMax) bytes, got \(key.count)")
        }
        return key
    }

    /// Ten years: what lies further off is a slip.
    private static let secondsMax = 315_360_000.0

    private static func expiry(
        _ call: borrowing ScriptCall, _ index: Int, now: UInt64, _ caller: StaticString
    ) throws(ScriptFailure) -> UInt64 {
        guard !call.isNull(index) else { return .max }
        let seconds = call.number(index)
        guard seconds > 0, seconds <= secondsMax else {
            throw ScriptFailure("\(caller): ttl is a number of seconds above 0, got \(seconds)")
        }
        return now &+ UInt64((seconds * 1_000).rounded(.up))
    }

    /// Bytes are copied, for another worker may write the entry as soon as its lock is free.
    private static func lowered(_ value: SharedValue, _ call: borrowing ScriptCall) -> sv_value {
        switch value {
        case .boolean(let flag): return .boolean(flag)
        case .integer(let integer): return .integer(integer)
        case .number(let number): return .number(number)
        case .bytes(let bytes):
            let room = call.scratch(byteCount: bytes.count)
            room.copyMemory(from: bytes)
            return .bytes(UnsafeRawBufferPointer(room))
        }
    }
}

extension SharedValue {
    /// Nil for nil and for an argument left out.
    fileprivate init?(_ argument: sv_value) {
        switch Int(argument.type) {
        case SV_BOOLEAN: self = .boolean(argument.integer != 0)
        case SV_INTEGER: self = .integer(argument.integer)
        case SV_NUMBER: self = .number(argument.number)
        case SV_BYTES: self = .bytes(argument.buffer)
        default: return nil
        }
    }
}

extension ScriptCall {
    fileprivate var dictionary: SharedDictionary { sip.pointee.services.dictionaries[Int(handle)] }

    /// Milliseconds.
    fileprivate var dictionaryTime: UInt64 { sip.pointee.time }
}
