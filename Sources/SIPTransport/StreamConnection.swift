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

    enum State {
        /// TCP, TLS or HTTP are shaking hands.
        case opening
        case open
        case closed
    }

    /// The peer's end: the name of the connection.
    let peer: Reactor.SocketAddress
    let isAccepted: Bool
    let loop: any EventLoop
    let listener: Int
    /// All that comes goes to one worker, so that order is kept.
    let worker: Worker
    let hub: StreamHub

    var state = State.opening
    var channel: (any Channel)?
    /// What is to be sent as soon as it is open.
    var waiting: [OutgoingMessage] = []
    var queuedBytes = 0
    var isTooSlow = false
    /// What it is counted as if it closes before it is open.
    var openingFailure: StreamCounter
    /// Of a TLS handshake.
    var credentials: TLSCredentials?

    // What has come.
    var framer: StreamFramer
    /// Where the messages of `input` end that came as such, by WebSocket.
    var boundaries = CircularBuffer<Int>()
    var input = ByteBuffer()
    var lineEndsSeen = 0
    var isPaused = false
    var isReadWanted = false
    var isBroken = false

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
        openingFailure = isAccepted ? .handshakeFailures : .connectFailures
    }

    // MARK: Opening

    func connect(from local: Reactor.SocketAddress) {
        do {
            var bootstrap = ClientBootstrap(group: loop)
                .connectTimeout(.milliseconds(hub.settings.connectMilliseconds))
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in self.addHandlers(to: channel) }
            if !local.isWildcard { bootstrap = bootstrap.bind(to: try local.withPort(0).forChannels) }
            bootstrap.connect(to: try peer.forChannels).whenFailure { _ in self.closed() }
        } catch {
            closed()
        }
    }

    func addHandlers(to channel: any Channel) -> EventLoopFuture<Void> {
        channel.closeFuture.whenComplete { _ in self.closed() }
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if peer.transport.isSecure { try pipeline.addHandler(tlsHandler()) }
            try pipeline.addHandler(IdleStateHandler(allTimeout: .milliseconds(hub.settings.idleMilliseconds)))
            if peer.transport.isWebSocket {
                try WebSocketGate(self).addHandlers(to: pipeline)
            } else {
                try pipeline.addHandler(self)
            }
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        if peer.transport.isWebSocket || peer.transport.isSecure { awaitHandshake(context) } else { opened() }
        context.fireChannelActive()
    }

    /// SIP may flow.
    func opened() {
        guard state == .opening else { return }
        state = .open
        if !isAccepted { hub.counters.add(.opened) }
        let messages = waiting
        waiting = []
        queuedBytes = 0
        for message in messages { send(message) }
    }

    // MARK: Closing

    /// The channel is gone, or never came to be.
    private func closed() {
        if state == .opening {
            hub.counters.add(openingFailure)
            for message in waiting { hub.failed(message) }
            waiting = []
        }
        ended()
        channel = nil
    }

    /// Nobody is to find it from now on.
    func ended() {
        guard state != .closed else { return }
        state = .closed
        hub.forget(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if state == .opening { abandon(context) } else { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent, state == .open {
            hub.counters.add(.closedIdle)
            ended()
            context.close(promise: nil)
        } else {
            handshakeEvent(event, context)
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
}
