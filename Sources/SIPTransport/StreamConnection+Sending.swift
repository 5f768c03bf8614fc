internal import NIOCore
internal import Reactor

// What goes.
extension StreamConnection {
    func send(_ message: OutgoingMessage) {
        switch state {
        case .opening:
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

    /// What nobody waits for; dropped when the peer does not read.
    func write(_ bytes: ByteBuffer, to channel: any Channel) {
        let count = bytes.readableBytes
        guard queuedBytes + count <= hub.settings.writeQueueBytesMax else { return }
        queuedBytes += count
        channel.writeAndFlush(bytes).whenComplete { _ in self.queuedBytes -= count }
    }
}
