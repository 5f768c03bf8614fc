internal import Reactor
public import Storage

/// Bindings on the control socket. Bytes that are no text are shown as replacement characters.
extension LocationRow {
    public var json: JSONValue {
        var fields: [(key: String, value: JSONValue)] = [
            (key: "username", value: .string(String(decoding: username, as: UTF8.self))),
            (key: "domain", value: .string(String(decoding: domain, as: UTF8.self))),
            (key: "contact", value: .string(String(decoding: contact, as: UTF8.self))),
            (key: "expires", value: .integer(Int(expires))),
        ]
        if let q { fields.append((key: "q", value: .number(Double(q) / 1_000))) }
        if let received = receivedURI { fields.append((key: "received", value: .string(received))) }
        fields.append((key: "callid", value: .string(String(decoding: callID, as: UTF8.self))))
        fields.append((key: "cseq", value: .integer(Int(cSeq))))
        return .object(fields)
    }

    /// nil when a field that must be there is not, or is of the wrong kind.
    public init?(json: JSONValue) {
        guard let domain = json["domain"]?.stringValue, let contact = json["contact"]?.stringValue,
            let expires = json["expires"]?.integerValue, let cSeq = UInt32(exactly: json["cseq"]?.integerValue ?? 0)
        else { return nil }
        self.init(
            username: Array((json["username"]?.stringValue ?? "").utf8), domain: Array(domain.utf8),
            contact: Array(contact.utf8), receivedURI: Array((json["received"]?.stringValue ?? "").utf8),
            expires: Int64(expires), q: json["q"]?.doubleValue, callID: Array((json["callid"]?.stringValue ?? "").utf8),
            cSeq: cSeq)
    }
}
