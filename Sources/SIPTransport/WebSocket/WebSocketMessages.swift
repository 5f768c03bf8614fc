internal import NIOCore
internal import NIOWebSocket
internal import Reactor

/// Between frames and messages, on the server's side of RFC 6455: joins what comes in fragments, answers pings, sees to
/// the closing handshake. A buffer with nothing in it ends what is sent.
///
/// Belongs to the connection's event loop.
final class WebSocketMessages: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    private let connection: StreamConnection
    /// What has come of a message in fragments.
    private var fragments: ByteBuffer?
    /// Said in our Close frame.
    private var closeCode = WebSocketErrorCode.normalClosure
    private var isCloseSent = false

    init(_ connection: StreamConnection) { self.connection = connection }

    // MARK: What comes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        if isCloseSent || connection.state == .closed {
            // §5.5.1: nothing counts any more but the peer's own Close.
            if case .connectionClose = frame.opcode { context.close(promise: nil) }
            return
        }
        // §5.1, §5.2: clients mask, and no extension was agreed on.
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return violated(.protocolError) }
        switch frame.opcode {
        case .text, .binary:
            guard fragments == nil else { return violated(.protocolError) }
            take(frame, after: nil, context)
        case .continuation:
            guard let begun = fragments else { return violated(.protocolError) }
            take(frame, after: begun, context)
        case .ping:
            // §5.5.3: answering the latest is enough for a peer that does not read.
            guard context.channel.isWritable else { return }
            connection.hub.counters.add(.keepAlives)
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
        case .pong: break
        case .connectionClose: connection.finish()
        default: violated(.protocolError)
        }
    }

    private func take(_ frame: WebSocketFrame, after begun: ByteBuffer?, _ context: ChannelHandlerContext) {
        var data = frame.unmaskedData
        fragments = nil
        guard (begun?.readableBytes ?? 0) + data.readableBytes <= datagramBytesMax else {
            return violated(.messageTooLarge)
        }
        var message = begun ?? data
        if begun != nil { message.writeBuffer(&data) }
        if !frame.fin {
            fragments = message
        } else if message.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(message))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: violated(.messageTooLarge)
        case .fragmentedControlFrame, .multiByteControlFrameLength: violated(.protocolError)
        case nil: context.fireErrorCaught(error)
        }
    }

    /// §7.1.7: tells the peer, and closes.
    private func violated(_ code: WebSocketErrorCode) {
        guard connection.state == .open else { return }
        closeCode = code
        fragments = nil
        connection.hub.counters.add(.closedMalformed)
        connection.finish()
    }

    // MARK: What goes

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let message = unwrapOutboundIn(data)
        guard !isCloseSent else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        guard message.readableBytes > 0 else { return sendClose(context, promise) }
        let opcode: WebSocketOpcode = Self.isText(message) ? .text : .binary
        context.write(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: message)), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !isCloseSent, mode != .input {
            sendClose(context, nil)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    private func sendClose(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        isCloseSent = true
        var data = context.channel.allocator.buffer(capacity: 2)
        data.write(webSocketErrorCode: closeCode)
        context.write(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)), promise: promise)
    }

    /// §5.6: text must be UTF-8, and a browser closes when it is not.
    private static func isText(_ message: ByteBuffer) -> Bool {
        message.withUnsafeReadableBytes { bytes in
            bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
        }
    }
}
