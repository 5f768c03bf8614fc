/// Why the reactor could not start. All of them are the operator's or the machine's to mend.
public enum ReactorError: Error, Equatable, CustomStringConvertible {
    case noListeners
    case tooManyListeners(Int)
    /// A listen address that cannot be used; `step` names the system call or socket option.
    case socket(SocketAddress, step: String, errno: Int32)
    case memory(bytes: Int)
    case system(step: String, errno: Int32)

    public var description: String {
        switch self {
        case .noListeners:
            "no address to listen on"
        case .tooManyListeners(let count):
            "\(count) listen addresses; at most \(ReactorConfiguration.listenersMax) are possible"
        case .socket(let address, let step, let errno):
            "cannot listen on \(address): \(errnoText(errno)) (\(step))"
        case .memory(let bytes):
            "cannot map \(bytes) bytes of memory"
        case .system(let step, let errno):
            "\(step): \(errnoText(errno))"
        }
    }
}
