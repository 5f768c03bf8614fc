internal import CAres
internal import Glibc
public import Reactor

/// Why no resolver could be made.
public struct ResolverError: Error, CustomStringConvertible {
    public let description: String

    init(_ status: CInt) { description = String(cString: ares_strerror(status)) }

    init(_ text: String) { description = text }
}

public struct ResolverSettings: Sendable {
    /// ADDRESS:PORT or [ADDRESS]:PORT; none: those of /etc/resolv.conf.
    public var servers: [String] = []
    /// What one question may take.
    public var timeoutMilliseconds = 5_000
    /// Questions that may wait for their answer.
    public var pendingMax = 1_024
    /// Those that the proxy can send to.
    public var families: Set<SocketAddress.Family> = [.ipv4, .ipv6]

    public init() {}
}

/// Answers `ServiceQuestion`s from DNS on a thread of its own. Keeps no answers: the workers have caches.
///
/// `resolve` may be called from any thread and never waits for the network.
public final class Resolver: Sendable {
    public typealias Done = @Sendable (ServiceAnswer) -> Void

    private struct State {
        var waiting: [ServiceQuestion: [Done]] = [:]
        /// Those of them that the thread has not seen yet.
        var fresh: [ServiceQuestion] = []
        var isStopping = false
        var thread: pthread_t?
    }

    private let state = Monitor(State())
    private let settings: ResolverSettings
    /// A pipe: one byte wakes the thread.
    private let wakeUp: (read: Int32, write: Int32)

    public init(_ settings: ResolverSettings) throws(ResolverError) {
        self.settings = settings
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ResolverError("pipe: \(String(cString: strerror(errno)))") }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        wakeUp = (ends[0], ends[1])
        // The network is not touched before a question, so what is wrong with the servers' names is told here.
        let channel = try Self.makeChannel(settings)
        let start = Unmanaged.passRetained(Start(self, channel))
        var everySignal = sigset_t()
        var before = sigset_t()
        sigfillset(&everySignal)
        pthread_sigmask(SIG_BLOCK, &everySignal, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw ResolverError("pthread_create: \(String(cString: strerror(result)))")
        }
        state.withLock { $0.thread = thread }
    }

    private static func makeChannel(_ settings: ResolverSettings) throws(ResolverError) -> Channel {
        // Two tries, the second twice as long: together a query takes what a question may.
        try Channel(servers: settings.servers, timeoutMilliseconds: max(50, settings.timeoutMilliseconds / 3))
    }

    deinit {
        close(wakeUp.read)
        close(wakeUp.write)
    }

    /// Ends the thread and waits for it. Questions under way are answered `failed`, and so are later ones.
    public func stop() {
        let thread = state.withLock { state in
            state.isStopping = true
            defer { state.thread = nil }
            return state.thread
        }
        wake()
        if let thread { pthread_join(thread, nil) }
    }

    /// Questions that wait for their answer now.
    public var pendingCount: Int { state.withLock { $0.waiting.count } }

    /// Asks, or waits with those who have asked the same. `done` is called once, on the resolver's thread.
    ///
    /// False: too many questions are pending; `done` is not called then.
    public func resolve(_ question: ServiceQuestion, _ done: @escaping Done) -> Bool {
        let isAccepted = state.withLock { state in
            guard !state.isStopping else { return false }
            if state.waiting[question] != nil {
                state.waiting[question]?.append(done)
                return true
            }
            guard state.waiting.count < settings.pendingMax else { return false }
            state.waiting[question] = [done]
            state.fresh.append(question)
            return true
        }
        if isAccepted { wake() }
        return isAccepted
    }

    private func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(wakeUp.write, &byte, 1)
    }

    // MARK: The thread

    private func run(_ channel: Channel) {
        while true {
            let (fresh, isStopping) = state.withLock { state in
                defer { state.fresh = [] }
                return (state.fresh, state.isStopping)
            }
            if isStopping { return }
            for question in fresh {
                ServiceLookup.run(question, families: settings.families, ask: channel.ask) { answer in
                    self.answered(question, answer)
                }
            }
            channel.process(wakeUp: wakeUp.read)
            var bytes: (UInt64, UInt64) = (0, 0)
            while read(wakeUp.read, &bytes, 16) > 0 {}
        }
    }

    private func answered(_ question: ServiceQuestion, _ answer: ServiceAnswer) {
        let waiting = state.withLock { $0.waiting.removeValue(forKey: question) } ?? []
        for done in waiting { done(answer) }
    }

    /// Who is left when the thread ends.
    private func failAll() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.values.flatMap { $0 }
        }
        for done in waiting { done(.failed) }
    }

    /// Hands the channel over to the thread that owns it from then on.
    private final class Start {
        let resolver: Resolver
        var channel: Channel?

        init(_ resolver: Resolver, _ channel: Channel) {
            self.resolver = resolver
            self.channel = channel
        }

        func run() {
            if let channel { resolver.run(channel) }
            channel?.close()
            resolver.failAll()
        }
    }
}
