internal import CLuaShim

/// Which lines of a script or module ran, in every VM that was made with it. For tests of scripts; used on one thread at a time.
public final class LineRecord: @unchecked Sendable {
    public let path: String
    /// Lines that hold code, from 1, in order.
    public let executable: [Int]
    let chunkName: UnsafeMutablePointer<CChar>
    let lines: UnsafeMutableBufferPointer<UInt8>

    /// Of a script that does not compile no line can run.
    public init(path: String, text: String) {
        self.path = path
        executable = ChunkLines.executable(of: text, path: path)
        let name = Array("@\(path)".utf8CString)
        chunkName = .allocate(capacity: name.count)
        chunkName.initialize(from: name, count: name.count)
        lines = .allocate(capacity: max(executable.last ?? 0, 1))
        lines.initialize(repeating: 0)
    }

    deinit {
        chunkName.deallocate()
        lines.deallocate()
    }

    public func hasRun(_ line: Int) -> Bool { line > 0 && line <= lines.count && lines[line - 1] != 0 }

    public var missed: [Int] { executable.filter { !hasRun($0) } }
}
