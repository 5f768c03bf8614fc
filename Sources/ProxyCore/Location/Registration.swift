internal import SIPMessage

/// Why a REGISTER is refused: the response it gets.
struct RegistrationRefusal: Error, Equatable {
    var code: Int
    var reason: String
    /// Complete lines, each with its CRLF.
    var headers = ""
}

/// What a REGISTER asks for, read and checked as far as that goes without knowing the bindings (RFC 3261 §10.3).
struct Registration {
    struct Contact {
        var uri: [UInt8]
        var q: Int?
        /// Seconds asked for; nil: the registrar's default.
        var seconds: Int?
    }

    var address: AddressOfRecord
    var callID: [UInt8]
    var cSeq: UInt32
    var contacts: [Contact] = []
    /// `Contact: *`: remove all.
    var removesAll = false

    /// - Parameter contactsMax: contacts that an address may have.
    init(_ message: borrowing SIPMessage, contactsMax: Int) throws(RegistrationRefusal) {
        try Self.checkRequire(message)
        let to = message.toAddress.uri
        guard let uri = SIPURI.parse(to, in: message.bytes), let address = AddressOfRecord(uri, in: message.bytes)
        else {
            throw RegistrationRefusal(code: 400, reason: "Address of Record Not Usable")
        }
        guard message.callID.count <= ContactBinding.callIDBytesMax else {
            throw RegistrationRefusal(code: 400, reason: "Call-ID Too Long")
        }
        self.address = address
        callID = Array(message.bytes(message.callID))
        cSeq = message.cSeqNumber
        let seconds = Self.seconds(message.bytes(message.value(.expires)))
        try readContacts(message, seconds: seconds, contactsMax: contactsMax)
        guard removesAll else { return }
        // §10.2.2: only with Expires: 0, and alone.
        guard contacts.isEmpty, seconds == 0 else {
            throw RegistrationRefusal(code: 400, reason: "Contact * Needs Expires 0 and No Other Contact")
        }
    }

    /// §10.3 step 2: no extension that a request could require of a registrar is supported.
    private static func checkRequire(_ message: borrowing SIPMessage) throws(RegistrationRefusal) {
        guard message.first(.require) >= 0 else { return }
        var tags: [String] = []
        var cursor = message.elements(of: .require)
        while tags.count < unsupportedTagsMax, let element = cursor.next(in: message) {
            tags.append(String(decoding: message.bytes(element.value), as: UTF8.self))
        }
        throw RegistrationRefusal(
            code: 420, reason: "Bad Extension", headers: "Unsupported: \(tags.joined(separator: ", "))\r\n")
    }

    /// Option tags that one `Unsupported` names.
    private static let unsupportedTagsMax = 16

    private mutating func readContacts(
        _ message: borrowing SIPMessage, seconds: Int?, contactsMax: Int
    ) throws(RegistrationRefusal) {
        var cursor = message.elements(of: .contact)
        while let element = cursor.next(in: message) {
            if element.value.count == 1, message.bytes[element.value.start] == UInt8(ascii: "*") {
                removesAll = true
                continue
            }
            // An update may replace as many contacts as it may leave.
            guard contacts.count < 2 * contactsMax else { throw .tooManyContacts }
            contacts.append(try Self.contact(element.value, message, seconds: seconds))
        }
    }

    private static func contact(
        _ range: ByteRange, _ message: borrowing SIPMessage, seconds: Int?
    ) throws(RegistrationRefusal) -> Contact {
        let bytes = message.bytes
        guard let value = NameAddress.parse(range, in: bytes), let uri = SIPURI.parse(value.uri, in: bytes) else {
            throw RegistrationRefusal(code: 400, reason: "Malformed Contact")
        }
        guard uri.scheme == .sip || uri.scheme == .sips else {
            throw RegistrationRefusal(code: 400, reason: "Contact Is No SIP URI")
        }
        // A Request-URI has no headers (§19.1.1): they are not kept.
        let end = uri.headers.isAbsent ? value.uri.end : uri.headers.start - 1
        let text = bytes[value.uri.start..<end]
        guard ContactBinding.isUsable(text) else {
            throw RegistrationRefusal(code: 400, reason: "Contact Not Usable")
        }
        var contact = Contact(uri: Array(text), q: nil, seconds: seconds)
        if let range = value.parameter("q", in: bytes) {
            guard let q = thousandths(message.bytes(range)) else {
                throw RegistrationRefusal(code: 400, reason: "Malformed q of Contact")
            }
            contact.q = q
        }
        if let range = value.parameter("expires", in: bytes) {
            contact.seconds = Self.seconds(message.bytes(range))
        }
        return contact
    }

    /// Delta seconds. Malformed ones and none: nil, the default (§20.19 and §10.2.1.1 ask for leniency).
    private static func seconds(_ text: UnsafeRawBufferPointer) -> Int? {
        guard !text.isEmpty else { return nil }
        var value = 0
        for byte in text {
            guard byte &- UInt8(ascii: "0") < 10 else { return nil }
            // 2³² − 1 is the most that the grammar means; more is as long as that.
            value = min(value * 10 + Int(byte - UInt8(ascii: "0")), Int(UInt32.max))
        }
        return value
    }

    /// A qvalue (§25.1): "0" or "1", with up to three decimals, at most 1.
    static func thousandths(_ text: UnsafeRawBufferPointer) -> Int? {
        guard let first = text.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else { return nil }
        var value = first == UInt8(ascii: "1") ? 1_000 : 0
        if text.count == 1 { return value }
        guard text[1] == UInt8(ascii: "."), text.count <= 5 else { return nil }
        var unit = 100
        for byte in text[2...] {
            guard byte &- UInt8(ascii: "0") < 10 else { return nil }
            value += Int(byte - UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return value <= 1_000 ? value : nil
    }
}

extension RegistrationRefusal {
    static let tooManyContacts = RegistrationRefusal(code: 403, reason: "Too Many Contacts")
}
