/// Why a message is malformed, where, and what it deserves.
///
/// A few bytes, no text of its own: it travels by typed throws and by value on the packet path.
public struct ParseError: Error, Equatable, Sendable {
    /// One case for each malformation.
    public enum Kind: UInt8, Sendable, CaseIterable {
        // The frame.
        case startLine, version, bareCarriageReturn, bareLineFeed, headerLine, unterminatedHeaders
        // The start line's parts.
        case requestURI, requestURIBrackets, requestURIWhitespace, requestURIHeaders, statusCode
        // Headers that every message has (RFC 3261 §8.1.1).
        case missingVia, missingFrom, missingTo, missingCallID, missingCSeq
        case duplicateFrom, duplicateTo, duplicateCallID, duplicateCSeq, duplicateMaxForwards
        // Values.
        case via, from, to, callID, cSeq, cSeqNumber, cSeqMethod, maxForwards
        // Framing of the body.
        case contentLength, contentLengthConflict, contentLengthTooLarge, missingContentLength
    }

    public var kind: Kind
    /// The byte at which it shows, counted from the start line's first.
    public var offset: UInt16
    /// The status code of the answer it deserves, or 0 when nothing may be answered: to a response, to an
    /// ACK, and to a message without a Via, which no client could match to its request.
    public var responseCode: UInt16

    public init(kind: Kind, offset: UInt16, responseCode: UInt16) {
        self.kind = kind
        self.offset = offset
        self.responseCode = responseCode
    }

    /// What a client is told when it may be told anything: 505 for another version of SIP
    /// (RFC 3261 §21.5.6), 400 for the rest (§21.4.1).
    public static func responseCode(for kind: Kind) -> UInt16 {
        kind == .version ? 505 : 400
    }

    /// One line for logs and for the reason phrase.
    public var text: StaticString {
        switch kind {
        case .startLine: "Malformed Start Line"
        case .version: "Version Not Supported"
        case .bareCarriageReturn: "CR Without LF"
        case .bareLineFeed: "LF Without CR"
        case .headerLine: "Malformed Header Line"
        case .unterminatedHeaders: "No Empty Line After Headers"
        case .requestURI: "Malformed Request-URI"
        case .requestURIBrackets: "Request-URI In Angle Brackets"
        case .requestURIWhitespace: "White Space In Request Line"
        case .requestURIHeaders: "Headers In Request-URI"
        case .statusCode: "Invalid Status Code"
        case .missingVia: "Missing Via"
        case .missingFrom: "Missing From"
        case .missingTo: "Missing To"
        case .missingCallID: "Missing Call-ID"
        case .missingCSeq: "Missing CSeq"
        case .duplicateFrom: "More Than One From"
        case .duplicateTo: "More Than One To"
        case .duplicateCallID: "More Than One Call-ID"
        case .duplicateCSeq: "More Than One CSeq"
        case .duplicateMaxForwards: "More Than One Max-Forwards"
        case .via: "Malformed Via"
        case .from: "Malformed From"
        case .to: "Malformed To"
        case .callID: "Malformed Call-ID"
        case .cSeq: "Malformed CSeq"
        case .cSeqNumber: "CSeq Number Out Of Range"
        case .cSeqMethod: "CSeq Method Does Not Match Request"
        case .maxForwards: "Invalid Max-Forwards"
        case .contentLength: "Invalid Content-Length"
        case .contentLengthConflict: "Conflicting Content-Length"
        case .contentLengthTooLarge: "Content-Length Larger Than Message"
        case .missingContentLength: "Missing Content-Length"
        }
    }
}
