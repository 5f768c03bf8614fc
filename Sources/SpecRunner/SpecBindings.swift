internal import ProxyCore
internal import Reactor
internal import Scripting
internal import Server

/// What the Lua side of specs asks of the host. Specs themselves see what is made of it in Sources/CSpecLibrary.
enum SpecBindings {
    static let table = BindingTable(
        kinds: [],
        namespaces: [BindingGroup("spec_core", "The host of specs.", suite + proxies)])

    private static let number = BindingParameter.integer("proxy", 1 ... .max)

    private static let suite: [BindingMember] = [
        .function(
            "digest", [.choice("algorithm", DigestAlgorithm.allCases.map(\.rawValue)), .string("text")],
            returns: "string", "The digest of a text in hexadecimal digits."
        ) { call throws(ScriptFailure) in
            let algorithm = DigestAlgorithm.allCases[Int(call.integer(0))]
            guard let digest = algorithm.hex(Array((call.string(1) ?? "").utf8)) else {
                throw ScriptFailure("authenticate: there is no \(algorithm.rawValue) here")
            }
            return call.returnString(String(decoding: digest, as: UTF8.self))
        },
        .function(
            "add", [.string("title"), .integer("line"), .boolean("pending")], "Another test."
        ) { call throws(ScriptFailure) in
            SpecHost.from(call).tests.append(
                SpecHost.Test(
                    title: call.string(0) ?? "", line: Int(call.integer(1)), isPending: call.boolean(2)))
            return .done
        },
        .function("failed", [.string("text")], "An expectation is about to fail.") { call throws(ScriptFailure) in
            SpecHost.from(call).failedText = call.string(0)
            return .done
        },
        .function(
            "read", [BindingParameter("path", [.string, .null]).optional], returns: "string, string",
            "Text and path of a file; without a path of the spec file."
        ) { call throws(ScriptFailure) in
            let host = SpecHost.from(call)
            let path = call.string(0).map { host.resolve($0) } ?? host.path
            call.returnString(try host.read(path))
            return call.returnString(path)
        },
    ]

    /// In the order that `SpecDefinition` reads them.
    private static let proxyOptions: [BindingParameter] = [
        .string("script").optional, .string("source").optional, .string("config").optional,
        .string("settings").optional, BindingParameter("dns", [.record, .list]).optional,
        .choice("policy", Configuration.State.Policy.allCases.map(\.rawValue)).optional,
        BindingParameter("trusted", .list).optional, .boolean("keep").optional,
    ]

    private static let proxies: [BindingMember] = [
        .function("proxy", options: proxyOptions, returns: "integer", "Makes a proxy.") { call throws(ScriptFailure) in
            let host = SpecHost.from(call)
            return call.returnInteger(try host.add(try SpecDefinition(call, host)))
        },
        .function("fix", [], "The proxies made until now are those of every test.") { call throws(ScriptFailure) in
            SpecHost.from(call).fix()
            return .done
        },
        .function("fresh", [number], returns: "boolean", "Sees that a proxy is new.") { call throws(ScriptFailure) in
            call.returnBoolean(try SpecHost.from(call).refresh(call.integer(0)))
        },
        .function(
            "receive", [number, .string("text"), .string("from"), .integer("listener", 0...256)], "A message arrives."
        ) { call throws(ScriptFailure) in
            let proxy = try SpecHost.from(call).proxy(call.integer(0))
            let text = call.string(2) ?? ""
            guard let source = SocketAddress(place: text), source.port != 0 else {
                throw ScriptFailure("receive: from: expected an address such as \"192.0.2.100:5060\", got \"\(text)\"")
            }
            guard
                proxy.receive(
                    Array(call.bytes(1) ?? .init(start: nil, count: 0)), from: source, listener: Int(call.integer(3)))
            else {
                throw ScriptFailure("receive: the proxy does not listen for \(source.transport.name) there")
            }
            return .done
        },
        .function(
            "advance", [number, BindingParameter("seconds", [.integer, .number])], "Time passes."
        ) { call throws(ScriptFailure) in
            let seconds = call.number(1)
            guard seconds >= 0, seconds <= secondsMax else {
                throw ScriptFailure("advance: expected seconds from 0 to \(Int(secondsMax)), got \(seconds)")
            }
            try SpecHost.from(call).proxy(call.integer(0)).advance(milliseconds: UInt64((seconds * 1_000).rounded(.up)))
            return .done
        },
        .function("count", [number], returns: "integer", "Messages sent.") { call throws(ScriptFailure) in
            call.returnInteger(try SpecHost.from(call).proxy(call.integer(0)).sink.sent.count)
        },
        .function(
            "sent", [number, .integer("index", 1 ... .max)], returns: "string, string", "A message and where it went."
        ) { call throws(ScriptFailure) in
            let sink = try SpecHost.from(call).proxy(call.integer(0)).sink
            let index = Int(call.integer(1)) - 1
            guard sink.sent.indices.contains(index) else { throw ScriptFailure("sent: no such message") }
            let message = sink.traffic[sink.sent[index]]
            let copy = call.scratch(byteCount: message.bytes.count)
            copy.copyBytes(from: message.bytes)
            call.returnBytes(UnsafeRawBufferPointer(copy))
            return call.returnString(message.peer.place)
        },
        .function("metric", [number, .string("name")], returns: "integer", "A counter.") { call throws(ScriptFailure) in
            let proxy = try SpecHost.from(call).proxy(call.integer(0))
            return call.returnInteger(Int(clamping: proxy.value(try counter(call.string(1) ?? ""))))
        },
        .function(
            "log",
            [number, BindingParameter.choice("level", ScriptLog.Level.allCases.map { "\($0)" }).optional],
            returns: "string", "Lines of the log."
        ) { call throws(ScriptFailure) in
            let lines = try SpecHost.from(call).proxy(call.integer(0)).log.lines
            let level = call.has(1) ? ScriptLog.Level.allCases[Int(call.integer(1))] : nil
            return call.returnString(
                lines.filter { level == nil || $0.level == level }.map { "\($0.level): \($0.text)" }
                    .joined(separator: "\n"))
        },
        .function(
            "records", [number], returns: "table[]", "Accounting records."
        ) { call throws(ScriptFailure) in
            call.returnValue(.list(try SpecHost.from(call).proxy(call.integer(0)).records))
        },
        .function("state", [number], returns: "string?", "How the last request went on.") {
            call throws(ScriptFailure) in
            guard let state = try SpecHost.from(call).proxy(call.integer(0)).state else { return call.returnNull() }
            return call.returnString(state)
        },
        .function(
            "mark", [number, .string("set"), .string("uri"), .choice("state", TargetMark.allCases.map(\.rawValue))],
            "Says how a target of a set is."
        ) { call throws(ScriptFailure) in
            let proxy = try SpecHost.from(call).proxy(call.integer(0))
            let (set, uri) = (call.string(1) ?? "", call.string(2) ?? "")
            guard proxy.mark(uri, of: set, as: TargetMark.allCases[Int(call.integer(3))].rawValue) else {
                throw ScriptFailure("mark: there is no target \(uri) of a set \(set)")
            }
            return .done
        },
    ]

    /// An hour and a day: registrations and dialogs end within.
    private static let secondsMax = 100_000.0

    /// "transactions_created", or as it stands in the metrics: "servartuka_transactions_created_total".
    private static func counter(_ name: String) throws(ScriptFailure) -> ProxyCounter {
        var short = name[...]
        if short.hasPrefix("servartuka_") { short = short.dropFirst("servartuka_".count) }
        if short.hasSuffix("_total") { short = short.dropLast("_total".count) }
        if let counter = ProxyCounter.allCases.first(where: { $0.name == short }) { return counter }
        let near = nearestName(to: String(short), among: ProxyCounter.allCases.map(\.name))
        throw ScriptFailure("metric: there is no \"\(name)\"" + (near.map { "; do you mean \"\($0)\"?" } ?? ""))
    }
}
