import SIPMessage
import Testing

@Suite("Headers")
struct HeaderTests {
    @Test("a request is indexed: start line, headers, body")
    func indexes() {
        let parsed = Parsed(Sample.request(adding: ["Content-Length: 4"], body: "body"))
        #expect(parsed.isComplete)
        #expect(parsed.read { $0.isRequest })
        #expect(parsed.read { $0.method } == .options)
        #expect(parsed.text { $0.methodName } == "OPTIONS")
        #expect(parsed.text { $0.requestURI } == "sip:bob@example.com")
        #expect(parsed.read { $0.headerCount } == 7)
        #expect(parsed.body == "body")
        #expect(parsed.text { $0.callID } == "sample-1@example.com")
        #expect(parsed.text { $0.from } == "<sip:alice@example.com>;tag=a1")
        #expect(parsed.text { $0.fromTag } == "a1")
        #expect(parsed.read { $0.toTag.isAbsent })
        #expect(parsed.read { $0.cSeqNumber } == 7)
        #expect(parsed.read { $0.cSeqMethod } == .options)
        #expect(parsed.read { $0.maxForwards } == 70)
        #expect(parsed.read { $0.contentLength } == 4)
        #expect(parsed.text { $0.topVia.branch } == "z9hG4bKsample")
    }

    @Test("a message parsed after another shows nothing of that one")
    func forgets() {
        var message = SIPMessage()
        let first = Array(Sample.request(adding: ["Route: <sip:192.0.2.9;lr>", "Content-Length: 0"]).utf8)
        let second = Array(Sample.text(Sample.response).utf8)
        first.withUnsafeBytes { _ = message.parse($0) }
        second.withUnsafeBytes { bytes in
            _ = message.parse(bytes)
            let (isRequest, route, hops, length) = (
                message.isRequest, message.first(.route), message.maxForwards, message.contentLength
            )
            #expect(!isRequest && route == -1 && hops == -1 && length == -1)
        }
    }

    @Test("every known header is recognised in any case", arguments: HeaderName.allCases.filter { $0 != .other })
    func recognises(name: HeaderName) {
        let text = name.canonical.description
        for spelling in [text, text.uppercased(), text.lowercased()] {
            let identified = withText(spelling) { HeaderName.identify($1) }
            #expect(identified == name, "\(spelling)")
        }
        // No name is taken for another that shares its length and most of its letters.
        for index in text.indices {
            var letters = Array(text)
            letters[text.distance(from: text.startIndex, to: index)] = "~"
            let identified = withText(String(letters)) { HeaderName.identify($1) }
            #expect(identified == .other, "\(String(letters))")
        }
    }

    @Test(
        "a compact form is the same header",
        arguments: [
            ("v", HeaderName.via), ("f", .from), ("t", .to), ("i", .callID), ("m", .contact), ("l", .contentLength),
            ("c", .contentType), ("e", .contentEncoding), ("k", .supported), ("s", .subject), ("o", .event),
            ("u", .allowEvents), ("r", .referTo), ("b", .referredBy), ("x", .sessionExpires), ("j", .rejectContact),
            ("a", .acceptContact), ("d", .requestDisposition), ("y", .identity), ("n", .identityInfo),
        ])
    func compact(form: String, name: HeaderName) {
        #expect(withText(form) { HeaderName.identify($1) } == name)
        #expect(withText(form.uppercased()) { HeaderName.identify($1) } == name)
    }

    @Test("letters that are no compact form, and the empty name, are unknown headers")
    func otherLetters() {
        for letter in ["g", "h", "p", "q", "w", "z", "", "1", "-"] {
            #expect(withText(letter) { HeaderName.identify($1) } == .other)
        }
    }

    @Test("a folded header is one value")
    func folds() {
        let parsed = Parsed(
            Sample.request(adding: ["Subject: one", "  two", "\tthree", "Organization:", " \t", " Example", "X: y"]))
        #expect(parsed.isComplete)
        #expect(parsed.values(.subject) == ["one\r\n  two\r\n\tthree"])
        #expect(parsed.values(.organization) == ["Example"])
        #expect(parsed.text { $0.header($0.first(.subject)).line } == "Subject: one\r\n  two\r\n\tthree\r\n")
        #expect(parsed.values(named: "X") == ["y"])
    }

    @Test("white space around the colon and the value is not part of either")
    func whitespace() {
        let parsed = Parsed(Sample.request(adding: ["Subject \t :\t a b \t", "Server:", "Date :   "]))
        #expect(parsed.values(.subject) == ["a b"])
        #expect(parsed.values(.server) == [""])
        #expect(parsed.values(.date) == [""])
        #expect(parsed.text { $0.header($0.first(.subject)).nameRange } == "Subject")
    }

    @Test("repeated headers are chained in order, whatever their form")
    func chains() {
        let parsed = Parsed(
            Sample.request(adding: ["m: <sip:1@example.com>", "X-A: 1", "Contact: <sip:2@example.com>", "x-a: 2"]))
        #expect(parsed.values(.contact) == ["<sip:1@example.com>", "<sip:2@example.com>"])
        #expect(parsed.values(named: "CONTACT") == ["<sip:1@example.com>", "<sip:2@example.com>"])
        #expect(parsed.values(named: "X-a") == ["1", "2"])
        #expect(parsed.values(named: "X-b") == [])
        #expect(parsed.values(.other) == ["1", "2"])
        #expect(parsed.read { $0.first(.route) } == -1)
    }

    @Test("an unknown header keeps every byte", arguments: [";;,,;;,;", "\"open", "<", "caf\u{E9} \u{1F4DE}", "a\tb"])
    func unknown(value: String) {
        let text = Sample.request(adding: ["X-Odd!%*_+`'~.: \(value)"])
        let parsed = Parsed(text)
        #expect(parsed.isComplete)
        #expect(parsed.values(named: "x-odd!%*_+`'~.") == [value])
        #expect(parsed.edited { _, _ in } == text)
    }

    @Test("every token character, and no other byte, may stand in a method and in a header name")
    func tokens() {
        let token = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~".utf8)
        for byte in UInt8.min...UInt8.max {
            let start = Array("A".utf8) + [byte] + Array("B sip:x@example.com SIP/2.0\r\n".utf8)
            let method = Parsed(start + Array("\r\n".utf8))
            #expect((method.read { $0.methodName.count } == 3) == token.contains(byte), "method with \(byte)")

            let lines = Array((Sample.lines.joined(separator: "\r\n") + "\r\nA").utf8)
            let header = Parsed(lines + [byte] + Array("B: c\r\n\r\n".utf8))
            // A colon ends the name, a space or tab may do so before one.
            let isAllowed = token.contains(byte) || byte == UInt8(ascii: ":")
            #expect(header.isComplete == isAllowed, "header name with \(byte)")
        }
    }

    @Test("256 headers fit, 257 are too large")
    func headersMax() {
        let room = SIPMessage.headersMax - (Sample.lines.count - 1)
        #expect(Parsed(Sample.request(adding: Array(repeating: "X: y", count: room))).isComplete)
        let tooMany = Parsed(Sample.request(adding: Array(repeating: "X: y", count: room + 1)))
        #expect(tooMany.outcome == .tooLarge)
        #expect(tooMany.text { $0.callID } == "sample-1@example.com", "what fitted stays readable")
    }
}
