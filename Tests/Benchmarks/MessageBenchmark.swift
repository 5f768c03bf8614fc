import Glibc

// Nanoseconds an operation on one message, best and median of several rounds. Built by scripts/microbench
// as one module with the sources of SIPMessage; no test, as a machine's speed is not ours.

private let invite = """
    INVITE sip:service@192.0.2.20:5060 SIP/2.0\r
    Via: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bK-4711-1-0\r
    From: "Alice" <sip:alice@example.com:5061>;tag=4711SIPpTag001\r
    To: "Bob" <sip:bob@example.com:5060>\r
    Call-ID: 1-4711@192.0.2.10\r
    CSeq: 1 INVITE\r
    Contact: <sip:alice@192.0.2.10:5061;transport=udp>\r
    Max-Forwards: 70\r
    User-Agent: Example/1.0 (bench)\r
    Supported: replaces, timer\r
    Subject: Performance Test\r
    Content-Type: application/sdp\r
    Content-Length: 131\r
    \r
    v=0\r
    o=user1 53655765 2353687637 IN IP4 192.0.2.10\r
    s=-\r
    c=IN IP4 192.0.2.10\r
    t=0 0\r
    m=audio 6000 RTP/AVP 0\r
    a=rtpmap:0 PCMU/8000\r

    """

private let response = """
    SIP/2.0 200 OK\r
    Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK00a1b2c3d4e5f60718.0\r
    Via: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bK-4711-1-0;received=192.0.2.10\r
    From: "Alice" <sip:alice@example.com:5061>;tag=4711SIPpTag001\r
    To: "Bob" <sip:bob@example.com:5060>;tag=815SIPpTag012\r
    Call-ID: 1-4711@192.0.2.10\r
    CSeq: 1 INVITE\r
    Contact: <sip:192.0.2.30:5062;transport=UDP>\r
    Content-Length: 0\r
    \r

    """

private func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

// Many short rounds: the best of them ran undisturbed even on a busy machine.
private let rounds = 401
private let repetitions = 1_000
/// Only what is named on the command line, if anything is.
private let filter = CommandLine.arguments.dropFirst().first

private func measure(_ label: String, _ work: () -> Int) {
    if let filter, label != filter { return }
    var times: [Double] = []
    var check = 0
    for _ in 0..<rounds {
        let start = now()
        for _ in 0..<repetitions { check &+= work() }
        times.append(Double(now() - start) / Double(repetitions))
    }
    times.sort()
    func tenths(_ value: Double) -> String { "\(Double(Int(value * 10)) / 10)" }
    print("\(label): best \(tenths(times[0])) ns, median \(tenths(times[rounds / 2])) ns (check \(check & 0xFF))")
}

private func withBytes(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBytes(body)
}

@main
struct MessageBenchmark {
    static func main() {
        withBytes(invite) { bytes in
            var message = SIPMessage()
            print("INVITE: \(bytes.count) bytes")
            measure("parse INVITE") {
                guard case .complete(let consumed) = message.parse(bytes) else { fatalError("does not parse") }
                return consumed
            }
            print("  \(message.headerCount) headers")
            measureForwarding(message)
            measureWriters(message)
        }
        withBytes(response) { bytes in
            var message = SIPMessage()
            print("200: \(bytes.count) bytes")
            measure("parse 200") {
                guard case .complete(let consumed) = message.parse(bytes) else { fatalError("does not parse") }
                return consumed
            }
            measureReturning(message)
        }
        measureURIs()
    }

    /// What a stateless proxy does to a request: a Via on top, received and rport, one hop less.
    static func measureForwarding(_ message: borrowing SIPMessage) {
        var edits = MessageEdits()
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { output.deallocate() }
        measure("edit and serialise INVITE") {
            edits.removeAll()
            edits.begin(at: message.startLineEnd)
            edits.append("Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK")
            edits.appendHex(0x0123_4567_89AB_CDEF, digits: 16)
            edits.append("\r\n")
            edits.end()
            let hops = message.value(.maxForwards)
            edits.begin(at: hops.start, removing: hops.count)
            edits.appendDecimal(message.maxForwards - 1)
            edits.end()
            return edits.serialise(message, into: output)
        }
    }

    static func measureReturning(_ message: borrowing SIPMessage) {
        var edits = MessageEdits()
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { output.deallocate() }
        measure("remove the top Via and serialise 200") {
            edits.removeAll()
            edits.removeElement(message.topViaElement, of: message)
            return edits.serialise(message, into: output)
        }
    }

    static func measureWriters(_ message: borrowing SIPMessage) {
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { output.deallocate() }
        var content = ResponseWriter.Content()
        content.received = UnsafeRawBufferPointer("192.0.2.10")
        measure("write a 100") { ResponseWriter.write(100, content, to: message, into: output) }
        measure("write a CANCEL") { RequestWriter.writeCancel(for: message, into: output) }
    }

    static func measureURIs() {
        withBytes("sip:alice%20x@Example.com:5060;transport=udp;lr") { left in
            withBytes("sip:alice%20x@example.COM:5060;lr;transport=UDP") { right in
                measure("parse a URI") {
                    SIPURI.parse(ByteRange(0, left.count), in: left).map { Int($0.port) } ?? -1
                }
                measure("compare two URIs") { SIPURI.equivalent(left, right) ? 1 : 0 }
            }
        }
    }
}
