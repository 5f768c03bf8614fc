/// The path of the control socket.
enum ControlAddress {
    /// `sun_path` of unix(7) without its terminating zero.
    static let pathBytesMax = 107
}
