import Foundation
import Testing

/// One end of a TCP connection, or a UDP socket, of a test: blocking, with a timeout that only a failing test meets.
final class StreamPeer {
    let descriptor: Int32
    private var input = ""

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    static func connect(_ port: UInt16, receiveBufferBytes: Int32? = nil) throws -> StreamPeer {
        let peer = StreamPeer(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        if var bytes = receiveBufferBytes {
            setsockopt(peer.descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        let result = withAddress(port) { Glibc.connect(peer.descriptor, $0, $1) }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
        return peer
    }

    /// A listening socket, or a UDP one, at a free port.
    static func bound(stream: Bool) throws -> StreamPeer {
        let peer = StreamPeer(socket(AF_INET, Int32((stream ? SOCK_STREAM : SOCK_DGRAM).rawValue), 0))
        guard withAddress(0, { bind(peer.descriptor, $0, $1) }) == 0, !stream || listen(peer.descriptor, 16) == 0 else {
            throw POSIXError(.EADDRINUSE)
        }
        return peer
    }

    func accept() throws -> StreamPeer {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw POSIXError(.ETIMEDOUT) }
        return StreamPeer(accepted)
    }

    var port: UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// False: the connection is gone, or the peer does not read.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func send(_ text: String, toPort port: UInt16) { send(Array(text.utf8), toPort: port) }

    func send(_ bytes: [UInt8], toPort port: UInt16) {
        _ = Self.withAddress(port) { sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
    }

    /// What the socket has next; empty at the end of a connection.
    func receive() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw POSIXError(.ETIMEDOUT) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The next message without a body.
    func message() throws -> SIPText {
        while true {
            if let end = input.range(of: "\r\n\r\n") {
                defer { input = String(input[end.upperBound...]) }
                return SIPText(String(input[..<end.lowerBound]))
            }
            let more = try receive()
            guard !more.isEmpty else { throw POSIXError(.ECONNRESET) }
            input += more
        }
    }

    private static func withAddress<Result>(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A message as a test reads it.
struct SIPText {
    let lines: [String]

    init(_ text: String) { lines = text.components(separatedBy: "\r\n") }

    var start: String { lines[0] }

    func values(_ name: String) -> [String] {
        lines.dropFirst().compactMap { line in
            line.hasPrefix("\(name): ") ? String(line.dropFirst(name.count + 2)) : nil
        }
    }

    static func request(
        _ method: String, _ uri: String, call: String, number: Int = 1, via: String, routes: [String] = []
    ) -> String {
        let tag = method == "INVITE" || method == "MESSAGE" ? "" : ";tag=2"
        return "\(method) \(uri) SIP/2.0\r\nVia: SIP/2.0/\(via);branch=z9hG4bK\(call)\(method)\r\nMax-Forwards: 70\r\n"
            + routes.map { "Route: \($0)\r\n" }.joined()
            + "From: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\(tag)\r\nCall-ID: \(call)\r\n"
            + "CSeq: \(number) \(method)\r\nContent-Length: 0\r\n\r\n"
    }

    func response(_ code: Int) -> String {
        var text = "SIP/2.0 \(code) Answer\r\n"
        for name in ["Via", "Record-Route", "From", "Call-ID", "CSeq"] {
            for value in values(name) { text += "\(name): \(value)\r\n" }
        }
        for value in values("To") { text += "To: \(value)\(value.contains("tag=") ? "" : ";tag=2")\r\n" }
        return text + "Content-Length: 0\r\n\r\n"
    }
}
