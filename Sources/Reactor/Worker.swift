/// One thread of the reactor. (The loop follows.)
public final class Worker: DatagramSink, @unchecked Sendable {
    public func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer { fatalError("not yet") }
    public func commit(_ count: Int, to address: SocketAddress, listener: Int) { fatalError("not yet") }
    public func post(_ mail: borrowing Mail) -> Bool { fatalError("not yet") }
    init() {}
}
