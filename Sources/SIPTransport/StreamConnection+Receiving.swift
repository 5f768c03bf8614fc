internal import NIOCore
internal import ProxyCore
internal import Reactor

// What comes.
extension StreamConnection {
    func read(context: ChannelHandlerContext) {
        if isPaused { isReadWanted = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        var bytes = unwrapInboundIn(data)
        if peer.transport.isWebSocket { boundaries.append(bytes.readableBytes) }
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        if !isPaused { takeMessages(context) }
    }

    private func takeMessages(_ context: ChannelHandlerContext) {
        while !isBroken {
            switch nextStep() {
            case .incomplete:
                input.discardReadBytes()
                return
            case .lineEnds(let count):
                took(count)
                answerPings(lineEnds: count / 2)
            case .message(let count):
                lineEndsSeen = 0
                guard post(StreamMail.message, count) else { return pause(context) }
                hub.counters.add(.messagesReceived)
                took(count)
                framer.took()
            case .broken:
                isBroken = true
                hub.counters.add(.closedMalformed)
                if !post(StreamMail.unframed, min(input.readableBytes, datagramBytesMax)) { finish() }
                input.clear()
            }
        }
    }

    private func nextStep() -> StreamFramer.Step {
        guard peer.transport.isWebSocket else { return input.withUnsafeReadableBytes { framer.next($0) } }
        // RFC 7118 §5: one message each, whether it has a Content-Length or not.
        guard let count = boundaries.first else { return .incomplete }
        let holdsLineEndsOnly = input.readableBytesView.prefix(count).allSatisfy { $0 == 0x0D || $0 == 0x0A }
        return holdsLineEndsOnly ? .lineEnds(count) : .message(count)
    }

    private func took(_ count: Int) {
        input.moveReaderIndex(forwardBy: count)
        if peer.transport.isWebSocket { boundaries.removeFirst() }
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
