internal import NIOCore
internal import NIOPosix
internal import ProxyCore
internal import Reactor

/// A message on its way out.
struct OutgoingMessage: Sendable {
    var bytes: ByteBuffer
    var destination: Reactor.SocketAddress
    var listener: Int
    var ticket: StreamTicket
    /// It was given to a connection that turned out dead: it fails the next time.
    var isRetry = false
}

/// One connection, accepted or opened: frames what comes and queues what goes.
///
/// Everything but the constants belongs to its event loop.
final class StreamConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case connecting
        case open
        case closed
    }

    /// The peer's end: the name of the connection.
    let peer: Reactor.SocketAddress
    let isAccepted: Bool
    let loop: any EventLoop
    private let listener: Int
    /// All that comes goes to one worker, so that order is kept.
    private let worker: Worker
    private let hub: StreamHub
    private var framer: StreamFramer

    private var state = State.connecting
    private var channel: (any Channel)?
    private var waiting: [OutgoingMessage] = []
    private var queuedBytes = 0
    private var input = ByteBuffer()
    private var lineEndsSeen = 0
    private var isPaused = false
    private var isReadWanted = false
    private var isBroken = false
    private var isTooSlow = false

    init(
        peer: Reactor.SocketAddress, isAccepted: Bool, loop: any EventLoop, listener: Int, worker: Worker,
        hub: StreamHub, reader: HeaderReader
    ) {
        self.peer = peer
        self.isAccepted = isAccepted
        self.loop = loop
        self.listener = listener
        self.worker = worker
        self.hub = hub
        framer = StreamFramer(reader)
    }

    // MARK: Life

    func connect(from local: Reactor.SocketAddress) {
        do {
            var bootstrap = ClientBootstrap(group: loop)
                .connectTimeout(.milliseconds(hub.settings.connectMilliseconds))
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in self.addHandlers(to: channel) }
            if !local.isWildcard { bootstrap = bootstrap.bind(to: try local.withPort(0).forChannels) }
            bootstrap.connect(to: try peer.forChannels).whenComplete { result in
                switch result {
                case .success: self.hub.counters.add(.opened)
                case .failure: self.connectFailed()
                }
            }
        } catch {
            connectFailed()
        }
    }

    func addHandlers(to channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                IdleStateHandler(allTimeout: .milliseconds(hub.settings.idleMilliseconds)))
            try channel.pipeline.syncOperations.addHandler(self)
        }
    }

    private func connectFailed() {
        guard state == .connecting else { return }
        hub.counters.add(.connectFailures)
        ended()
        for message in waiting { hub.failed(message) }
        waiting = []
    }

    private func ended() {
        guard state != .closed else { return }
        state = .closed
        hub.forget(self)
    }

    func channelActive(context: ChannelHandlerContext) {
        guard state == .connecting else { return context.close(promise: nil) }
        channel = context.channel
        state = .open
        let messages = waiting
        waiting = []
        queuedBytes = 0
        for message in messages { send(message) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let wasOpen = state == .open
        ended()
        if wasOpen { channel = nil }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            hub.counters.add(.closedIdle)
            ended()
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// After what was sent by it, and leaving the peer a moment to read that.
    func finish() {
        guard state == .open, let channel else { return }
        ended()
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
    }

    // MARK: Out

    func send(_ message: OutgoingMessage) {
        switch state {
        case .connecting:
            guard queuedBytes + message.bytes.readableBytes <= hub.settings.writeQueueBytesMax else {
                return hub.failed(message)
            }
            queuedBytes += message.bytes.readableBytes
            waiting.append(message)
        case .open: write(message)
        case .closed: hub.retry(message)
        }
    }

    private func write(_ message: OutgoingMessage) {
        guard let channel else { return hub.retry(message) }
        let count = message.bytes.readableBytes
        queuedBytes += count
        guard queuedBytes <= hub.settings.writeQueueBytesMax else {
            // A peer that does not read: what it is sent would pile up here.
            isTooSlow = true
            hub.counters.add(.closedSlow)
            ended()
            hub.failed(message)
            return channel.close(promise: nil)
        }
        channel.writeAndFlush(message.bytes).whenComplete { result in
            self.queuedBytes -= count
            switch result {
            case .success: self.hub.counters.add(.messagesSent)
            case .failure:
                self.ended()
                if self.isTooSlow { self.hub.failed(message) } else { self.hub.retry(message) }
            }
        }
    }

    // MARK: In

    func read(context: ChannelHandlerContext) {
        if isPaused { isReadWanted = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        if !isPaused { takeMessages(context) }
    }

    private func takeMessages(_ context: ChannelHandlerContext) {
        while !isBroken {
            switch input.withUnsafeReadableBytes({ framer.next($0) }) {
            case .incomplete:
                input.discardReadBytes()
                return
            case .lineEnds(let count):
                input.moveReaderIndex(forwardBy: count)
                answerPings(lineEnds: count / 2)
            case .message(let count):
                lineEndsSeen = 0
                guard post(StreamMail.message, count) else { return pause(context) }
                hub.counters.add(.messagesReceived)
                input.moveReaderIndex(forwardBy: count)
                framer.took()
            case .broken:
                isBroken = true
                hub.counters.add(.closedMalformed)
                if !post(StreamMail.unframed, min(input.readableBytes, datagramBytesMax)) { finish() }
                input.clear()
            }
        }
    }

    private func post(_ kind: UInt32, _ count: Int) -> Bool {
        input.withUnsafeReadableBytes { bytes in
            worker.post(
                Mail(
                    kind: kind, listener: listener, address: peer,
                    payload: UnsafeRawBufferPointer(rebasing: bytes[..<count])))
        }
    }

    /// RFC 5626 §4.4.1: two line ends ask, one answers. One answer is enough for what comes together.
    private func answerPings(lineEnds: Int) {
        lineEndsSeen += lineEnds
        guard lineEndsSeen >= 2, let channel else { return }
        lineEndsSeen %= 2
        hub.counters.add(.keepAlives)
        write(pong, to: channel)
    }

    private func write(_ bytes: ByteBuffer, to channel: any Channel) {
        let count = bytes.readableBytes
        guard queuedBytes + count <= hub.settings.writeQueueBytesMax else { return }
        queuedBytes += count
        channel.writeAndFlush(bytes).whenComplete { _ in self.queuedBytes -= count }
    }

    private static let pauseMilliseconds: Int64 = 5

    /// The worker has no room: the peer is to wait, and TCP tells it so.
    private func pause(_ context: ChannelHandlerContext) {
        isPaused = true
        hub.counters.add(.readPauses)
        let bound = NIOLoopBound(context, eventLoop: loop)
        loop.scheduleTask(in: .milliseconds(Self.pauseMilliseconds)) {
            guard self.state == .open else { return }
            self.isPaused = false
            self.takeMessages(bound.value)
            if !self.isPaused, self.isReadWanted {
                self.isReadWanted = false
                bound.value.read()
            }
        }
    }
}

private let pong = ByteBuffer(string: "\r\n")
