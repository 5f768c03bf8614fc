/// What a worker calls, always on its own thread and never nested: a delegate needs no locks.
///
/// One turn of the loop is: receive a batch, mail, `advance`, then everything committed leaves in one go.
public protocol WorkerDelegate: AnyObject {
    /// Once, before the first datagram. The worker outlives the delegate.
    func started(worker: Worker)

    /// One datagram, possibly empty. The bytes belong to the delegate until it returns and may be changed in place.
    func received(_ datagram: UnsafeMutableRawBufferPointer, from: SocketAddress, listener: Int, now: Milliseconds)

    /// A letter from another thread's `Worker.post`. Its payload is valid until the delegate returns.
    func mail(_ mail: borrowing Mail, now: Milliseconds)

    /// Timers: called once a turn, and a turn begins no later than `nextDeadline`.
    func advance(to now: Milliseconds)

    /// When `advance` is needed next; nil when nothing waits. May be earlier than the first timer, never later.
    func nextDeadline() -> Milliseconds?

    /// A committed datagram was refused by the kernel (EMSGSIZE, ENETUNREACH, EPERM …) or given up (EAGAIN). Called after the
    /// delegate returned from what committed it.
    func sendFailed(to address: SocketAddress, listener: Int, errno: Int32)

    /// Once, after the last call; what it commits is still sent.
    func stopped()
}

extension WorkerDelegate {
    public func started(worker: Worker) {}
    public func mail(_ mail: borrowing Mail, now: Milliseconds) {}
    public func advance(to now: Milliseconds) {}
    public func nextDeadline() -> Milliseconds? { nil }
    public func sendFailed(to address: SocketAddress, listener: Int, errno: Int32) {}
    public func stopped() {}
}
