internal import Glibc

/// A failed system call, by its errno.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    public let code: Int32

    public init(code: Int32) { self.code = code }

    /// Of the call that has just failed on this thread.
    static var current: SystemError { SystemError(code: errno) }

    /// "No such file or directory" and the like; `strerror` is not safe on several threads.
    public var description: String {
        var text = [CChar](repeating: 0, count: 256)
        // The POSIX variant, which fills the buffer and returns an error number.
        guard strerror_r(code, &text, text.count) == 0 else { return "error \(code)" }
        let bytes = text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        return bytes.isEmpty ? "error \(code)" : String(decoding: bytes, as: UTF8.self)
    }
}
