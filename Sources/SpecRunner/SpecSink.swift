internal import ProxyCore
internal import Reactor

/// A message on its way.
struct SpecMessage {
    var bytes: [UInt8]
    /// Where it goes, or where it comes from.
    var peer: SocketAddress
    var isSent: Bool

    var startLine: String {
        String(decoding: bytes.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
    }
}

/// Everything that a proxy sends and receives, datagrams and messages of connections.
final class SpecSink: DatagramSink, StreamSender {
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 16)
    /// In both directions, in their order.
    private(set) var traffic: [SpecMessage] = []
    /// Places of what was sent in `traffic`.
    private(set) var sent: [Int] = []

    deinit { room.deallocate() }

    func noteReceived(_ bytes: [UInt8], from peer: SocketAddress) {
        traffic.append(SpecMessage(bytes: bytes, peer: peer, isSent: false))
    }

    private func noteSent(_ bytes: UnsafeRawBufferPointer, to peer: SocketAddress) {
        sent.append(traffic.count)
        traffic.append(SpecMessage(bytes: Array(bytes), peer: peer, isSent: true))
    }

    // MARK: DatagramSink

    func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: room[..<min(capacity, datagramBytesMax)])
    }

    func commit(_ count: Int, to address: SocketAddress, listener: Int) {
        noteSent(UnsafeRawBufferPointer(rebasing: room[..<count]), to: address)
    }

    // MARK: StreamSender

    func send(
        _ message: UnsafeRawBufferPointer, to destination: SocketAddress, connection: SocketAddress, listener: Int,
        ticket: StreamTicket
    ) {
        noteSent(message, to: connection.isNone ? destination : connection)
    }

    func identities(of connection: SocketAddress) -> [String] { [] }

    func close(_ connection: SocketAddress) {}
}

/// Answers about names from a table, after the message that asked has been handled.
final class SpecNames: TargetSource {
    /// By name in lower case; none: the name leads nowhere.
    private let table: [String: [SocketAddress]]
    private var questions: [TargetQuestion] = []

    init(_ table: [String: [SocketAddress]]) {
        self.table = table
    }

    func lookUp(_ question: TargetQuestion) -> Bool {
        questions.append(question)
        return true
    }

    /// The answer to the oldest question.
    func next() -> TargetAnswer? {
        guard !questions.isEmpty else { return nil }
        let question = questions.removeFirst()
        let addresses = table[question.name] ?? []
        let targets = addresses.enumerated().map { index, address in
            var address = address
            // RFC 3263 §4.2: a port in the URI is the one.
            if question.port != 0 { address.port = question.port }
            if address.port == 0 { address.port = address.transport.defaultPort }
            return ResolvedTarget(address, priority: UInt16(clamping: index), group: UInt8(clamping: index))
        }
        return TargetAnswer(to: question, targets: targets, ttlSeconds: 3_600)
    }
}
