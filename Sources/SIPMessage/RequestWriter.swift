/// Writes the requests that a client transaction makes of its INVITE, as that was sent on its branch.
public enum RequestWriter {
    /// Hops that a request of our own may still take (RFC 3261 §8.1.1.6).
    public static let maxForwards = 70

    /// The CANCEL (RFC 3261 §9.1): Request-URI, top Via, Route, From, To, Call-ID and CSeq number of the
    /// request. `extraHeaders` are complete lines, a Reason (RFC 3326) for one. The bytes written, or -1.
    public static func writeCancel(
        for invite: borrowing SIPMessage,
        extraHeaders: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var writer = ByteWriter(output)
        writeHead("CANCEL", for: invite, to: &writer)
        writer.appendFirstLine(of: .to, in: invite)
        writeTail("CANCEL", for: invite, extraHeaders: extraHeaders, to: &writer)
        return writer.result
    }

    /// The ACK to a final response other than 2xx (RFC 3261 §17.1.1.3): the same, with the response's To.
    /// The bytes written, or -1.
    public static func writeAck(
        for invite: borrowing SIPMessage, response: borrowing SIPMessage,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var writer = ByteWriter(output)
        writeHead("ACK", for: invite, to: &writer)
        writer.appendFirstLine(of: .to, in: response)
        writeTail("ACK", for: invite, extraHeaders: UnsafeRawBufferPointer(start: nil, count: 0), to: &writer)
        return writer.result
    }

    private static func writeHead(
        _ method: StaticString, for invite: borrowing SIPMessage, to writer: inout ByteWriter
    ) {
        writer.append(method)
        writer.append(" ")
        writer.append(invite.bytes(invite.requestURI))
        writer.append(" SIP/2.0\r\nVia: ")
        writer.append(invite.bytes(invite.topVia.value))
        writer.append("\r\n")
        writer.appendLines(of: .route, in: invite)
        writer.appendFirstLine(of: .from, in: invite)
    }

    private static func writeTail(
        _ method: StaticString, for invite: borrowing SIPMessage, extraHeaders: UnsafeRawBufferPointer,
        to writer: inout ByteWriter
    ) {
        writer.appendFirstLine(of: .callID, in: invite)
        writer.append("CSeq: ")
        writer.appendDecimal(Int(invite.cSeqNumber))
        writer.append(" ")
        writer.append(method)
        writer.append("\r\nMax-Forwards: ")
        writer.appendDecimal(maxForwards)
        writer.append("\r\n")
        writer.append(extraHeaders)
        writer.append("Content-Length: 0\r\n\r\n")
    }
}
