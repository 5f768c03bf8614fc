import Glibc
import Reactor
import Synchronization
import Testing

extension Worker {
    /// `#expect` takes only copyable values apart, and `Mail` is not.
    func post(kind: UInt32, word0: UInt64 = 0, payload: UnsafeRawBufferPointer = .init(start: nil, count: 0)) -> Bool {
        post(Mail(kind: kind, word0: word0, payload: payload))
    }
}

@Suite("Mailboxes") struct MailboxTests {
    func group(
        workers: Int = 1, mailboxSlots: Int = 256,
        _ onMail: @escaping @Sendable (Worker, borrowing Mail) -> Void
    ) throws -> WorkerGroup {
        var configuration = ReactorConfiguration(listen: [loopback4])
        configuration.workers = workers
        configuration.mailboxSlots = mailboxSlots
        let group = try WorkerGroup(configuration)
        try group.start { worker in
            let delegate = ClosureDelegate(worker)
            delegate.onMail = onMail
            return delegate
        }
        return group
    }

    /// Runs a closure on a thread of its own.
    final class Thread: @unchecked Sendable {
        let body: @Sendable () -> Void
        var handle = pthread_t()

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
            pthread_create(
                &handle, nil,
                { argument in
                    Unmanaged<Thread>.fromOpaque(argument!).takeRetainedValue().body()
                    return nil
                }, Unmanaged.passRetained(self).toOpaque())
        }

        func join() { pthread_join(handle, nil) }
    }

    @Test("four threads post without losing or reordering a letter of any of them")
    func producers() throws {
        let lettersCount: UInt64 = 20_000
        struct Seen {
            var next: [UInt64] = [0, 0, 0, 0]
            var wrong = 0
        }
        let seen = Mutex(Seen())
        let group = try group(mailboxSlots: 64) { _, mail in
            let producer = Int(mail.kind)
            let number = mail.word0
            // Every hundredth is too large for its cell.
            let count = number % 100 == 0 ? 5_000 : Int(number % 1_000)
            let byte = UInt8(truncatingIfNeeded: number)
            let intact =
                mail.payload.count == count && mail.payload.allSatisfy { $0 == byte } && mail.word1 == ~number
                && mail.listener == producer && mail.address == SocketAddress(ipv4: UInt32(producer), port: 5060)
            seen.withLock {
                if !intact || $0.next[producer] != number { $0.wrong += 1 }
                $0.next[producer] = number + 1
            }
        }
        defer { group.stop() }
        let worker = group.workers[0]
        let threads = (0..<4).map { producer in
            Thread {
                for number in 0..<lettersCount {
                    let count = number % 100 == 0 ? 5_000 : Int(number % 1_000)
                    let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
                    payload.withUnsafeBytes { bytes in
                        let mail = Mail(
                            kind: UInt32(producer), listener: producer,
                            address: SocketAddress(ipv4: UInt32(producer), port: 5060), word0: number, word1: ~number,
                            payload: bytes)
                        while !worker.post(mail) { sched_yield() }
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(eventually { seen.withLock { $0.next } == [UInt64](repeating: lettersCount, count: 4) })
        #expect(seen.withLock { $0.wrong } == 0)
        #expect(worker.counters.value(.mailReceived) == 4 * lettersCount)
    }

    @Test("a full mailbox refuses, and takes letters again when the worker has read some")
    func full() throws {
        let blocked = Atomic(false)
        let release = Atomic(false)
        let received = Atomic<Int>(0)
        let group = try group(mailboxSlots: 8) { _, mail in
            received.add(1, ordering: .relaxed)
            if mail.kind == 1 {
                blocked.store(true, ordering: .releasing)
                while !release.load(ordering: .acquiring) { usleep(100) }
            }
        }
        defer { group.stop() }
        let worker = group.workers[0]
        #expect(worker.post(kind: 1))
        #expect(eventually { blocked.load(ordering: .acquiring) })
        var accepted = 0
        while accepted < 100, worker.post(kind: 2) { accepted += 1 }
        // The letter being read keeps its cell.
        #expect(accepted == 7)
        release.store(true, ordering: .releasing)
        #expect(eventually { received.load(ordering: .relaxed) == 8 })
        #expect(eventually { worker.post(kind: 2) })
    }

    @Test("what is too large, of a reserved kind, or for a stopped worker is refused")
    func refused() throws {
        let group = try group { _, _ in }
        let worker = group.workers[0]
        let large = [UInt8](repeating: 1, count: Mail.payloadBytesMax + 1)
        large.withUnsafeBytes { bytes in
            #expect(!worker.post(kind: 1, payload: bytes))
            #expect(worker.post(kind: 1, payload: UnsafeRawBufferPointer(rebasing: bytes.dropLast())))
        }
        #expect(!worker.post(kind: Mail.kindReservedFirst))
        #expect(worker.post(kind: Mail.kindReservedFirst - 1))
        group.stop()
        #expect(!worker.post(kind: 1))
        #expect(!worker.post { _, _ in })
    }

    @Test("workers post to each other")
    func peers() throws {
        let hops = Atomic<Int>(0)
        let group = try group(workers: 3) { worker, mail in
            hops.add(1, ordering: .relaxed)
            guard mail.word0 > 0 else { return }
            let next = Mail(kind: mail.kind, word0: mail.word0 - 1, payload: mail.payload)
            _ = worker.post(next, toWorker: (worker.index + 1) % 3)
            _ = worker.post(next, toWorker: 3)
            _ = worker.post(next, toWorker: -1)
        }
        defer { group.stop() }
        let payload = [UInt8](repeating: 5, count: 3_000)
        payload.withUnsafeBytes { bytes in
            #expect(group.workers[0].post(kind: 4, word0: 2_999, payload: bytes))
        }
        #expect(eventually { hops.load(ordering: .relaxed) == 3_000 })
    }

    @Test("a command runs on the worker's thread with its delegate, and what it sends leaves")
    func commands() throws {
        let group = try group { _, _ in }
        defer { group.stop() }
        let socket = TestSocket()
        socket.connect(to: group.listeners[0].address)
        let target = loopback4.withPort(socket.localPort)
        #expect(
            group.workers[0].post { worker, delegate in
                let room = worker.reserve(1)
                room[0] = delegate is ClosureDelegate ? 1 : 0
                worker.commit(1, to: target, listener: 0)
            })
        #expect(socket.receive() == [1])
        #expect(group.workers[0].counters.value(.commandsRun) == 1)
        #expect(group.workers[0].processorNanoseconds > 0)
    }

    @Test("commands that a stopping worker did not run are freed")
    func freed() throws {
        final class Token: Sendable {
            let count: @Sendable (Int) -> Void
            init(_ count: @escaping @Sendable (Int) -> Void) {
                self.count = count
                count(1)
            }
            deinit { count(-1) }
        }
        final class Alive: Sendable { let value = Atomic<Int>(0) }
        let alive = Alive()
        do {
            var configuration = ReactorConfiguration(listen: [loopback4])
            configuration.workers = 1
            let group = try WorkerGroup(configuration)
            for _ in 0..<10 {
                let token = Token { alive.value.add($0, ordering: .relaxed) }
                #expect(group.workers[0].post { _, _ in withExtendedLifetime(token) {} })
            }
            #expect(alive.value.load(ordering: .relaxed) == 10)
        }
        #expect(alive.value.load(ordering: .relaxed) == 0)
    }
}
