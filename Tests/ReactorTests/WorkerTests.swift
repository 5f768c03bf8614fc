import Glibc
import Reactor
import Synchronization
import Testing

@Suite("Workers on loopback") struct WorkerTests {
    func echoGroup(_ listen: [SocketAddress], workers: Int = 1) throws -> WorkerGroup {
        var configuration = ReactorConfiguration(listen: listen)
        configuration.workers = workers
        let group = try WorkerGroup(configuration)
        try group.start { EchoDelegate($0) }
        return group
    }

    @Test("a datagram comes back over IPv4 and IPv6, whichever listener it came to", arguments: [1, 2])
    func echo(workers: Int) throws {
        let group = try echoGroup([loopback4, loopback6, loopback4], workers: workers)
        defer { group.stop() }
        #expect(Set(group.listeners.map(\.address)).count == 3)
        for listener in group.listeners {
            let socket = TestSocket(ipv6: listener.address.isIPv6)
            socket.connect(to: listener.address)
            for text in ["OPTIONS", "", "x"] {
                socket.send(Array(text.utf8))
                #expect(socket.receive() == Array(text.utf8))
            }
        }
        let received = group.workers.map { $0.counters.value(.datagramsReceived) }.reduce(0, +)
        #expect(received == 9)
    }

    @Test("the largest datagrams of UDP pass", arguments: [65_507, 65_506, 40_000])
    func largest(count: Int) throws {
        let group = try echoGroup([loopback4])
        defer { group.stop() }
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        // More than the send arena holds.
        for _ in 0..<20 {
            #expect(socket.send(bytes))
            #expect(socket.receive() == bytes)
        }
    }

    @Test("datagrams of one flow keep their order through batches", arguments: [1, 2])
    func order(workers: Int) throws {
        let group = try echoGroup([loopback4], workers: workers)
        defer { group.stop() }
        let sockets = (0..<4).map { _ in TestSocket() }
        for socket in sockets { socket.connect(to: group.listeners[0].address) }
        var sent: UInt32 = 0
        for _ in 0..<40 {
            for _ in 0..<50 {
                for socket in sockets { socket.send(withUnsafeBytes(of: sent) { Array($0) }) }
                sent += 1
            }
            for socket in sockets {
                for expected in sent - 50..<sent {
                    let bytes = try #require(socket.receive())
                    #expect(bytes == withUnsafeBytes(of: expected) { Array($0) })
                }
            }
        }
    }

    @Test(
        "a worker that polls or gathers instead of sleeping serves all its listeners",
        arguments: [(0, 300), (200, 0), (50, 300)])
    func waiting(busyPollMicroseconds: Int, gatherMicroseconds: Int) throws {
        var configuration = ReactorConfiguration(listen: [loopback4, loopback6])
        configuration.workers = 1
        configuration.batchMax = 8
        configuration.busyPollMicroseconds = busyPollMicroseconds
        configuration.gatherMicroseconds = gatherMicroseconds
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        try group.start { EchoDelegate($0) }
        let sockets = group.listeners.map { listener in
            let socket = TestSocket(ipv6: listener.address.isIPv6)
            socket.connect(to: listener.address)
            return socket
        }
        for round in 0..<50 {
            for number in 0..<40 { sockets[number % 2].send([UInt8(round), UInt8(number)]) }
            for number in 0..<40 { #expect(sockets[number % 2].receive() == [UInt8(round), UInt8(number)]) }
        }
    }

    @Test("the kernel's receive time is there when asked for")
    func timestamps() throws {
        let seen = Mutex<[UInt64]>([])
        for asked in [false, true] {
            var configuration = ReactorConfiguration(listen: [loopback4])
            configuration.workers = 1
            configuration.kernelTimestamps = asked
            let group = try WorkerGroup(configuration)
            defer { group.stop() }
            try group.start { worker in
                let delegate = ClosureDelegate(worker)
                delegate.onReceived = { worker, datagram, source, listener in
                    seen.withLock { $0.append(worker.kernelNanoseconds) }
                }
                return delegate
            }
            let socket = TestSocket()
            socket.connect(to: group.listeners[0].address)
            socket.send([1])
            #expect(eventually { seen.withLock { $0.count } == (asked ? 2 : 1) })
        }
        let times = seen.withLock { $0 }
        #expect(times.first == 0)
        #expect(times.last ?? 0 > 1_500_000_000 * 1_000_000_000)
    }

    @Test("the time in the kernel is counted once a batch, where it is measured at all")
    func queueing() throws {
        for asked in [false, true] {
            var configuration = ReactorConfiguration(listen: [loopback4])
            configuration.workers = 1
            configuration.kernelTimestamps = asked
            let group = try WorkerGroup(configuration)
            defer { group.stop() }
            try group.start { ClosureDelegate($0) }
            let counters = group.workers[0].counters
            let socket = TestSocket()
            socket.connect(to: group.listeners[0].address)
            for number in 0..<100 { socket.send([UInt8(number)]) }
            #expect(eventually { counters.value(.datagramsReceived) == 100 })
            #expect(eventually { counters.value(.queueingSamples) == (asked ? counters.value(.receiveBatches) : 0) })
            #expect(counters.value(.queueingMicroseconds) < 60_000_000)
        }
    }

    @Test("what a turn takes is summed up beside its datagrams, where it is measured", arguments: [false, true])
    func turns(asked: Bool) throws {
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = 1
        configuration.measuresTurns = asked
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        try group.start { EchoDelegate($0) }
        let worker = group.workers[0]
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        for number in 0..<100 { socket.send([UInt8(number)]) }
        for number in 0..<100 { #expect(socket.receive() == [UInt8(number)]) }
        func value(_ counter: TurnCounter) -> UInt64 { worker.turnCounters.value(counter) }
        // Received and sent.
        #expect(eventually { value(.datagrams) == (asked ? 200 : 0) })
        guard asked else {
            #expect(value(.turnsMeasured) == 0)
            return
        }
        #expect(eventually { value(.turnsMeasured) == worker.counters.value(.turns) })
        // The mean of the squares is no less than the square of the mean.
        #expect(value(.datagramsSquared) * value(.turnsMeasured) >= 200 * 200)
        #expect(value(.nanoseconds) > 0 && value(.nanoseconds) <= worker.processorNanoseconds)
        #expect(value(.nanosecondsTimesDatagrams) >= value(.nanoseconds))
    }

    @Test("a datagram to a wildcard listener is answered from the address it was sent to")
    func wildcard() throws {
        for (wildcard, targets) in [
            (SocketAddress(ipv4: 0, port: 0), [UInt64(0x7F00_0001), 0x7F00_0002, 0x7F01_0203]),
            (SocketAddress(high: 0, low: 0, port: 0, family: .ipv6), [1]),
        ] {
            let group = try echoGroup([wildcard])
            defer { group.stop() }
            for target in targets {
                let socket = TestSocket(ipv6: wildcard.isIPv6)
                var address = group.listeners[0].address
                address.low = target
                // Connected: an answer from another address would not arrive.
                socket.connect(to: address)
                socket.send([1, 2, 3])
                #expect(socket.receive() == [1, 2, 3])
            }
        }
    }

    @Test("what the kernel dropped is counted")
    func kernelDrops() throws {
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = 1
        configuration.receiveBufferBytes = 2_304
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        // Nobody receives yet, so nearly all overflow.
        for _ in 0..<500 { socket.send([UInt8](repeating: 7, count: 500)) }
        try group.start { ClosureDelegate($0) }
        let counters = group.workers[0].counters
        #expect(eventually { counters.value(.datagramsReceived) > 0 })
        group.stop()
        #expect(counters.value(.kernelDrops) > 400)
        #expect(counters.value(.kernelDrops) + counters.value(.datagramsReceived) == 500)
    }

    @Test("one datagram that cannot be sent neither loses the others nor goes unreported")
    func sendFailures() throws {
        struct Failure: Equatable { var address: SocketAddress, listener: Int, errno: Int32 }
        let failures = Mutex<[Failure]>([])
        var configuration = ReactorConfiguration(listen: [loopback4, loopback6])
        configuration.workers = 1
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        try group.start { worker in
            let delegate = ClosureDelegate(worker)
            delegate.onReceived = { worker, datagram, source, listener in
                func send(_ byte: UInt8, count: Int = 1, to address: SocketAddress, _ listener: Int) {
                    let room = worker.reserve(count)
                    for index in room.indices { room[index] = byte }
                    worker.commit(count, to: address, listener: listener)
                }
                send(1, to: source, 0)
                send(9, count: datagramBytesMax, to: source, 0)  // EMSGSIZE
                send(2, to: source, 0)
                send(9, to: source.withPort(0), 0)  // EINVAL
                send(9, to: source, 1)  // an IPv4 address through an IPv6 socket
                send(9, to: source, 77)
                send(9, to: .none, 0)
                send(3, to: source, 0)
            }
            delegate.onSendFailed = { address, listener, errno in
                failures.withLock { $0.append(Failure(address: address, listener: listener, errno: errno)) }
            }
            return delegate
        }
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        socket.send([0])
        for expected in 1...3 { #expect(socket.receive() == [UInt8(expected)]) }
        let source = loopback4.withPort(socket.localPort)
        #expect(eventually { failures.withLock { $0.count } == 5 })
        let reported = failures.withLock { $0 }
        #expect(reported.contains(Failure(address: source, listener: 0, errno: EMSGSIZE)))
        #expect(reported.contains(Failure(address: source.withPort(0), listener: 0, errno: EINVAL)))
        #expect(reported.contains(Failure(address: source, listener: 1, errno: EAFNOSUPPORT)))
        #expect(reported.contains(Failure(address: source, listener: 77, errno: EBADF)))
        #expect(group.workers[0].counters.value(.sendErrorsTooLarge) == 1)
        #expect(group.workers[0].counters.value(.datagramsSent) == 3)
    }

    @Test("a peer that is gone does not disturb the others")
    func refused() throws {
        let group = try echoGroup([loopback4])
        defer { group.stop() }
        for _ in 0..<50 {
            let gone = TestSocket()
            gone.connect(to: group.listeners[0].address)
            gone.send([1])
        }
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        for number in 0..<200 {
            socket.send([UInt8(number)])
            #expect(socket.receive() == [UInt8(number)])
        }
    }

    @Test("a reservation may exceed what fits and may be given up")
    func reservations() throws {
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = 1
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        let sizes = Mutex<[Int]>([])
        try group.start { worker in
            let delegate = ClosureDelegate(worker)
            delegate.onReceived = { worker, datagram, source, listener in
                sizes.withLock { $0 = [-1, 0, 70_000, .max].map { worker.reserve($0).count } }
                let room = worker.reserve(10)
                room[0] = datagram[0]
                worker.commit(1, to: source, listener: listener)
            }
            return delegate
        }
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        socket.send([42])
        #expect(socket.receive() == [42])
        #expect(sizes.withLock { $0 } == [0, 0, datagramBytesMax, datagramBytesMax])
    }

    @Test("an address in use is refused with its name, also by the same user")
    func inUse() throws {
        let group = try echoGroup([loopback4])
        defer { group.stop() }
        let address = group.listeners[0].address
        #expect(throws: ReactorError.socket(address, step: "bind", errno: EADDRINUSE)) {
            _ = try WorkerGroup(ReactorConfiguration(listen: [address]))
        }
        var shared = ReactorConfiguration(listen: [address])
        shared.exclusive = false
        _ = try WorkerGroup(shared)
        #expect(throws: ReactorError.noListeners) { _ = try WorkerGroup(ReactorConfiguration(listen: [])) }
        #expect(throws: ReactorError.self) {
            _ = try WorkerGroup(ReactorConfiguration(listen: [SocketAddress(ipv4: 0xC000_0201, port: 5060)]))
        }
    }

    func nameOfThread() throws -> String {
        let file = try #require(fopen("/proc/thread-self/comm", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<max(0, count - 1)], as: UTF8.self)
    }

    @Test("an error of a delegate's maker ends the start, and threads are named")
    func makers() throws {
        struct Broken: Error {}
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = 3
        let stopped = Atomic<Int>(0)
        let names = Mutex<Set<String>>([])
        let group = try WorkerGroup(configuration)
        #expect(throws: Broken.self) {
            try group.start { worker in
                if worker.index == 2 { throw Broken() }
                let text = try nameOfThread()
                _ = names.withLock { $0.insert(text) }
                let delegate = ClosureDelegate(worker)
                delegate.onStopped = { _ in stopped.add(1, ordering: .relaxed) }
                return delegate
            }
        }
        #expect(names.withLock { $0 } == ["sip-worker-0", "sip-worker-1"])
        #expect(stopped.load(ordering: .relaxed) == 2)
    }

    @Test("simulated time reaches the delegate, and timers fire when it moves")
    func manualTime() throws {
        let clock = ManualClock(now: 1_000)
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = 1
        configuration.time = .manual(clock)
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        let seen = Atomic<UInt64>(0)
        try group.start { worker in
            let delegate = ClosureDelegate(worker)
            delegate.deadline = 500_000
            delegate.onAdvance = { _, now in seen.store(now, ordering: .relaxed) }
            return delegate
        }
        #expect(eventually { seen.load(ordering: .relaxed) == 1_000 })
        clock.advance(by: 3_600_000)
        #expect(eventually { seen.load(ordering: .relaxed) == 3_601_000 })
    }

    @Test("a deadline wakes a worker without traffic")
    func deadline() throws {
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = 1
        let group = try WorkerGroup(configuration)
        defer { group.stop() }
        let fired = Atomic<Int>(0)
        try group.start { worker in
            let delegate = ClosureDelegate(worker)
            delegate.deadline = worker.now + 20
            delegate.onAdvance = { [unowned delegate] worker, now in
                guard let deadline = delegate.deadline, now >= deadline else { return }
                delegate.deadline = fired.add(1, ordering: .relaxed).newValue < 3 ? now + 20 : nil
            }
            return delegate
        }
        #expect(eventually { fired.load(ordering: .relaxed) == 3 })
        // Sleeping in between, not polling.
        #expect(group.workers[0].counters.value(.wakeups) < 20)
    }
}
