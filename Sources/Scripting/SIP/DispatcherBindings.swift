internal import CLuaShim
internal import ProxyCore
internal import Reactor
internal import SIPMessage

extension SIPBindings {
    static let dispatcher = BindingGroup(
        "dispatcher", "Sets of servers that share requests: `dispatcher:` of the configuration.",
        [
            .function(
                "select", [.string("set", "Its name.")],
                options: [
                    .string(
                        "key", "What the algorithm \"hash\" goes by, which it implies: the same key, the same target."
                    )
                    .optional,
                    .choice(
                        "algorithm", DispatcherAlgorithm.allCases.map(\.rawValue), "Instead of the set's own."
                    ).optional,
                    .integer("limit", 1...256, "Targets wanted at most.").optional,
                    .boolean(
                        "rewrite",
                        "Put the target's host, port and parameters into the Request-URI, whose user part stays; without it the Request-URI stays as it is."
                    ).optional,
                ],
                returns: "table[]?", phases: .requests,
                "Chooses targets that take requests, best first: a list for `targets`, of tables with `uri` and `to`. Nil when there is none.",
                DispatcherBindings.select),
            .function(
                "contains",
                [
                    .string("set", "Its name."),
                    .string("address", "ADDRESS, ADDRESS:PORT or a sip URI; where the request came from without it.")
                        .optional,
                ],
                options: [.boolean("port", "Compare ports and transports too.").optional],
                returns: "boolean", phases: .requests, "Whether a target of the set has that IP address.",
                DispatcherBindings.contains),
            .function(
                "mark",
                [
                    .string("set", "Its name."),
                    .string("uri", "The target's URI, as it is configured or as `to` of a selected one."),
                    .choice("state", TargetMark.allCases.map(\.rawValue)),
                ],
                phases: [.handlers, .onTimer],
                "Says how a target is: \"down\" as if it had failed, so that probes bring it back, \"drained\" to take nothing new until it is marked \"up\".",
                DispatcherBindings.mark),
            .function(
                "list", [.string("set", "Its name.")], returns: "table[]", phases: [.handlers, .onTimer],
                "The targets by priority: tables with `uri`, `state` (\"up\", \"suspected\", \"resting\", \"down\" or \"drained\"), `weight` and `priority`.",
                DispatcherBindings.list),
        ])
}

enum DispatcherBindings {
    /// Arguments: set, key, algorithm, limit, rewrite.
    static func select(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let set = try set(call, "dispatcher.select")
        let host = call.sip
        let dispatcher = host.pointee.services.dispatcher
        let request = host.pointee.currentRequest
        let algorithm = call.isNull(2) ? nil : DispatcherAlgorithm.allCases[Int(call.integer(2))]
        let limit = call.isNull(3) ? Int.max : Int(call.integer(3))
        if call.bytes(1) != nil, let algorithm, algorithm != .hash {
            throw ScriptFailure("dispatcher.select: a key is for the algorithm \"hash\", not \"\(algorithm.rawValue)\"")
        }
        let count = request.select(set, of: dispatcher, algorithm: algorithm, key: call.bytes(1), limit: limit)
        guard count > 0 else { return call.returnNull() }
        let items = call.context.pointee.arena.values(count)
        for place in 0..<count {
            let member = dispatcher.selected(place)
            let fields = call.context.pointee.arena.values(4)
            fields[0] = .bytes(UnsafeRawBufferPointer("uri" as StaticString))
            fields[1] = .bytes(
                call.boolean(4) ? rewritten(call, dispatcher.parts(set, member)) : request.requestURI)
            fields[2] = .bytes(UnsafeRawBufferPointer("to" as StaticString))
            fields[3] = .bytes(dispatcher.uri(set, member))
            items[place] = .table(SV_RECORD, fields, count: 2)
        }
        call.add(.table(SV_LIST, items, count: count))
        return .done
    }

    /// The Request-URI's user part, and what says whether it is a telephone number, at the target's place.
    private static func rewritten(
        _ call: borrowing ScriptCall, _ target: (scheme: UnsafeRawBufferPointer, place: UnsafeRawBufferPointer)
    ) -> UnsafeRawBufferPointer {
        let own = call.sip.pointee.currentRequest.requestURI
        let room = call.scratch(byteCount: own.count + target.scheme.count + target.place.count + 16)
        var text = ScratchText(room)
        text.append(target.scheme)
        let uri = SIPURI.parse(ByteRange(0, own.count), in: own)
        if let uri, uri.scheme == .sip || uri.scheme == .sips, !uri.user.isAbsent {
            text.append(own.part(uri.user))
            text.append("@" as StaticString)
        }
        text.append(target.place)
        if let uri, let kind = uri.parameter("user", in: own) {
            text.append(";user=" as StaticString)
            text.append(own.part(kind))
        }
        return text.bytes
    }

    /// Arguments: set, address, port.
    static func contains(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let set = try set(call, "dispatcher.contains")
        let address = try call.addressOrSource(1, "dispatcher.contains")
        return call.returnBoolean(
            call.sip.pointee.services.dispatcher.contains(set, address, port: call.boolean(2)))
    }

    /// Arguments: set, uri, state.
    static func mark(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let set = try set(call, "dispatcher.mark")
        let host = call.sip
        let uri = call.bytes(1) ?? .none
        let address = host.pointee.request?.resolve(uri) ?? .none
        let mark = TargetMark.allCases[Int(call.integer(2))]
        guard
            host.pointee.services.dispatcher.mark(set, uri: uri, address: address, mark, now: host.pointee.time)
        else {
            throw ScriptFailure("dispatcher.mark: the set has no target \(uri.quoted)")
        }
        return .done
    }

    static func list(_ call: borrowing ScriptCall) throws(ScriptFailure) -> BindingOutcome {
        let set = try set(call, "dispatcher.list")
        let host = call.sip
        let dispatcher = host.pointee.services.dispatcher
        return call.returnValue(
            .list(
                (0..<dispatcher.memberCount(set)).map { member in
                    .record([
                        "uri": .string(String(decoding: dispatcher.uri(set, member), as: UTF8.self)),
                        "state": .string(dispatcher.condition(set, member, now: host.pointee.time).rawValue),
                        "weight": .integer(Int64(dispatcher.weight(set, member))),
                        "priority": .integer(Int64(dispatcher.priority(set, member))),
                    ])
                }))
    }

    /// The set that the first argument names.
    private static func set(_ call: borrowing ScriptCall, _ caller: StaticString) throws(ScriptFailure) -> Int {
        let name = call.bytes(0) ?? .none
        let dispatcher = call.sip.pointee.services.dispatcher
        if let set = dispatcher.index(of: name) { return set }
        throw ScriptFailure(
            dispatcher.isEmpty
                ? "\(caller): there is no set \(name.quoted); the configuration has no dispatcher section"
                : "\(caller): there is no set \(name.quoted); there are \(dispatcher.names.joined(separator: ", "))")
    }
}

extension ScriptCall {
    /// The address that an argument tells; without one, where the request came from.
    func addressOrSource(_ index: Int, _ caller: StaticString) throws(ScriptFailure) -> SocketAddress {
        let request = sip.pointee.currentRequest
        guard let text = bytes(index) else { return request.source }
        if let address = SocketAddress(ip: text, port: 0) { return address }
        if text.count <= Self.addressBytesMax {
            if let address = SocketAddress(String(decoding: text, as: UTF8.self)) { return address }
            let address = request.resolve(text)
            if !address.isNone { return address }
        }
        throw ScriptFailure("\(caller): \(text.quoted) is neither ADDRESS, ADDRESS:PORT nor a sip URI with an address")
    }

    private static var addressBytesMax: Int { 512 }
}
