internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket
internal import Reactor

/// Stands in for a connection until it has been upgraded from HTTP: answers the requests that are refused, and lets the
/// connection take its place in the pipeline after that which is not.
///
/// Belongs to the connection's event loop.
final class WebSocketGate: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let connection: StreamConnection
    private var isAnswered = false

    init(_ connection: StreamConnection) { self.connection = connection }

    /// HTTP, then this.
    func addHandlers(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        let settings = connection.hub.settings.webSocket
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: datagramBytesMax, automaticErrorHandling: false,
            shouldUpgrade: { channel, request in
                let isRefused = settings.refusal(of: request) != nil
                return channel.eventLoop.makeSucceededFuture(isRefused ? nil : ["Sec-WebSocket-Protocol": "sip"])
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture { try self.giveWay(channel.pipeline.syncOperations) }
            })
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }), withErrorHandling: false)
        try pipeline.addHandler(self)
    }

    /// The answer has been sent, and frames may come.
    private func giveWay(_ pipeline: ChannelPipeline.SynchronousOperations) throws {
        pipeline.removeHandler(self, promise: nil)
        try pipeline.addHandler(WebSocketMessages(connection))
        try pipeline.addHandler(connection)
        connection.hub.counters.add(.webSocketUpgrades)
        connection.opened()
    }

    // MARK: What the connection would do

    func channelActive(context: ChannelHandlerContext) { connection.channelActive(context: context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        connection.userInboundEventTriggered(context: context, event: event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // The request itself comes next.
        case is NIOWebSocketUpgradeError, is HTTPServerUpgradeErrors: break
        case is HTTPParserError: refuse(.malformed, context)
        default: connection.errorCaught(context: context, error: error)
        }
    }

    // MARK: Refusing

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = unwrapInboundIn(data) else { return }
        refuse(connection.hub.settings.webSocket.refusal(of: request) ?? .malformed, context)
    }

    /// Answers once, whatever else comes, and closes.
    private func refuse(_ refusal: WebSocketRefusal, _ context: ChannelHandlerContext) {
        guard !isAnswered else { return }
        isAnswered = true
        connection.openingFailure = .webSocketUpgradesRefused
        let head = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: refusal.headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: refusal.text)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
    }
}
