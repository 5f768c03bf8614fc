import Foundation
import Testing

/// A WebSocket client of a test: the frames are made here, so that they can be wrong.
final class WebSocketPeer {
    let stream: StreamPeer
    private var input: [UInt8] = []

    /// - Parameter stream: a connection, perhaps through TLS, that has not said anything.
    init(_ stream: StreamPeer) { self.stream = stream }

    /// A connection that has been upgraded.
    static func open(_ port: UInt16) throws -> WebSocketPeer {
        let peer = WebSocketPeer(try StreamPeer.connect(port))
        try peer.upgrade()
        return peer
    }

    func upgrade() throws {
        stream.send(Self.handshake())
        let answer = try httpAnswer()
        // The key and its answer are the example of RFC 6455 §1.3.
        #expect(answer.hasPrefix("HTTP/1.1 101 "))
        #expect(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        #expect(answer.lowercased().contains("sec-websocket-protocol: sip\r\n"))
    }

    static func handshake(_ path: String = "/", without left: String = "", with more: String = "") -> String {
        let lines = [
            "Host: example.org", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: chat, sip",
        ]
        let kept = lines.filter { left.isEmpty || !$0.hasPrefix(left) }.map { "\($0)\r\n" }.joined()
        return "GET \(path) HTTP/1.1\r\n\(kept)\(more)\r\n"
    }

    /// Up to the empty line.
    func httpAnswer() throws -> String {
        var text = ""
        while !text.hasSuffix("\r\n\r\n") { text += String(decoding: try take(1), as: UTF8.self) }
        return text
    }

    // MARK: Frames

    struct Frame: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
        var text: String { String(decoding: payload, as: UTF8.self) }
        /// Of a Close frame.
        var code: Int { payload.count < 2 ? 0 : Int(payload[0]) << 8 | Int(payload[1]) }
    }

    static func frame(
        _ opcode: UInt8, _ payload: [UInt8], isLast: Bool = true, mask: [UInt8]? = [1, 2, 3, 4], reserved: UInt8 = 0
    ) -> [UInt8] {
        var bytes = [(isLast ? 0x80 : 0) | reserved | opcode]
        let masked: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ..<126: bytes.append(masked | UInt8(payload.count))
        case ..<65_536: bytes += [masked | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [masked | 127] + (0..<8).map { UInt8(payload.count >> (56 - $0 * 8) & 255) }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
    }

    /// False: the connection is gone.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(stream.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func send(text: String) { send(Self.frame(1, Array(text.utf8))) }

    private func take(_ count: Int) throws -> [UInt8] {
        while input.count < count {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let received = recv(stream.descriptor, &bytes, bytes.count, 0)
            guard received > 0 else { throw POSIXError(received == 0 ? .ECONNRESET : .ETIMEDOUT) }
            input += bytes[..<received]
        }
        defer { input.removeFirst(count) }
        return Array(input[..<count])
    }

    /// The next frame, which must be whole and not masked.
    func frame() throws -> Frame {
        let head = try take(2)
        #expect(head[0] & 0xF0 == 0x80 && head[1] & 0x80 == 0)
        var count = Int(head[1])
        if count == 126 { count = try take(2).reduce(0) { $0 << 8 | Int($1) } }
        if count == 127 { count = try take(8).reduce(0) { $0 << 8 | Int($1) } }
        return Frame(opcode: head[0] & 0x0F, payload: try take(count))
    }

    /// The next SIP message.
    func message() throws -> SIPText {
        let frame = try frame()
        #expect(frame.opcode == 1)
        let (head, _) = try #require(frame.text.firstRange(of: "\r\n\r\n").map { (frame.text[..<$0.lowerBound], $0) })
        return SIPText(String(head))
    }

    /// Whether the peer has closed behind what it sent.
    func isAtEnd() -> Bool { input.isEmpty && (try? stream.receive()) == "" }
}
