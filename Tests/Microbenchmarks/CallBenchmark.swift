import Glibc
import ProxyCore
import Reactor
import StatePolicy

/// Drives a `Proxy` in memory with SIPp-like calls and prints what a message costs.
final class CallBenchmark {
    private let proxy: Proxy
    private let node: StateNode
    private let sink = MemorySink()
    private let counters = CounterBlock(count: ProxyCounter.allCases.count)
    private let costs = CounterBlock(count: CostCounter.allCases.count)
    private let callsPerRound: Int
    private let client = SocketAddress(ipv4: 0xC000_020A, port: 5_061)
    private let server = SocketAddress(ipv4: 0xC000_0214, port: 5_070)
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 64)
    private let forwarded = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 64)
    private var call = 1_000_000
    private var now: UInt64 = 1_000

    private let marker: String
    private let feedback: String

    /// - Parameters:
    ///   - isMetered: with the time of each message taken, as the distributing policies need it.
    ///   - keep: both sides are trusted proxies, and this fraction of open requests is held; nil: neither is.
    init(policy: PolicyName, isMetered: Bool = false, callsPerRound: Int, keep: Double? = nil) {
        var settings = ProxySettings(listeners: [
            .init(
                address: SocketAddress(ipv4: 0xC000_0201, port: 5_060), advertisedHost: "192.0.2.1",
                advertisedPort: 5_060)
        ])
        settings.policy = policy
        marker = keep == nil ? "" : ";svk=open"
        feedback = keep == nil ? "" : ";svk-allow=any;svk-price=31000;svk-seq=7.1"
        var makePolicy: (@Sendable () -> any StatePolicy)?
        if let keep {
            settings.trustedPeers = [TrustedPeer(client), TrustedPeer(server)]
            makePolicy = { KeepPolicy(keep: keep) }
        }
        node = StateNode(settings: settings, epoch: 1, makePolicy: makePolicy)
        proxy = Proxy(
            settings: settings, workerIndex: 0, logic: NativeRouting(nextHop: server), sink: sink, counters: counters,
            peers: nil, desk: node.desks[0], now: now, meter: isMetered ? CostMeter(counters: costs) : nil)
        self.callsPerRound = callsPerRound
    }

    deinit {
        costs.deallocate()
        input.deallocate()
        forwarded.deallocate()
    }

    func run(_ label: String, rounds: Int) {
        var times: [Double] = []
        // The harness builds messages too: measured alone and taken off.
        var overheads: [Double] = []
        for _ in 0..<rounds {
            overheads.append(round(deliver: false))
            times.append(round(deliver: true))
            // Lingering transactions end between rounds.
            now += 40_000
            proxy.advance(to: now)
            node.tick(time: Double(now) / 1_000, processors: 1)
        }
        times.sort()
        overheads.sort()
        let messages = Double(6 * callsPerRound)
        let best = (times[0] - overheads[0]) / messages
        let median = (times[times.count / 2] - overheads[overheads.count / 2]) / messages
        print(
            "\(label): best \(Int(best)) ns a message, median \(Int(median)) ns; \(proxy.transactionsInUse) transactions left"
        )
    }

    private func round(deliver: Bool) -> Double {
        let began = Self.nanoseconds()
        for _ in 0..<callsPerRound {
            call += 1
            oneCall(deliver: deliver)
            if call % 16 == 0 {
                now += 1
                if deliver { proxy.advance(to: now) }
            }
        }
        return Double(Self.nanoseconds() - began)
    }

    private func oneCall(deliver: Bool) {
        let id = "\(call)-4711@192.0.2.10"
        request("INVITE", branch: "i\(call)", id: id, toTag: "", cSeq: 1, deliver)
        respond("180 Ringing", id: id, deliver)
        respond("200 OK", id: id, deliver)
        request("ACK", branch: "a\(call)", id: id, toTag: ";tag=815SIPpTag012", cSeq: 1, deliver)
        request("BYE", branch: "b\(call)", id: id, toTag: ";tag=815SIPpTag012", cSeq: 2, deliver)
        respond("200 OK", id: id, method: "2 BYE", deliver)
    }

    private func request(_ method: String, branch: String, id: String, toTag: String, cSeq: Int, _ deliver: Bool) {
        let body = method == "INVITE" ? Self.body : ""
        write(
            """
            \(method) sip:service@192.0.2.20:5070 SIP/2.0\r
            Via: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bK-4711-\(branch)\(method == "ACK" ? "" : marker)\r
            From: sipp <sip:sipp@192.0.2.10:5061>;tag=4711SIPpTag001\r
            To: service <sip:service@192.0.2.20:5070>\(toTag)\r
            Call-ID: \(id)\r
            CSeq: \(cSeq) \(method)\r
            Contact: sip:sipp@192.0.2.10:5061\r
            Max-Forwards: 70\r
            Subject: Performance Test\r
            Content-Type: application/sdp\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """)
        guard deliver else { return }
        proxy.received(
            UnsafeMutableRawBufferPointer(rebasing: input[..<inputCount]), from: client, listener: 0, now: now)
        forwardedCount = sink.copyLast(to: forwarded)
    }

    /// A response with the Vias of the request that was forwarded last.
    private func respond(_ status: String, id: String, method: String = "1 INVITE", _ deliver: Bool) {
        var vias = deliver ? self.vias() : Self.sampleVias
        // A downstream proxy speaks now and then.
        if !feedback.isEmpty, call % 64 == 0 { vias.replace("\r\n", with: feedback + "\r\n", maxReplacements: 1) }
        write(
            """
            SIP/2.0 \(status)\r
            \(vias)From: sipp <sip:sipp@192.0.2.10:5061>;tag=4711SIPpTag001\r
            To: service <sip:service@192.0.2.20:5070>;tag=815SIPpTag012\r
            Call-ID: \(id)\r
            CSeq: \(method)\r
            Contact: <sip:192.0.2.20:5070;transport=UDP>\r
            Content-Length: 0\r
            \r

            """)
        guard deliver else { return }
        proxy.received(
            UnsafeMutableRawBufferPointer(rebasing: input[..<inputCount]), from: server, listener: 0, now: now)
    }

    private static let sampleVias = """
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK00000123456789abcdef0123456700\r
        Via: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bK-4711-i1000000\r

        """

    private static let body = """
        v=0\r
        o=user1 53655765 2353687637 IN IP4 192.0.2.10\r
        s=-\r
        c=IN IP4 192.0.2.10\r
        t=0 0\r
        m=audio 6000 RTP/AVP 0\r
        a=rtpmap:0 PCMU/8000\r

        """

    private var inputCount = 0
    private var forwardedCount = 0

    private func write(_ text: String) {
        var text = text
        inputCount = text.withUTF8 { utf8 in
            input.copyBytes(from: utf8)
            return utf8.count
        }
    }

    /// Header lines from the first to the last Via of what was forwarded: the second and third line.
    private func vias() -> String {
        let bytes = UnsafeRawBufferPointer(rebasing: forwarded[..<forwardedCount])
        let start = bytes.firstIndex(of: 10).map { $0 + 1 } ?? 0
        var end = start
        for _ in 0..<2 { end = bytes[end...].firstIndex(of: 10).map { $0 + 1 } ?? end }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
