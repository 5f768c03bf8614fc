/// A message as text, for tests that look at what was sent. Unfolds nothing and keeps the order of headers.
struct WireMessage: CustomStringConvertible {
    let text: String
    let startLine: String
    let headers: [(name: String, value: String)]
    let body: String

    init(_ text: String) {
        self.text = text
        let split = text.range(of: "\r\n\r\n")
        let head = split.map { String(text[..<$0.lowerBound]) } ?? text
        body = split.map { String(text[$0.upperBound...]) } ?? ""
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        startLine = lines[0]
        headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : ""
            return (String(parts[0]), String(value.drop { $0 == " " }))
        }
    }

    var description: String { text }

    /// The values of all headers of a name, in order.
    subscript(name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    var isRequest: Bool { !startLine.hasPrefix("SIP/2.0 ") }
    /// 0 for a request.
    var code: Int { isRequest ? 0 : Int(startLine.split(separator: " ")[1]) ?? 0 }
    var method: String { String(startLine.split(separator: " ")[0]) }
    var uri: String { String(startLine.split(separator: " ")[1]) }

    /// The branch of the Via at a position, top first.
    func branch(_ index: Int = 0) -> String {
        guard index < self["Via"].count else { return "" }
        let parts = self["Via"][index].split(separator: ";")
        return parts.first { $0.hasPrefix("branch=") }.map { String($0.dropFirst(7)) } ?? ""
    }

    /// A tag parameter's value, empty without one.
    func tag(of name: String) -> String {
        guard let value = self[name].first, let start = value.range(of: ";tag=") else { return "" }
        return String(value[start.upperBound...].prefix { $0 != ";" })
    }

    /// A response to this request as a user agent server writes it.
    func response(
        _ code: Int, _ reason: String = "Some Reason", tag: String = "uas", headers extra: [String] = [],
        method: String? = nil
    ) -> String {
        var lines = ["SIP/2.0 \(code) \(reason)"]
        for via in self["Via"] { lines.append("Via: \(via)") }
        for route in self["Record-Route"] { lines.append("Record-Route: \(route)") }
        lines.append("From: \(self["From"].first ?? "")")
        let to = self["To"].first ?? ""
        lines.append(code == 100 || to.contains(";tag=") ? "To: \(to)" : "To: \(to);tag=\(tag)")
        lines.append("Call-ID: \(self["Call-ID"].first ?? "")")
        let number = self["CSeq"].first?.split(separator: " ").first ?? "1"
        lines.append("CSeq: \(number) \(method ?? self.method)")
        lines += extra
        lines.append("Content-Length: 0")
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }
}

extension String {
    /// The range of the first occurrence of some text.
    fileprivate func range(of other: String) -> Range<String.Index>? {
        ranges(of: other).first
    }

    /// Multi-line literals have plain line feeds; the wire has CRLF, and an empty line after the headers.
    var onTheWire: String {
        split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n") + "\r\n\r\n"
    }
}

/// A request from alice, with everything that a test may want to be different.
struct RequestText {
    var method = "INVITE"
    var uri = "sip:bob@192.0.2.200"
    var via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bKalice1"
    var maxForwards: String? = "70"
    var from = "Alice <sip:alice@example.com>;tag=a1"
    var to = "Bob <sip:bob@example.com>"
    var callID = "call1@192.0.2.100"
    var cSeq = 1
    /// Whole header lines, before Content-Length.
    var headers: [String] = []
    var body = ""

    init(_ change: (inout RequestText) -> Void = { _ in }) {
        change(&self)
    }

    init(_ method: String, _ change: (inout RequestText) -> Void = { _ in }) {
        self.method = method
        change(&self)
    }

    var text: String {
        var lines = ["\(method) \(uri) SIP/2.0", "Via: \(via)"]
        if let maxForwards { lines.append("Max-Forwards: \(maxForwards)") }
        lines += ["From: \(from)", "To: \(to)", "Call-ID: \(callID)", "CSeq: \(cSeq) \(method)"]
        lines += headers
        lines.append("Content-Length: \(body.utf8.count)")
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// The same with changes.
    func with(_ change: (inout RequestText) -> Void) -> RequestText {
        var copy = self
        change(&copy)
        return copy
    }
}
