import ProxyCore
import Reactor
import SIPTransaction
import Scripting
import StatePolicy
import Synchronization

/// Who is who in these tests, in the documentation networks.
enum SIPPlace {
    static let proxy = SocketAddress("192.0.2.1:5060")!
    static let caller = SocketAddress("192.0.2.100:5060")!
    static let callee = SocketAddress("192.0.2.200:5060")!
    static let other = SocketAddress("192.0.2.201:5060")!
}

/// A datagram that the proxy sent.
struct SIPSent {
    let text: String
    let destination: SocketAddress

    var startLine: String { String(text.prefix { $0 != "\r\n" }) }
    var isRequest: Bool { !text.hasPrefix("SIP/2.0 ") }
    /// 0 for a request.
    var code: Int { isRequest ? 0 : Int(text.dropFirst(8).prefix(3)) ?? 0 }
    var method: String { String(text.prefix { $0 != " " }) }
    var uri: String { String(startLine.split(separator: " ")[1]) }

    var head: String { text.ranges(of: "\r\n\r\n").first.map { String(text[..<$0.lowerBound]) } ?? text }
    var body: String { text.ranges(of: "\r\n\r\n").first.map { String(text[$0.upperBound...]) } ?? "" }

    /// Values of the headers of that name, in order.
    subscript(name: String) -> [String] {
        head.split(separator: "\r\n").dropFirst().compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count > 0, parts[0].lowercased() == name.lowercased() else { return nil }
            return parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
    }

    /// What a user agent server answers to it.
    func response(_ code: Int, _ extra: [String] = [], body: String = "") -> String {
        var lines = ["SIP/2.0 \(code) Reason \(code)"]
        lines += self["Via"].map { "Via: \($0)" }
        lines += self["Record-Route"].map { "Record-Route: \($0)" }
        lines.append("From: \(self["From"][0])")
        lines.append("To: \(self["To"][0])" + (self["To"][0].contains(";tag=") ? "" : ";tag=callee"))
        lines.append("Call-ID: \(self["Call-ID"][0])")
        lines.append("CSeq: \(self["CSeq"][0])")
        lines += extra
        lines.append("Content-Length: \(body.utf8.count)")
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }
}

/// A request of the caller, with what a test wants to be different.
struct SIPText {
    var method = "INVITE"
    var uri = "sip:bob@192.0.2.200"
    var branch = "z9hG4bK-caller-1"
    var from = "\"Alice A.\" <sip:alice@example.com>;tag=caller;x=1"
    var to = "<sip:bob@example.com:5070;user=phone>"
    var callID = "call-1@192.0.2.100"
    var maxForwards: String? = "70"
    var extra: [String] = []
    var body = ""

    var text: String {
        var lines = ["\(method) \(uri) SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.100:5060;branch=\(branch)"]
        if let maxForwards { lines.append("Max-Forwards: \(maxForwards)") }
        lines += ["From: \(from)", "To: \(to)", "Call-ID: \(callID)", "CSeq: 7 \(method)"]
        lines += extra
        lines.append("Content-Length: \(body.utf8.count)")
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }
}

final class SIPSink: DatagramSink {
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 16)
    var sent: [SIPSent] = []
    /// Counts instead of keeping, for long runs.
    var onlyCounts = false
    var sentCount = 0

    deinit { room.deallocate() }

    func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: room[..<min(capacity, datagramBytesMax)])
    }

    func commit(_ count: Int, to address: SocketAddress, listener: Int) {
        sentCount += 1
        if onlyCounts { return }
        sent.append(SIPSent(text: String(decoding: room[..<count], as: UTF8.self), destination: address))
    }
}

/// What scripts wrote to the log.
final class SIPLog: Sendable {
    struct Line: Sendable, Equatable {
        var level: ScriptLog.Level
        var text: String
        var callID: String
    }

    private let kept = Mutex<[Line]>([])

    var lines: [Line] { kept.withLock { $0 } }
    var texts: [String] { lines.map(\.text) }
    var errors: [String] { lines.filter { $0.level == .error }.map(\.text) }

    func clear() { kept.withLock { $0.removeAll() } }

    var log: ScriptLog {
        ScriptLog(minimumLevel: .debug) { level, text, callID in
            let line = Line(
                level: level, text: String(decoding: text, as: UTF8.self),
                callID: String(decoding: callID, as: UTF8.self))
            self.kept.withLock { $0.append(line) }
        }
    }
}

/// A proxy with a script, driven by hand: messages and time go in, messages and log lines come out.
final class SIPHarness {
    let proxy: Proxy
    let sink = SIPSink()
    let counters: CounterBlock
    let log = SIPLog()
    let routing: ScriptRouting
    let services: ScriptServices
    var registrar: Registrar { services.registrar }
    let node: StateNode
    var now: UInt64 = 1_000_000

    /// - Parameters:
    ///   - trusted: proxies that take part in sharing state.
    ///   - configure: what else is to be different.
    init(
        _ script: String, limits: ScriptLimits = ScriptLimits(), policy: PolicyName = .stateful,
        trusted: [SocketAddress] = [], makePolicy: (@Sendable () -> any StatePolicy)? = nil,
        services: ScriptServices = ScriptServices(), ledger: AccountingLedger? = nil,
        configure: (inout ProxySettings) -> Void = { _ in }
    ) throws {
        self.services = services
        var settings = ProxySettings(listeners: [
            Listener(address: SIPPlace.proxy, advertisedHost: "192.0.2.1", advertisedPort: 5_060)
        ])
        settings.domains = ["example.org"]
        settings.hosts = ["gateway.example.com": SocketAddress("192.0.2.201:5080")!]
        settings.policy = policy
        settings.trustedPeers = trusted.map { TrustedPeer($0) }
        settings.hashKey = HashKey(low: 1, high: 2)
        settings.limits.transactionsMax = 1_000
        settings.limits.transactionMemoryBytesMax = 16 << 20
        configure(&settings)
        counters = CounterBlock(count: ProxyCounter.allCases.count)
        routing = try ScriptRouting.load(
            ScriptSource(path: "routing.lua", text: script), limits: limits, log: log.log, version: "1.2.3",
            services: services)
        node = StateNode(settings: settings, epoch: 1, makePolicy: makePolicy)
        proxy = Proxy(
            settings: settings, workerIndex: 0, logic: routing, sink: sink, counters: counters, peers: nil,
            desk: node.desks[0], now: now, ledger: ledger)
    }

    deinit { counters.deallocate() }

    private typealias Listener = ProxySettings.Listener

    @discardableResult
    func receive(_ text: String, from source: SocketAddress = SIPPlace.caller) -> [SIPSent] {
        sink.sent.removeAll()
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBytes { proxy.received($0, from: source, listener: 0, now: now) }
        return sink.sent
    }

    @discardableResult
    func receive(_ request: SIPText = SIPText()) -> [SIPSent] { receive(request.text) }

    /// Lets time pass and answers what is sent meanwhile.
    @discardableResult
    func pass(milliseconds: UInt64) -> [SIPSent] {
        sink.sent.removeAll()
        let end = now + milliseconds
        while let deadline = proxy.nextDeadline(), deadline <= end {
            now = max(now, deadline)
            proxy.advance(to: now)
        }
        now = end
        proxy.advance(to: now)
        return sink.sent
    }

    func count(_ counter: ProxyCounter) -> UInt64 { counters.value(counter.rawValue) }

    var isEmpty: Bool { proxy.transactionsInUse == 0 && proxy.messageBlocksInUse == 0 }

    /// What an expression is in `on_request`, as the log shows it.
    static func value(_ expression: String, in request: SIPText = SIPText(), after statements: String = "") throws
        -> String
    {
        let harness = try SIPHarness(
            "function on_request(req) \(statements) log.info(\(expression)) req:drop() end")
        harness.receive(request)
        return harness.log.texts.joined(separator: "\n")
    }

    /// What is sent to the callee when the statements ran before a stateless relay.
    static func relayed(_ statements: String, _ request: SIPText = SIPText()) throws -> SIPSent {
        let harness = try SIPHarness(
            "function on_request(req) \(statements) return req:forward { to = \"192.0.2.200\" } end")
        let sent = harness.receive(request)
        guard sent.count == 1, sent[0].isRequest else {
            struct NotRelayed: Error { var log: [String] }
            throw NotRelayed(log: harness.log.texts + sent.map(\.startLine))
        }
        return sent[0]
    }

    /// The log's first line after a request whose handler was to fail.
    static func failure(_ statements: String, _ request: SIPText = SIPText()) throws -> String {
        let harness = try SIPHarness("function on_request(req) \(statements) end")
        harness.receive(request)
        return harness.log.errors.first.map { String($0.prefix { $0 != "\n" }) } ?? "no error"
    }
}
