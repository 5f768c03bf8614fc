internal import Glibc

/// The other end of the control socket, for `servartuka ctl` and for tests. Blocking.
public struct ControlClient: ~Copyable {
    private let descriptor: Int32
    private let path: String
    private var input: [UInt8] = []
    /// How much of `input` is known to hold no line feed, so that a long answer is searched once.
    private var searched = 0

    /// A proxy that does not answer for this long is taken for hanging; a reload of large scripts stays below it.
    public static let answerSecondsMax = 60
    /// Longer answers are not ours.
    private static let answerBytesMax = 64 << 20

    /// - Throws: worded for the person who typed the command.
    public init(path: String, answerSeconds: Int = ControlClient.answerSecondsMax) throws(ControlError) {
        let descriptor: Int32
        do {
            descriptor = try ControlAddress.makeSocket()
        } catch {
            throw ControlError("cannot open a socket: \(error)")
        }
        var timeout = timeval(tv_sec: answerSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, size)
        let result = ControlAddress.with(path) { connect(descriptor, $0, $1) }
        guard result == 0 else {
            let error = result == nil ? ControlError.badPath(path) : ControlError.connecting(to: path, code: errno)
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Sends one request and waits for its answer.
    public mutating func send(_ request: ControlRequest) throws(ControlError) -> ControlAnswer {
        var line = Array(request.json.text.utf8)
        line.append(0x0A)
        try send(bytes: line)
        let text = try receiveLine()
        guard let json = try? JSONValue.parse(text), let answer = ControlAnswer(json: json) else {
            throw ControlError(
                "\(path) did not answer as servartuka does; is it the control socket of another program?")
        }
        return answer
    }

    /// Sends bytes as they are.
    public mutating func send(bytes: [UInt8]) throws(ControlError) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ControlError("sending to \(path): \(SystemError.current)") }
            offset += count
        }
    }

    /// Tells the server that no further request comes.
    public mutating func endRequests() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// The next line of answers, without its end.
    public mutating func receiveLine() throws(ControlError) -> String {
        while true {
            if let end = input[searched...].firstIndex(of: 0x0A) {
                let line = String(decoding: input[..<end], as: UTF8.self)
                input = Array(input[(end + 1)...])
                searched = 0
                return line
            }
            searched = input.count
            guard input.count < ControlClient.answerBytesMax else { throw ControlError("\(path) answers without end") }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                throw ControlError("the proxy at \(path) does not answer; it may be hanging")
            }
            guard count >= 0 else { throw ControlError("reading from \(path): \(SystemError.current)") }
            guard count > 0 else { throw ControlError("the proxy at \(path) closed the connection without an answer") }
            input.append(contentsOf: chunk.prefix(count))
        }
    }
}

extension ControlError {
    fileprivate static func badPath(_ path: String) -> ControlError {
        ControlError(
            "\"\(path)\" cannot be the path of a socket: it is empty or longer than \(ControlAddress.pathBytesMax) bytes"
        )
    }

    fileprivate static func connecting(to path: String, code: Int32) -> ControlError {
        switch code {
        case ENOENT:
            ControlError(
                "no proxy is running with the control socket \(path); start one with \"servartuka run\", "
                    + "or name its socket with --socket")
        case ECONNREFUSED:
            ControlError("nobody listens at \(path): the proxy that made it has ended without removing it")
        case EACCES, EPERM:
            ControlError("no permission for \(path): the socket is for the user that the proxy runs as; try sudo")
        case EAGAIN:
            ControlError("the proxy at \(path) does not take connections; it may be hanging")
        default:
            ControlError("cannot connect to \(path): \(SystemError(code: code))")
        }
    }
}
