internal import Glibc
public import Reactor

/// Kinds of mail between the proxies of one process.
enum ProxyMail {
    /// A response for a transaction of the receiver.
    static let response: UInt32 = 1
}

extension Proxy: WorkerDelegate {
    public func sendFailed(to address: SocketAddress, listener: Int, errno: Int32) {
        sendFailed(
            to: address, listener: listener, isTransient: errno == EAGAIN || errno == ENOBUFS,
            now: table.pointee.latestTime)
    }

    public func mail(_ mail: borrowing Mail, now: UInt64) {
        switch mail.kind {
        case ProxyMail.response:
            receivedFromWorker(mail.payload, from: mail.address, listener: mail.listener, now: now)
        case StreamMail.message:
            received(
                UnsafeMutableRawBufferPointer(mutating: mail.payload), from: mail.address, listener: mail.listener,
                now: now)
        case StreamMail.unframed:
            receivedUnframed(mail.payload, from: mail.address, listener: mail.listener, now: now)
        case StreamMail.failed:
            let ticket = StreamTicket(
                worker: workerIndex, client: UInt32(truncatingIfNeeded: mail.word0), hash: mail.word1)
            streamFailed(ticket, to: mail.address, now: now)
        default: break
        }
    }
}

/// The workers of one group as peers of each other.
public final class WorkerLinks: WorkerPeers {
    private let worker: Worker
    private let counters: [CounterBlock]

    /// - Parameters:
    ///   - worker: the one whose links these are.
    ///   - counters: the proxy counters of all workers, in their order.
    public init(worker: Worker, counters: [CounterBlock]) {
        self.worker = worker
        self.counters = counters
    }

    public func post(_ datagram: UnsafeRawBufferPointer, to worker: Int, source: SocketAddress, listener: Int) -> Bool {
        self.worker.post(
            Mail(kind: ProxyMail.response, listener: listener, address: source, payload: datagram), toWorker: worker)
    }

    public func clientTransactions(of worker: Int) -> UInt64 {
        counters[worker].value(ProxyCounter.clientTransactionsLive.rawValue)
    }
}
