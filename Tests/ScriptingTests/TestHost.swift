import Foundation
import Scripting
import Testing

/// A small host with the shapes that the proxy's bindings have: objects with parts, options, waiting, functions.
final class TestHost {
    var replies: [(code: Int64, reason: String)] = []
    var prints: [String] = []
    var globals: [String] = []
    var user = "alice"
    var kept: [FunctionReference] = []
    var calls = 0
    var lastValue: ScriptValue = .null
    var lastChoice: Int64 = -1
    /// Runs inside the binding `test.nested`.
    var nested: (() -> Void)?

    static func from(_ call: borrowing ScriptCall) -> TestHost {
        Unmanaged<TestHost>.fromOpaque(call.host!).takeUnretainedValue()
    }

    static let table = BindingTable(
        kinds: [
            BindingGroup("request", label: "req", "A request.", requestMembers),
            BindingGroup("uri", "A URI.", uriMembers),
            BindingGroup("reply", "A reply.", [statusMember]),
        ],
        namespaces: [
            BindingGroup("test", "Things to try.", testMembers),
            BindingGroup(
                "", "Globals.",
                [
                    .function("sleep", [.integer("milliseconds", 0...60_000)], phases: .handlers, waits: true, "Waits.")
                    {
                        _ throws(ScriptFailure) in .wait
                    }
                ]),
        ])

    private static let statusMember = BindingMember.property(
        "status", .integer("status"), returns: "integer", "The status.",
        get: { call throws(ScriptFailure) in
            call.returnInteger(200)
        })

    private static let requestMembers: [BindingMember] = [
        .property(
            "method", .string("method"), returns: "string", "The method.",
            get: { call throws(ScriptFailure) in call.returnLiteral("INVITE") }),
        .property(
            "handle", .integer("handle"), returns: "integer", "Handle of the object.",
            get: { call throws(ScriptFailure) in call.returnInteger(Int(call.handle)) }),
        .property(
            "uri", .object("uri", ["uri"]), returns: "uri", "The Request-URI.",
            get: { call throws(ScriptFailure) in call.returnPart(kind: 1) }),
        .property(
            "max_forwards", .integer("value", 0...255), returns: "integer",
            writePhases: .onRequest, "Max-Forwards.",
            get: { call throws(ScriptFailure) in call.returnInteger(70) },
            set: { call throws(ScriptFailure) in
                TestHost.from(call).lastChoice = call.integer(0)
                return .done
            }),
        .method(
            "reply", [.integer("code", 100...699), .string("reason").optional],
            options: [.string("to_tag").optional], returns: "nil", phases: [.onRequest, .onFailure], "Answers."
        ) { call throws(ScriptFailure) in
            let host = TestHost.from(call)
            host.calls += 1
            if host.replies.count < 100 {
                host.replies.append((call.integer(0), call.string(1) ?? ""))
            }
            return .done
        },
        .method(
            "relay",
            options: [
                .choice("state", ["auto", "stateful", "stateless"]).optional, .function("on_failure").optional,
                BindingParameter("targets", [.list, .string]).optional,
            ], phases: .onRequest, "Forwards."
        ) { call throws(ScriptFailure) in
            let host = TestHost.from(call)
            host.lastChoice = call.integer(0, default: -1)
            if let function = call.keepFunction(1) { host.kept.append(function) }
            host.lastValue = call.value(2)
            return .done
        },
        .method("copy", [], "Chains.") { call throws(ScriptFailure) in call.returnSelf() },
        .method(
            "note", [.integer("number"), .string("text")], "Costs as little as a method can."
        ) { call throws(ScriptFailure) in
            call.bytes(1)?.count == Int(call.integer(0)) ? .done : call.returnNull()
        },
    ]

    private static let uriMembers: [BindingMember] = [
        .property(
            "host", .string("host"), returns: "string", "The host.",
            get: { call throws(ScriptFailure) in call.returnLiteral("example.com") }),
        .property(
            "user", BindingParameter("user", [.string, .null]), returns: "string?", "The user.",
            get: { call throws(ScriptFailure) in call.returnString(TestHost.from(call).user) },
            set: { call throws(ScriptFailure) in
                TestHost.from(call).user = call.string(0) ?? "none"
                return .done
            }),
    ]

    private static let testMembers: [BindingMember] = [
        .function("fail", [.string("message")], "Raises an error.") { call throws(ScriptFailure) in
            throw ScriptFailure(call.string(0) ?? "")
        },
        .function("echo", [BindingParameter("value", [.record, .list, .string, .number, .boolean])], "Gives back.") {
            call throws(ScriptFailure) in call.returnValue(call.value(0))
        },
        .function("names", [.integer("count", 0...10_000)], returns: "string[]", "A list.") {
            call throws(ScriptFailure) in
            let text: StaticString = "name"
            return call.returnList(Int(call.integer(0))) { _ in
                UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            }
        },
        .function("sum", [.integer("number")], variadic: true, "Adds.") { call throws(ScriptFailure) in
            var sum = 0
            for index in 0..<call.argumentCount { sum &+= Int(call.integer(index)) }
            return call.returnInteger(sum)
        },
        .function("nested", [], "Runs what the test wants, inside a call.") { call throws(ScriptFailure) in
            TestHost.from(call).nested?()
            return .done
        },
        .function("open", [], returns: "request", "Another object.") { call throws(ScriptFailure) in
            call.returnObject(kind: 0, handle: 77)
        },
    ]
}

/// A VM over a test host. Time stands still unless the test moves it.
final class Harness {
    let host = TestHost()
    let vm: ScriptVM
    let clock = TestClock()

    final class TestClock {
        var now: UInt64 = 1
        /// Added by every reading.
        var step: UInt64 = 0
    }

    init(_ text: String, limits: ScriptLimits = ScriptLimits(), path: String = "routing.lua") throws {
        let host = self.host
        let clock = self.clock
        var events = ScriptEvents()
        events.printed = { host.prints.append(String(decoding: $0, as: UTF8.self)) }
        events.globalWritten = { host.globals.append(String(decoding: $0, as: UTF8.self)) }
        vm = try ScriptVM(
            bindings: TestHost.table, limits: limits, host: Unmanaged.passUnretained(host).toOpaque(), events: events,
            clock: {
                clock.now += clock.step
                return clock.now
            })
        try vm.load(text, path: path)
    }

    func request(_ handle: UInt64 = 5) -> RunStatus { vm.run(.onRequest, .object(kind: 0, handle: handle)) }

    var text: String? {
        if case .bytes(let bytes) = vm.result(0) { return String(decoding: bytes, as: UTF8.self) }
        return nil
    }

    var integer: Int64? {
        if case .integer(let integer) = vm.result(0) { return integer }
        return nil
    }

    /// Runs a body as on_request; the message of its error, or "finished".
    static func message(_ body: String, phase: ScriptPhase = .onRequest) throws -> String {
        let harness = try Harness("function \(phase.name)(req) \(body) end")
        let status = harness.vm.run(phase, .object(kind: 0, handle: 5))
        return status == .finished ? "finished" : harness.vm.lastError.message
    }

    /// Runs a body as on_request; what it returned.
    static func value(_ body: String) throws -> String? {
        let harness = try Harness("function on_request(req) \(body) end")
        let status = harness.request()
        #expect(status == .finished, "\(status == .finished ? "" : harness.vm.lastError.description)")
        switch harness.vm.result(0) {
        case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .integer(let integer): return String(integer)
        case .number(let number): return String(number)
        case .boolean(let flag): return String(flag)
        case .null, .other: return nil
        }
    }
}

/// Resident memory of this process in bytes; 0 under a sanitizer, which keeps what was freed.
func residentBytes() -> Int {
    if dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil { return 0 }
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
}
