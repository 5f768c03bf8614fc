import SIPMessage
import Testing

@Suite("Edits")
struct EditsTests {
    private let text = Sample.request(
        adding: [
            "Route: <sip:r1@example.com;lr>, <sip:r2@example.com;lr> ,<sip:r3@example.com;lr>", "Content-Length: 4",
        ], body: "body")

    @Test("none leave the message as it is")
    func none() {
        let parsed = Parsed(text)
        var isEmpty = false
        let edited = parsed.edited { edits, _ in isEmpty = edits.isEmpty }
        #expect(edited == text)
        #expect(isEmpty)
    }

    @Test("what a proxy does: a Via on top, one hop less, received and rport")
    func proxy() {
        let parsed = Parsed(
            Sample.request("Via", ["Via: SIP/2.0/UDP example.com;rport;branch=z9hG4bK1 , SIP/2.0/UDP b"]))
        let edited = parsed.edited { edits, message in
            let hops = message.value(.maxForwards)
            edits.begin(at: hops.start, removing: hops.count)
            edits.appendDecimal(message.maxForwards - 1)
            edits.end()
            edits.begin(at: message.startLineEnd)
            edits.append("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK")
            edits.appendHex(0xABC, digits: 5)
            edits.append(byte: UInt8(ascii: "\r"))
            edits.append("\n")
            edits.end()
            edits.noteSource(address: UnsafeRawBufferPointer("192.0.2.1"), port: 5099, of: message)
        }
        #expect(
            edited
                == Sample.request(
                    "Via",
                    [
                        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK00abc",
                        "Via: SIP/2.0/UDP example.com;rport=5099;branch=z9hG4bK1;received=192.0.2.1 , SIP/2.0/UDP b",
                    ]
                ).replacing("Max-Forwards: 70", with: "Max-Forwards: 69"))
    }

    @Test("what a client claims about its own address is replaced")
    func claims() {
        let parsed = Parsed(
            Sample.request("Via", ["Via: SIP/2.0/UDP a;received=192.0.2.66;rport = 66;branch=z9hG4bK1"]))
        let edited = parsed.edited { $0.noteSource(address: UnsafeRawBufferPointer("192.0.2.1"), port: 5099, of: $1) }
        #expect(
            edited == Sample.request("Via", ["Via: SIP/2.0/UDP a;received=192.0.2.1;rport=5099;branch=z9hG4bK1"]))
    }

    @Test("headers are removed with their folds, and inserted anywhere")
    func headers() {
        let parsed = Parsed(Sample.request(adding: ["Subject: a", " b", "X: y"]))
        #expect(
            parsed.edited { $0.removeHeader($1.first(.subject), of: $1) } == Sample.request(adding: ["X: y"]))
        #expect(
            parsed.edited {
                $0.removeHeader($1.first(.subject), of: $1)
                $0.insertHeader("Server", value: UnsafeRawBufferPointer("s"), at: $1.headerCount, of: $1)
                $0.insertHeader("Organization", value: UnsafeRawBufferPointer("o"), at: $1.headerCount - 1, of: $1)
            } == Sample.request(adding: ["Organization: o", "X: y", "Server: s"]))
    }

    @Test(
        "a list element is removed with one comma",
        arguments: [
            (0, "Route: <sip:r2@example.com;lr> ,<sip:r3@example.com;lr>"),
            (1, "Route: <sip:r1@example.com;lr>, <sip:r3@example.com;lr>"),
            (2, "Route: <sip:r1@example.com;lr>, <sip:r2@example.com;lr>"),
        ])
    func element(index: Int, expected: String) {
        let parsed = Parsed(text)
        let element = parsed.elements(.route)[index]
        let edited = parsed.edited { $0.removeElement(element, of: $1) }
        #expect(edited?.contains("\r\n" + expected + "\r\n") == true, "\(edited ?? "")")
    }

    @Test("the only element of a header is removed with the header")
    func onlyElement() {
        let parsed = Parsed(Sample.request(adding: ["Route: <sip:r1@example.com;lr>", "X: y"]))
        #expect(
            parsed.edited { $0.removeElement(parsed.elements(.route)[0], of: $1) } == Sample.request(adding: ["X: y"]))
    }

    @Test("several elements are removed in any order, and with the last one the header")
    func severalElements() {
        let names = ["a", "b", "c", "d"]
        let parsed = Parsed(Sample.request(adding: ["Supported: a , b,\r\n c,d", "X: y"]))
        let elements = parsed.elements(.supported)
        // Every order of every subset: four digits to the base of four, read until one repeats.
        for code in 0..<256 {
            var victims: [Int] = []
            for position in 0..<4 {
                let victim = code >> (position * 2) & 3
                if victims.contains(victim) { break }
                victims.append(victim)
            }
            let edited = parsed.edited { for victim in victims { $0.removeElement(elements[victim], of: $1) } }
            let after = edited.map { Parsed($0) }
            let left = names.indices.filter { !victims.contains($0) }.map { names[$0] }
            #expect(after?.values(.supported).count == (left.isEmpty ? 0 : 1), "\(victims)")
            let value = after?.values(.supported).first ?? ""
            let words = value.split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.filter { $0.isLetter } }
            #expect(words.filter { !$0.isEmpty } == left, "\(victims)")
            #expect(left.isEmpty || !words.contains(""), "no comma without an element: \(victims), \(value)")
            #expect(after?.values(named: "X") == ["y"])
        }
    }

    @Test("insertions at one offset stay in the order of the calls")
    func order() {
        let parsed = Parsed(text)
        let edited = parsed.edited { edits, message in
            for name in ["B: 1\r\n", "A: 2\r\n", "C: 3\r\n"] {
                withText(name) { _, bytes in edits.insert(bytes, at: message.startLineEnd) }
            }
        }
        #expect(edited?.contains("SIP/2.0\r\nB: 1\r\nA: 2\r\nC: 3\r\nVia:") == true)
    }

    @Test("the last replacement of a value wins")
    func replacedTwice() {
        let parsed = Parsed(Sample.request(adding: []))
        let edited = parsed.edited { edits, message in
            edits.replace(message.requestURI, with: UnsafeRawBufferPointer("sip:first@example.com"))
            edits.replace(message.requestURI, with: UnsafeRawBufferPointer("sip:last@example.com"))
        }
        #expect(edited == Sample.request(startLine: "OPTIONS sip:last@example.com SIP/2.0"))
    }

    @Test("a removal takes the edits inside it with it, before or after")
    func nested() {
        let parsed = Parsed(Sample.request(adding: ["X: y"]))
        let without = Sample.request(adding: [])
        for isValueFirst in [true, false] {
            let edited = parsed.edited { edits, message in
                let index = message.headerCount - 1
                if !isValueFirst { edits.removeHeader(index, of: message) }
                edits.replace(message.header(index).value, with: UnsafeRawBufferPointer("z"))
                edits.insert(UnsafeRawBufferPointer("w"), at: message.header(index).value.end)
                if isValueFirst { edits.removeHeader(index, of: message) }
            }
            #expect(edited == without)
        }
    }

    @Test("another body brings its Content-Length, which is added when there was none")
    func body() {
        let parsed = Parsed(text)
        let edited = parsed.edited { $0.replaceBody(with: UnsafeRawBufferPointer("another"), of: $1) }
        #expect(
            edited == text.replacing("Length: 4", with: "Length: 7").replacing("\r\n\r\nbody", with: "\r\n\r\nanother"))

        let without = Parsed(Sample.request(adding: [], body: "old"))
        #expect(
            without.edited { $0.replaceBody(with: UnsafeRawBufferPointer("new!"), of: $1) }
                == Sample.request(adding: ["Content-Length: 4"], body: "new!"))
    }

    @Test("a message that does not fit is not written, one that just fits is")
    func capacity() {
        let parsed = Parsed(text)
        let change: (inout MessageEdits, borrowing SIPMessage) -> Void = { edits, message in
            edits.insert(UnsafeRawBufferPointer("X: y\r\n"), at: message.startLineEnd)
        }
        #expect(parsed.edited(capacity: text.utf8.count + 6, change) != nil)
        for capacity in 0..<text.utf8.count + 6 { #expect(parsed.edited(capacity: capacity, change) == nil) }
    }

    @Test("too many edits, or too long ones, overflow until they are forgotten")
    func overflow() {
        let parsed = Parsed(text)
        var edits = MessageEdits()
        for _ in 0..<MessageEdits.editsMax { edits.insert(UnsafeRawBufferPointer("a"), at: 0) }
        let isFine = !edits.overflowed
        #expect(isFine)
        edits.insert(UnsafeRawBufferPointer("a"), at: 0)
        let hasOverflowed = edits.overflowed
        #expect(hasOverflowed)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 70_000, alignment: 1)
        defer { output.deallocate() }
        let refused = edits.serialise(parsed.message, into: output)
        #expect(refused == -1)

        edits.removeAll()
        let long = [UInt8](repeating: 0x61, count: MessageEdits.arenaBytesMax)
        long.withUnsafeBytes { edits.insert($0, at: 0) }
        let fits = !edits.overflowed
        #expect(fits)
        edits.insert(UnsafeRawBufferPointer("a"), at: 0)
        let tooLong = edits.overflowed
        #expect(tooLong)
        edits.removeAll()
        let written = edits.serialise(parsed.message, into: output)
        #expect(written == text.utf8.count)
    }

    @Test("numbers are written in full", arguments: [0, 7, 10, 65_535, -1, Int.max, Int.min])
    func decimal(number: Int) {
        let edited = Parsed(text).edited { edits, _ in
            edits.begin(at: 0)
            edits.appendDecimal(number)
            edits.end()
        }
        #expect(edited == "\(number)" + text)
    }
}
