internal import CAres
internal import Glibc

/// One c-ares channel: queries go out, answers come back through `process`. Owned by the resolver's thread.
final class Channel {
    private var channel: ares_channel?
    /// What c-ares wants to hear of each of its sockets.
    private var events: [Int32: Int16] = [:]
    private var isClosed = false

    /// - Parameters:
    ///   - servers: ADDRESS:PORT each; none: those of /etc/resolv.conf.
    ///   - timeoutMilliseconds: of the first try; a second one waits twice as long.
    init(servers: [String], timeoutMilliseconds: Int) throws(ResolverError) {
        var status = ares_library_init(CInt(ARES_LIB_INIT_ALL))
        guard status == cares_success else { throw ResolverError(status) }
        var options = ares_options()
        options.timeout = CInt(clamping: timeoutMilliseconds)
        options.tries = 2
        options.sock_state_cb = { data, socket, readable, writable in
            guard let data else { return }
            let channel = Unmanaged<Channel>.fromOpaque(data).takeUnretainedValue()
            let wanted = (readable != 0 ? Int16(POLLIN) : 0) | (writable != 0 ? Int16(POLLOUT) : 0)
            channel.events[socket] = wanted == 0 ? nil : wanted
        }
        options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        let mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB
        status = ares_init_options(&channel, &options, CInt(mask))
        guard status == cares_success else { throw ResolverError(status) }
        guard !servers.isEmpty else { return }
        status = ares_set_servers_ports_csv(channel, servers.joined(separator: ","))
        guard status == cares_success else {
            ares_destroy(channel)
            channel = nil
            throw ResolverError(status)
        }
    }

    /// Answers each query that is still out, and each later one, with `failed`.
    func close() {
        isClosed = true
        if let channel { ares_cancel(channel) }
    }

    deinit {
        // Completions hold this object, so none is left here.
        if let channel { ares_destroy(channel) }
    }

    /// `done` is called once, perhaps before this returns.
    func ask(_ name: String, _ type: RecordType, _ done: @escaping (RecordAnswer) -> Void) {
        guard !isClosed else { return done(.failed) }
        let box = Unmanaged.passRetained(Completion(done))
        ares_query(
            channel, name, 1, CInt(type.rawValue),
            { argument, status, _, bytes, count in
                guard let argument else { return }
                let completion = Unmanaged<Completion>.fromOpaque(argument).takeRetainedValue()
                completion.done(Channel.answer(status, bytes, count))
            }, box.toOpaque())
    }

    private static func answer(_ status: CInt, _ bytes: UnsafeMutablePointer<UInt8>?, _ count: CInt) -> RecordAnswer {
        switch status {
        case cares_success:
            guard let bytes, let records = DNSReply.records(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            else { return .failed }
            return records.isEmpty ? .nothing : .records(records)
        case cares_no_data, cares_not_found: return .nothing
        default: return .failed
        }
    }

    /// Waits for answers, for time-outs or for a byte on `wakeUp`, and deals with them.
    func process(wakeUp: Int32) {
        var descriptors = [pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)]
        for (socket, wanted) in events { descriptors.append(pollfd(fd: socket, events: wanted, revents: 0)) }
        var span = timeval()
        var wait: CInt = -1
        if let left = ares_timeout(channel, nil, &span) {
            wait = CInt(clamping: left.pointee.tv_sec * 1_000 + (Int(left.pointee.tv_usec) + 999) / 1_000)
        }
        guard poll(&descriptors, nfds_t(descriptors.count), wait) >= 0 else { return }
        let bad: Int32 = -1
        for descriptor in descriptors.dropFirst() where descriptor.revents != 0 {
            let readable = descriptor.revents & Int16(POLLIN | POLLERR | POLLHUP) != 0
            let writable = descriptor.revents & Int16(POLLOUT) != 0
            ares_process_fd(channel, readable ? descriptor.fd : bad, writable ? descriptor.fd : bad)
        }
        // Without a socket it looks at the clock.
        ares_process_fd(channel, bad, bad)
    }

    private final class Completion {
        let done: (RecordAnswer) -> Void

        init(_ done: @escaping (RecordAnswer) -> Void) { self.done = done }
    }
}
