extension HeaderName {
    /// The known header whose name starts at `start`, the colon right behind it, and the name's length;
    /// `.other` and 0 when it is not so plain. Reads words, no single bytes: a known name needs no check of
    /// its characters.
    @inline(__always)
    static func recognise(in view: ByteView, at start: Int) -> (name: HeaderName, length: Int) {
        guard start &+ 8 <= view.count else { return (.other, 0) }
        let head = view.word(at: start)
        var hits = bytes(equalTo: UInt8(ascii: ":"), in: head)
        if hits != 0 {
            let length = hits.trailingZeroBitCount &>> 3
            let key = fold(head) & ((1 &<< UInt64(length &* 8)) &- 1)
            return (identifyShort(key, length: length), length)
        }
        guard start &+ 16 <= view.count else { return (.other, 0) }
        let middle = view.word(at: start &+ 8)
        var length = 8
        hits = bytes(equalTo: UInt8(ascii: ":"), in: middle)
        if hits == 0 {
            guard start &+ 24 <= view.count else { return (.other, 0) }
            hits = bytes(equalTo: UInt8(ascii: ":"), in: view.word(at: start &+ 16))
            guard hits != 0 else { return (.other, 0) }
            length = 16
        }
        length &+= hits.trailingZeroBitCount &>> 3
        if length == 8 { return (identifyShort(fold(head), length: 8), 8) }
        let tail = fold(view.word(at: start &+ length &- 8))
        return (identifyLong(head: fold(head), middle: fold(middle), tail: tail, length: length), length)
    }

    /// The header whose name fills `start..<end`.
    ///
    /// Names are told apart by their length and then by whole words of letters: the first eight, the last
    /// eight and, above sixteen, the middle eight.
    static func identify(in view: ByteView, from start: Int, to end: Int) -> HeaderName {
        let length = end &- start
        guard length >= 8 else {
            var key: UInt64 = 0
            for index in 0..<length { key |= UInt64(view[start &+ index]) &<< UInt64(index &* 8) }
            return identifyShort(fold(key), length: length)
        }
        let head = fold(view.word(at: start))
        if length == 8 { return identifyShort(head, length: 8) }
        let middle = length >= 16 ? fold(view.word(at: start &+ 8)) : 0
        return identifyLong(head: head, middle: middle, tail: fold(view.word(at: end &- 8)), length: length)
    }

    /// Letters in lower case. Some other characters above 63 change as well, but none becomes a letter.
    @inline(__always)
    private static func fold(_ word: UInt64) -> UInt64 {
        word | (word & 0x4040_4040_4040_4040) &>> 1
    }

    /// The top bit of the first byte that is `byte`, and perhaps of some behind it.
    @inline(__always)
    private static func bytes(equalTo byte: UInt8, in word: UInt64) -> UInt64 {
        let difference = word ^ (UInt64(byte) &* 0x0101_0101_0101_0101)
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }

    @inline(__always)
    private static func identifyShort(_ key: UInt64, length: Int) -> HeaderName {
        switch length {
        case 1: return identifyCompact(UInt8(truncatingIfNeeded: key))
        case 2:
            if key == word("to") { return .to }
        case 3:
            if key == word("via") { return .via }
        case 4:
            if key == word("from") { return .from }
            if key == word("cseq") { return .cSeq }
            if key == word("path") { return .path }
            if key == word("date") { return .date }
            if key == word("join") { return .join }
            if key == word("rack") { return .rAck }
            if key == word("rseq") { return .rSeq }
        case 5:
            if key == word("route") { return .route }
            if key == word("allow") { return .allow }
            if key == word("event") { return .event }
        case 6:
            if key == word("server") { return .server }
            if key == word("accept") { return .accept }
            if key == word("min-se") { return .minSE }
            if key == word("reason") { return .reason }
        case 7:
            if key == word("call-id") { return .callID }
            if key == word("contact") { return .contact }
            if key == word("expires") { return .expires }
            if key == word("require") { return .require }
            if key == word("subject") { return .subject }
            if key == word("warning") { return .warning }
            if key == word("privacy") { return .privacy }
        case 8:
            if key == word("sip-etag") { return .sipETag }
            if key == word("priority") { return .priority }
            if key == word("refer-to") { return .referTo }
            if key == word("replaces") { return .replaces }
            if key == word("reply-to") { return .replyTo }
            if key == word("identity") { return .identity }
        default: break
        }
        return .other
    }

    /// RFC 3261 §7.3.3 and the registry of compact forms.
    @inline(__always)
    private static func identifyCompact(_ letter: UInt8) -> HeaderName {
        switch letter {
        case UInt8(ascii: "a"): return .acceptContact
        case UInt8(ascii: "b"): return .referredBy
        case UInt8(ascii: "c"): return .contentType
        case UInt8(ascii: "d"): return .requestDisposition
        case UInt8(ascii: "e"): return .contentEncoding
        case UInt8(ascii: "f"): return .from
        case UInt8(ascii: "i"): return .callID
        case UInt8(ascii: "j"): return .rejectContact
        case UInt8(ascii: "k"): return .supported
        case UInt8(ascii: "l"): return .contentLength
        case UInt8(ascii: "m"): return .contact
        case UInt8(ascii: "n"): return .identityInfo
        case UInt8(ascii: "o"): return .event
        case UInt8(ascii: "r"): return .referTo
        case UInt8(ascii: "s"): return .subject
        case UInt8(ascii: "t"): return .to
        case UInt8(ascii: "u"): return .allowEvents
        case UInt8(ascii: "v"): return .via
        case UInt8(ascii: "x"): return .sessionExpires
        case UInt8(ascii: "y"): return .identity
        default: return .other
        }
    }

    @inline(__always)
    private static func identifyLong(head: UInt64, middle: UInt64, tail: UInt64, length: Int) -> HeaderName {
        switch length {
        case 9:
            if head == word("supporte"), tail == word("upported") { return .supported }
            if head == word("timestam"), tail == word("imestamp") { return .timestamp }
            if head == word("call-inf"), tail == word("all-info") { return .callInfo }
            if head == word("diversio"), tail == word("iversion") { return .diversion }
        case 10:
            if head == word("user-age"), tail == word("er-agent") { return .userAgent }
            if head == word("alert-in"), tail == word("ert-info") { return .alertInfo }
            if head == word("error-in"), tail == word("ror-info") { return .errorInfo }
        case 11:
            if head == word("min-expi"), tail == word("-expires") { return .minExpires }
            if head == word("unsuppor"), tail == word("upported") { return .unsupported }
            if head == word("retry-af"), tail == word("ry-after") { return .retryAfter }
            if head == word("referred"), tail == word("erred-by") { return .referredBy }
            if head == word("in-reply"), tail == word("reply-to") { return .inReplyTo }
        case 12:
            if head == word("max-forw"), tail == word("forwards") { return .maxForwards }
            if head == word("record-r"), tail == word("rd-route") { return .recordRoute }
            if head == word("content-"), tail == word("ent-type") { return .contentType }
            if head == word("mime-ver"), tail == word("-version") { return .mimeVersion }
            if head == word("allow-ev"), tail == word("w-events") { return .allowEvents }
            if head == word("sip-if-m"), tail == word("if-match") { return .sipIfMatch }
            if head == word("organiza"), tail == word("nization") { return .organization }
            if head == word("history-"), tail == word("ory-info") { return .historyInfo }
        case 13:
            if head == word("proxy-re"), tail == word("-require") { return .proxyRequire }
            if head == word("authoriz"), tail == word("rization") { return .authorization }
            if head == word("service-"), tail == word("ce-route") { return .serviceRoute }
            if head == word("identity"), tail == word("ity-info") { return .identityInfo }
        case 14:
            if head == word("content-"), tail == word("t-length") { return .contentLength }
            if head == word("accept-c"), tail == word("-contact") { return .acceptContact }
            if head == word("reject-c"), tail == word("-contact") { return .rejectContact }
        case 15:
            if head == word("accept-e"), tail == word("encoding") { return .acceptEncoding }
            if head == word("accept-l"), tail == word("language") { return .acceptLanguage }
            if head == word("session-"), tail == word("-expires") { return .sessionExpires }
        case 16:
            if head == word("content-"), tail == word("encoding") { return .contentEncoding }
            if head == word("content-"), tail == word("language") { return .contentLanguage }
            if head == word("www-auth"), tail == word("enticate") { return .wwwAuthenticate }
        case 17:
            if head == word("p-chargi"), middle == word("ng-vecto"), tail == word("g-vector") {
                return .pChargingVector
            }
        case 18:
            if head == word("proxy-au"), middle == word("thentica"), tail == word("enticate") {
                return .proxyAuthenticate
            }
            if head == word("subscrip"), middle == word("tion-sta"), tail == word("on-state") {
                return .subscriptionState
            }
        case 19:
            if head == word("content-"), middle == word("disposit"), tail == word("position") {
                return .contentDisposition
            }
            if head == word("proxy-au"), middle == word("thorizat"), tail == word("rization") {
                return .proxyAuthorization
            }
            if head == word("authenti"), middle == word("cation-i"), tail == word("ion-info") {
                return .authenticationInfo
            }
            if head == word("request-"), middle == word("disposit"), tail == word("position") {
                return .requestDisposition
            }
            if head == word("p-assert"), middle == word("ed-ident"), tail == word("identity") {
                return .pAssertedIdentity
            }
        case 20:
            if head == word("p-prefer"), middle == word("red-iden"), tail == word("identity") {
                return .pPreferredIdentity
            }
        default: break
        }
        return .other
    }
}
