import SIPMessage
import Testing

@Suite("Responses and requests of our own")
struct WriterTests {
    private let invite = Parsed(
        Sample.text([
            "INVITE sip:bob@192.0.2.7 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKours",
            "v: SIP/2.0/UDP b;rport;branch=z9hG4bK1,", " SIP/2.0/UDP c;branch=z9hG4bK2",
            "Route: <sip:r1@example.com;lr>",
            "Record-Route: <sip:p@example.com;lr>", "Timestamp: 54", "f: \"Alice\" <sip:alice@example.com>;tag=a1",
            "t: <sip:bob@example.com>", "i: c1", "CSeq: 0007 INVITE", "Route: <sip:r2@example.com;lr>", "Subject: no",
        ]))

    @Test("a response echoes what RFC 3261 §8.2.6 says, and nothing else")
    func response() {
        var content = ResponseWriter.Content()
        content.toTag = UnsafeRawBufferPointer("t9")
        content.extraHeaders = UnsafeRawBufferPointer("Retry-After: 5\r\n")
        content.body = UnsafeRawBufferPointer("why")
        let text = invite.written { ResponseWriter.write(503, content, to: $0, into: $1) }
        #expect(
            text
                == Sample.text(
                    [
                        "SIP/2.0 503 Service Unavailable", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKours",
                        "v: SIP/2.0/UDP b;rport;branch=z9hG4bK1,", " SIP/2.0/UDP c;branch=z9hG4bK2",
                        "f: \"Alice\" <sip:alice@example.com>;tag=a1", "To: <sip:bob@example.com>;tag=t9", "i: c1",
                        "CSeq: 0007 INVITE", "Retry-After: 5", "Content-Length: 3",
                    ], body: "why"))
        #expect(text.map { Parsed($0).isComplete } == true)
    }

    @Test("a 100 has the Timestamp and no tag; a success to an INVITE the Record-Route")
    func trying() {
        var content = ResponseWriter.Content()
        content.toTag = UnsafeRawBufferPointer("t9")
        let trying = invite.written { ResponseWriter.write(100, content, to: $0, into: $1) }.map { Parsed($0) }
        #expect(trying?.values(.timestamp) == ["54"])
        #expect(trying?.values(.to) == ["<sip:bob@example.com>"])
        #expect(trying?.values(.recordRoute) == [])
        let success = invite.written { ResponseWriter.write(200, content, to: $0, into: $1) }.map { Parsed($0) }
        #expect(success?.values(.recordRoute) == ["<sip:p@example.com;lr>"])
        #expect(success?.values(.timestamp) == [])
        #expect(success?.text { $0.toTag } == "t9")
    }

    @Test("a To that has a tag keeps it")
    func tagged() {
        let request = Parsed(Sample.request("To", ["To: <sip:bob@example.com>;tag=theirs"]))
        var content = ResponseWriter.Content()
        content.toTag = UnsafeRawBufferPointer("ours")
        let answer = request.written { ResponseWriter.write(481, content, to: $0, into: $1) }.map { Parsed($0) }
        #expect(answer?.values(.to) == ["<sip:bob@example.com>;tag=theirs"])
        #expect(answer?.text { $0.reasonPhrase } == "Call/Transaction Does Not Exist")
    }

    @Test("our own Vias on top are left out")
    func skipping() {
        var content = ResponseWriter.Content()
        content.skippingVias = 1
        let answer = invite.written { ResponseWriter.write(408, content, to: $0, into: $1) }.map { Parsed($0) }
        #expect(answer?.values(.via) == ["SIP/2.0/UDP b;rport;branch=z9hG4bK1", "SIP/2.0/UDP c;branch=z9hG4bK2"])
        content.skippingVias = 2
        let second = invite.written { ResponseWriter.write(408, content, to: $0, into: $1) }.map { Parsed($0) }
        #expect(second?.values(.via) == ["SIP/2.0/UDP c;branch=z9hG4bK2"])
    }

    @Test(
        "received and rport are filled in, in whatever order they stand",
        arguments: [
            ("SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.1"),
            ("SIP/2.0/UDP a;rport;branch=z9hG4bK1", "SIP/2.0/UDP a;rport=99;branch=z9hG4bK1;received=192.0.2.1"),
            (
                "SIP/2.0/UDP a;branch=x;rport=1;received=b, SIP/2.0/UDP c",
                "SIP/2.0/UDP a;branch=x;rport=99;received=192.0.2.1, SIP/2.0/UDP c"
            ),
            // A flag, found by the fuzzer: the address was written right behind the word.
            ("SIP/2.0/UDP a;received;branch=x", "SIP/2.0/UDP a;received=192.0.2.1;branch=x"),
            ("SIP/2.0/UDP a;rport;received=;x", "SIP/2.0/UDP a;rport=99;received=192.0.2.1;x"),
            ("SIP/2.0/UDP a;received=b;branch=x;rport = 1", "SIP/2.0/UDP a;received=192.0.2.1;branch=x;rport=99"),
        ])
    func source(via: String, expected: String) {
        let request = Parsed(Sample.request("Via", ["Via: \(via)", "Via: SIP/2.0/UDP last"]))
        var content = ResponseWriter.Content()
        content.received = UnsafeRawBufferPointer("192.0.2.1")
        content.rport = 99
        let answer = request.written { ResponseWriter.write(404, content, to: $0, into: $1) }.map { Parsed($0) }
        #expect(answer?.values(.via) == [expected, "SIP/2.0/UDP last"])
        // The edits say the same.
        let edited = request.edited { $0.noteSource(address: UnsafeRawBufferPointer("192.0.2.1"), port: 99, of: $1) }
        #expect(edited.map { Parsed($0).values(.via) } == [expected, "SIP/2.0/UDP last"])
    }

    @Test("the spelled-out form says the same")
    func spelledOut() {
        let text = invite.written {
            ResponseWriter.write(
                404, reason: UnsafeRawBufferPointer("Gone Fishing"), to: $0, toTag: UnsafeRawBufferPointer("x"),
                extraHeaders: UnsafeRawBufferPointer("X: y\r\n"), into: $1)
        }
        let answer = text.map { Parsed($0) }
        #expect(answer?.text { $0.reasonPhrase } == "Gone Fishing")
        #expect(answer?.values(named: "X") == ["y"])
    }

    @Test("a malformed request is answered with what it has")
    func malformed() {
        let request = Parsed(Sample.text(["INVITE sip:b@example.com SIP/2.0", "Via: ;;", "CSeq: x", "CSeq: y"]))
        let text = request.written { ResponseWriter.write(400, to: $0, into: $1) }
        #expect(text == Sample.text(["SIP/2.0 400 Bad Request", "Via: ;;", "CSeq: x", "Content-Length: 0"]))
    }

    @Test("a CANCEL is its INVITE's")
    func cancel() {
        let text = invite.written {
            RequestWriter.writeCancel(
                for: $0, extraHeaders: UnsafeRawBufferPointer("Reason: SIP;cause=200\r\n"), into: $1)
        }
        #expect(
            text
                == Sample.text([
                    "CANCEL sip:bob@192.0.2.7 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKours",
                    "Route: <sip:r1@example.com;lr>", "Route: <sip:r2@example.com;lr>",
                    "f: \"Alice\" <sip:alice@example.com>;tag=a1", "t: <sip:bob@example.com>", "i: c1",
                    "CSeq: 7 CANCEL",
                    "Max-Forwards: 70", "Reason: SIP;cause=200", "Content-Length: 0",
                ]))
        #expect(text.map { Parsed($0, as: .stream).isComplete } == true)
    }

    @Test("an ACK has the response's To")
    func ack() {
        let response = Parsed(
            Sample.text([
                "SIP/2.0 486 Busy Here", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKours",
                "From: <sip:a@example.com>;tag=a1",
                "To: <sip:bob@example.com>;tag=b2", "Call-ID: c1", "CSeq: 7 INVITE",
            ]))
        let text = invite.written { RequestWriter.writeAck(for: $0, response: response.message, into: $1) }
        let ack = text.map { Parsed($0) }
        #expect(ack?.isComplete == true)
        #expect(ack?.read { $0.method } == .ack)
        #expect(ack?.values(.to) == ["<sip:bob@example.com>;tag=b2"])
        #expect(ack?.values(.from) == ["\"Alice\" <sip:alice@example.com>;tag=a1"])
        #expect(ack?.values(.via) == ["SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKours"])
        #expect(ack?.values(.route).count == 2)
        #expect(ack?.values(.cSeq) == ["7 ACK"])
    }

    @Test("what does not fit is not written")
    func capacity() throws {
        let size = try #require(invite.written { ResponseWriter.write(100, to: $0, into: $1) }).utf8.count
        for capacity in 0..<size {
            #expect(invite.written(capacity: capacity) { ResponseWriter.write(100, to: $0, into: $1) } == nil)
        }
        #expect(invite.written(capacity: size) { ResponseWriter.write(100, to: $0, into: $1) } != nil)
    }

    @Test("every code has a phrase")
    func reasons() {
        for code in 100...699 { #expect(ResponseWriter.defaultReason(code).utf8CodeUnitCount > 0) }
        #expect(ResponseWriter.defaultReason(487).description == "Request Terminated")
    }
}
