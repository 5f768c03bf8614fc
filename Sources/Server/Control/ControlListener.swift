internal import Glibc

/// A bound and listening control socket, mode 0600; its file goes when the listener goes.
struct ControlListener: ~Copyable {
    let descriptor: Int32
    private let path: String
    private let device: UInt64
    private let inode: UInt64

    /// Connections that may wait to be accepted.
    private static let backlog: Int32 = 16

    /// Takes the path over from a process that has died; refuses when one answers there, or when the path is another
    /// kind of file.
    init(path: String) throws(ControlError) {
        try ControlListener.clear(path)
        let descriptor: Int32
        do {
            descriptor = try ControlAddress.makeSocket()
        } catch {
            throw ControlError("control socket \(path): \(error)")
        }
        // The mode of the socket before bind becomes the mode of the file (less the umask), so that there is no moment
        // in which another user could connect.
        fchmod(descriptor, 0o600)
        ControlAddress.setNonBlocking(descriptor)
        let bound = ControlAddress.with(path) { bind(descriptor, $0, $1) }
        var status = stat()
        guard bound == 0, listen(descriptor, ControlListener.backlog) == 0, stat(path, &status) == 0 else {
            let reason = bound == nil ? "the path is empty or too long" : "\(SystemError.current)"
            let hint = ControlListener.hint(path, bound)
            // After bind the file is ours, and nobody would answer there.
            if bound == 0 { unlink(path) }
            close(descriptor)
            throw ControlError("control socket \(path): \(reason)\(hint)")
        }
        self.descriptor = descriptor
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    deinit {
        // Only our own file: another process may have put its socket there meanwhile.
        var status = stat()
        if lstat(path, &status) == 0, UInt64(status.st_dev) == device, UInt64(status.st_ino) == inode {
            unlink(path)
        }
        close(descriptor)
    }

    private static func hint(_ path: String, _ bound: Int32?) -> String {
        guard bound != nil, bound != 0 else { return "" }
        switch errno {
        case EACCES, ENOENT, EROFS: return "; set control.socket to a path that this user may create"
        default: return ""
        }
    }

    private static func clear(_ path: String) throws(ControlError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ControlError("control socket \(path): the path exists and is not a socket")
        }
        let probe: Int32
        do {
            probe = try ControlAddress.makeSocket()
        } catch {
            throw ControlError("control socket \(path): \(error)")
        }
        defer { close(probe) }
        // A full backlog of a live process must not make us wait.
        ControlAddress.setNonBlocking(probe)
        let result = ControlAddress.with(path) { connect(probe, $0, $1) }
        if result == 0 || errno == EAGAIN {
            throw ControlError("control socket \(path): another process is listening there")
        }
        if result != nil, errno == ECONNREFUSED {
            unlink(path)
        } else if result != nil, errno == EACCES {
            throw ControlError("control socket \(path): it belongs to another user")
        }
    }
}
