import Foundation
import SIPMessage
import Testing

/// The messages of RFC 4475, of which the corpus beside a checkout has copies.
enum TortureCorpus {
    static let folder: URL = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let corpus = ProcessInfo.processInfo.environment["SIP_CORPUS"] ?? "../shared/corpus"
        return URL(fileURLWithPath: corpus, relativeTo: root).appendingPathComponent("rfc4475")
    }()

    static var isThere: Bool { FileManager.default.fileExists(atPath: folder.path) }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name + ".dat")))
    }
}

@Suite("RFC 4475 at the parser", .enabled(if: TortureCorpus.isThere, "no corpus: set SIP_CORPUS"))
struct TortureTests {
    /// §3.1.1, §3.2, §3.3, §3.4: what a parser must take. What else is wrong with some of them is for the
    /// elements behind it: the reason says what and whose.
    static let taken: [(String, String)] = [
        ("wsinv", "3.1.1.1 valid: folds, white space and compact forms everywhere"),
        ("intmeth", "3.1.1.2 valid: the whole range of characters, NUL in quotes too"),
        ("esc01", "3.1.1.3 valid: escapes in URIs"),
        ("escnull", "3.1.1.4 valid: escaped NULs are characters of the user part"),
        ("esc02", "3.1.1.5 valid: percent signs that escape nothing"),
        ("lwsdisp", "3.1.1.6 valid: a display name touches its bracket"),
        ("longreq", "3.1.1.7 valid: long values"),
        ("dblreq", "3.1.1.8 valid: what follows the message in its datagram is dropped"),
        ("semiuri", "3.1.1.9 valid: semicolons in the user part"),
        ("transports", "3.1.1.10 valid: known and unknown transports"),
        ("mpart01", "3.1.1.11 valid: a multipart body with NULs"),
        ("unreason", "3.1.1.12 valid: a reason phrase in UTF-8"),
        ("noreason", "3.1.1.13 valid: an empty reason phrase"),
        ("baddate", "3.1.2.12 a Date outside GMT matters to who uses it; RFC 3261 §16.3: a proxy does not"),
        ("regbadct", "3.1.2.13 a Contact without brackets: 400 by the registrar that reads it, or liberal"),
        ("badbranch", "3.2.1 a bare magic cookie: liberal, taken for a client of RFC 2543"),
        ("unkscm", "3.3.2 unknown scheme: 416 by the proxy"),
        ("novelsc", "3.3.3 a scheme that is known elsewhere: 416 by the proxy"),
        ("unksm2", "3.3.4 unknown schemes in To and Contact: for the registrar"),
        ("bext01", "3.3.5 unknown extensions: 420 by the proxy for Proxy-Require"),
        ("invut", "3.3.6 unknown body type: 415 by the user agent"),
        ("regaut01", "3.3.7 unknown authentication scheme: for the registrar"),
        ("bcast", "3.3.10 a response with another's Via: dropped by the transport"),
        ("zeromf", "3.3.11 no hops left: 483 by the proxy"),
        ("cparam01", "3.3.12 unknown Contact parameters are ignored"),
        ("cparam02", "3.3.13 Contact URI parameters are the URI's"),
        ("regescrt", "3.3.14 an escaped Route in a Contact is the URI's"),
        ("sdp01", "3.3.15 several body types accepted"),
        ("inv2543", "3.4.1 RFC 2543: no tag, no branch, no Max-Forwards"),
    ]

    /// §3.1.2, §3.3: what is answered, or dropped where nobody answers.
    static let rejected: [(String, ParseError.Kind, UInt16, String)] = [
        ("badinv01", .via, 400, "3.1.2.1 empty parameters and elements in Via: 400"),
        ("clerr", .contentLengthTooLarge, 400, "3.1.2.2 Content-Length past the datagram: 400"),
        ("ncl", .contentLength, 400, "3.1.2.3 negative Content-Length: 400"),
        ("scalar02", .cSeqNumber, 400, "3.1.2.4 CSeq past 2^31, Max-Forwards past 255: 400 for the CSeq"),
        ("scalarlg", .cSeqNumber, 0, "3.1.2.5 the same in a response: discarded"),
        ("quotbal", .to, 400, "3.1.2.6 a quote that never closes: 400, inferring its end is a MAY"),
        ("ltgtruri", .requestURIBrackets, 400, "3.1.2.7 brackets around the Request-URI: 400"),
        ("lwsruri", .requestURIWhitespace, 400, "3.1.2.8 white space in the Request-URI: 400"),
        ("lwsstart", .requestURIWhitespace, 400, "3.1.2.9 more than one space in the request line: 400"),
        ("trws", .requestURIWhitespace, 400, "3.1.2.10 spaces behind the version: 400"),
        ("escruri", .requestURIHeaders, 400, "3.1.2.11 headers in the Request-URI: 400, they must not go further"),
        ("badaspec", .to, 400, "3.1.2.14 spaces within brackets: 400"),
        ("baddn", .from, 400, "3.1.2.15 a comma in an unquoted display name: 400"),
        ("badvers", .version, 505, "3.1.2.16 another version: 505"),
        ("mismatch01", .cSeqMethod, 400, "3.1.2.17 the CSeq has another method: 400"),
        ("mismatch02", .cSeqMethod, 400, "3.1.2.18 the same with an unknown method: 400, as a proxy knows no 501"),
        ("bigcode", .statusCode, 0, "3.1.2.19 a status code past 699: discarded"),
        ("insuf", .missingFrom, 400, "3.3.1 no From, To, Call-ID: 400 with what there is"),
        ("multi01", .duplicateCSeq, 400, "3.3.8 more than one CSeq, Call-ID, To, From, Max-Forwards: 400"),
        ("mcl01", .contentLengthConflict, 400, "3.3.9 two Content-Lengths: 400"),
    ]

    @Test("all 49 messages are in one table or the other")
    func count() throws {
        let names = Set(Self.taken.map(\.0) + Self.rejected.map(\.0))
        let files = try FileManager.default.contentsOfDirectory(atPath: TortureCorpus.folder.path)
            .filter { $0.hasSuffix(".dat") }.map { String($0.dropLast(4)) }
        #expect(names == Set(files))
        #expect(names.count == 49)
    }

    @Test("taken, and passed on byte for byte", arguments: taken)
    func takes(name: String, reason: String) throws {
        let bytes = try TortureCorpus.bytes(name)
        let parsed = Parsed(bytes)
        #expect(parsed.outcome == .complete(consumed: bytes.count), "\(reason)")
        var edits = MessageEdits()
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 1)
        defer { output.deallocate() }
        let count = edits.serialise(parsed.message, into: output)
        #expect(count == parsed.read { $0.byteCount })
        #expect(Array(output[0..<max(count, 0)]) == Array(bytes[0..<parsed.read { $0.byteCount }]), "\(reason)")
        // Every list in it can be walked and every address read.
        for header in [HeaderName.via, .route, .recordRoute] {
            for element in parsed.elements(header) {
                let isRead = parsed.read {
                    header == .via
                        ? Via.parse(element.value, in: $0.bytes) != nil
                        : NameAddress.parse(element.value, in: $0.bytes) != nil
                }
                #expect(isRead, "\(parsed.text(element.value))")
            }
        }
    }

    @Test("rejected for the right reason", arguments: rejected)
    func rejects(name: String, kind: ParseError.Kind, code: UInt16, reason: String) throws {
        let parsed = Parsed(try TortureCorpus.bytes(name))
        #expect(parsed.error == kind, "\(reason)")
        #expect(parsed.responseCode == code, "\(reason)")
        guard code > 0 else { return }
        // The answer is a message itself, but where the request lacks what it would echo.
        let answer = try #require(
            parsed.written { ResponseWriter.write(Int(code), to: $0, into: $1) })
        #expect(answer.hasPrefix("SIP/2.0 \(code) "))
        #expect(answer.hasSuffix("\r\nContent-Length: 0\r\n\r\n"))
    }

    @Test("the tortuous INVITE is read in all its parts")
    func wsinv() throws {
        let parsed = Parsed(try TortureCorpus.bytes("wsinv"))
        #expect(parsed.text { $0.toTag } == "1918181833n")
        #expect(parsed.text { $0.fromTag } == "98asjd8")
        #expect(parsed.read { $0.maxForwards } == 68)
        #expect(parsed.read { $0.cSeqNumber } == 9)
        #expect(parsed.read { $0.contentLength } == 150)
        #expect(parsed.text { $0.topVia.host } == "192.0.2.2")
        #expect(parsed.text { $0.topVia.branch } == "390skdjuw")
        #expect(parsed.elements(.via).count == 3)
        #expect(parsed.read { $0.topViaElement.isLast })
        #expect(parsed.values(.subject) == [""])
    }

    @Test("the widest range of characters is read in all its parts")
    func intmeth() throws {
        let parsed = Parsed(try TortureCorpus.bytes("intmeth"))
        #expect(parsed.text { $0.requestTarget.host } == "example.com")
        #expect(parsed.text { $0.requestTarget.password }.hasSuffix("(doesn't-it)"))
        #expect(parsed.text { $0.toAddress.displayName } == "BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7F}")
        #expect(parsed.read { $0.maxForwards } == 255)
    }

    @Test("what follows the message in its datagram is not its body")
    func dblreq() throws {
        let parsed = Parsed(try TortureCorpus.bytes("dblreq"))
        #expect(parsed.read { $0.contentLength } == 0)
        #expect(parsed.body.isEmpty)
        #expect(parsed.read { $0.byteCount < $0.bytes.count })
    }
}
