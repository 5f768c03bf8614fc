/// Writes responses to a request straight from its bytes (RFC 3261 §8.2.6).
///
/// Works on a malformed request too, as far as that has the headers to echo.
public enum ResponseWriter {
    /// What a response says beyond what it echoes.
    public struct Content {
        /// Empty: the standard phrase of the code.
        public var reason = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Added to the To of every response but 100, unless the request has one. Empty: none.
        public var toTag = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Complete lines, each with its CRLF.
        public var extraHeaders = UnsafeRawBufferPointer(start: nil, count: 0)
        public var body = UnsafeRawBufferPointer(start: nil, count: 0)
        /// Vias of our own on top of the request, not to be echoed.
        public var skippingVias = 0
        /// What to put into the top Via when the request's bytes do not say it yet (see
        /// `MessageEdits.noteSource`). Not together with `skippingVias`.
        public var received = UnsafeRawBufferPointer(start: nil, count: 0)
        public var rport = -1
        /// Further parameters for the top Via, each with its semicolon. Not together with `skippingVias`.
        public var viaParameters = UnsafeRawBufferPointer(start: nil, count: 0)

        public init() {}
    }

    /// Writes a response: the bytes written, or -1 when it does not fit.
    public static func write(
        _ code: Int, _ content: Content = Content(), to request: borrowing SIPMessage,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var writer = ByteWriter(output)
        writer.append("SIP/2.0 ")
        writer.appendDecimal(code)
        writer.append(" ")
        if content.reason.isEmpty { writer.append(defaultReason(code)) } else { writer.append(content.reason) }
        writer.append("\r\n")
        writeVias(content, of: request, to: &writer)
        if code > 100, code < 300, request.isDialogForming { writer.appendLines(of: .recordRoute, in: request) }
        writer.appendFirstLine(of: .from, in: request)
        writeTo(code, toTag: content.toTag, of: request, to: &writer)
        writer.appendFirstLine(of: .callID, in: request)
        writer.appendFirstLine(of: .cSeq, in: request)
        // RFC 3261 §8.2.6.1: a 100 repeats the Timestamp.
        if code == 100 { writer.appendFirstLine(of: .timestamp, in: request) }
        writer.append(content.extraHeaders)
        writer.append("Content-Length: ")
        writer.appendDecimal(content.body.count)
        writer.append("\r\n\r\n")
        writer.append(content.body)
        return writer.result
    }

    /// The same, spelled out.
    public static func write(
        _ code: Int, reason: UnsafeRawBufferPointer, to request: borrowing SIPMessage,
        toTag: UnsafeRawBufferPointer, extraHeaders: UnsafeRawBufferPointer,
        body: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), skippingVias: Int = 0,
        received: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), rport: Int = -1,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var content = Content()
        content.reason = reason
        content.toTag = toTag
        content.extraHeaders = extraHeaders
        content.body = body
        content.skippingVias = skippingVias
        content.received = received
        content.rport = rport
        return write(code, content, to: request, into: output)
    }

    private static func writeVias(
        _ content: Content, of request: borrowing SIPMessage, to writer: inout ByteWriter
    ) {
        var index = request.first(.via)
        if content.skippingVias > 0 {
            return writeViaElements(skipping: content.skippingVias, of: request, to: &writer)
        }
        let via = request.topVia
        let fillsIn =
            !content.received.isEmpty || (content.rport >= 0 && via.rport >= 0) || !content.viaParameters.isEmpty
        if index >= 0, !via.value.isAbsent, fillsIn {
            writeTopVia(via, content, line: request.header(index).line, of: request, to: &writer)
            index = request.next(after: index)
        }
        while index >= 0 {
            writer.append(request.bytes(request.header(index).line))
            index = request.next(after: index)
        }
    }

    /// The first Via line with `received` and `rport` filled in, in whatever order they stand.
    private static func writeTopVia(
        _ via: Via, _ content: Content, line: ByteRange, of request: borrowing SIPMessage,
        to writer: inout ByteWriter
    ) {
        var position = line.start
        let isThere = !via.receivedParameter.isAbsent
        let received = isThere ? via.receivedParameter : ByteRange(via.value.end, via.value.end)
        let receivedFirst = received.start < via.rportName.start
        if receivedFirst { writeReceived(content, at: received, isThere, request, &position, to: &writer) }
        if content.rport >= 0, via.rport >= 0 {
            writer.append(request.bytes(ByteRange(position, via.rportName.end)))
            writer.append("=")
            writer.appendDecimal(content.rport)
            position = via.rportParameter.end
        }
        if !receivedFirst { writeReceived(content, at: received, isThere, request, &position, to: &writer) }
        writer.append(request.bytes(ByteRange(position, via.value.end)))
        writer.append(content.viaParameters)
        position = via.value.end
        writer.append(request.bytes(ByteRange(position, line.end)))
    }

    private static func writeReceived(
        _ content: Content, at place: ByteRange, _ isThere: Bool, _ request: borrowing SIPMessage,
        _ position: inout Int, to writer: inout ByteWriter
    ) {
        if content.received.isEmpty { return }
        writer.append(request.bytes(ByteRange(position, place.start)))
        writer.append(isThere ? "received=" : ";received=")
        writer.append(content.received)
        position = place.end
    }

    private static func writeViaElements(
        skipping: Int, of request: borrowing SIPMessage, to writer: inout ByteWriter
    ) {
        var cursor = request.elements(of: .via)
        var skipped = 0
        while let element = cursor.next(in: request) {
            if skipped < skipping {
                skipped &+= 1
                continue
            }
            writer.append("Via: ")
            writer.append(request.bytes(element.value))
            writer.append("\r\n")
        }
    }

    private static func writeTo(
        _ code: Int, toTag: UnsafeRawBufferPointer, of request: borrowing SIPMessage, to writer: inout ByteWriter
    ) {
        guard request.first(.to) >= 0 else { return }
        writer.append("To: ")
        writer.append(request.bytes(request.to))
        if code > 100, request.toTag.isEmpty, !toTag.isEmpty {
            writer.append(";tag=")
            writer.append(toTag)
        }
        writer.append("\r\n")
    }
}

extension SIPMessage {
    /// Whether a success to this request sets up a dialog, whose route set Record-Route carries
    /// (RFC 3261 §12.1.1, RFC 6665, RFC 3515).
    var isDialogForming: Bool { method == .invite || method == .subscribe || method == .refer }
}

extension ByteWriter {
    /// A header's first line as it stands; nothing when the message has none.
    mutating func appendFirstLine(of name: HeaderName, in message: borrowing SIPMessage) {
        let index = message.first(name)
        if index >= 0 { append(message.bytes(message.header(index).line)) }
    }

    /// All lines of a header as they stand.
    mutating func appendLines(of name: HeaderName, in message: borrowing SIPMessage) {
        var index = message.first(name)
        while index >= 0 {
            append(message.bytes(message.header(index).line))
            index = message.next(after: index)
        }
    }
}
