import ProxyCore
import Reactor
import SIPTransaction
import StatePolicy

/// Where tests stand in the documentation networks.
enum Place {
    static let proxy = SocketAddress("192.0.2.1:5060")!
    static let proxy6 = SocketAddress("[2001:db8::1]:5060")!
    static let alice = SocketAddress("192.0.2.100:5060")!
    static let bob = SocketAddress("192.0.2.200:5060")!
    static let carol = SocketAddress("192.0.2.201:5060")!
    static let dave = SocketAddress("192.0.2.202:5060")!
    static let alice6 = SocketAddress("[2001:db8::100]:5060")!
    static let bob6 = SocketAddress("[2001:db8::200]:5060")!
}

/// One datagram that a proxy sent.
struct Sent {
    let message: WireMessage
    let destination: SocketAddress
    let listener: Int
}

/// Keeps what a proxy sends.
final class CapturingSink: DatagramSink {
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 16)
    var sent: [Sent] = []
    /// Runs with each datagram sent.
    var onCommit: () -> Void = {}
    private var reserved = 0

    deinit { room.deallocate() }

    func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        reserved = min(capacity, datagramBytesMax)
        return UnsafeMutableRawBufferPointer(rebasing: room[..<reserved])
    }

    func commit(_ count: Int, to address: SocketAddress, listener: Int) {
        precondition(count > 0 && count <= reserved, "more committed than reserved")
        let text = String(decoding: room[..<count], as: UTF8.self)
        sent.append(Sent(message: WireMessage(text), destination: address, listener: listener))
        onCommit()
    }
}

extension ProxySettings {
    /// The proxy of the tests at 192.0.2.1 and [2001:db8::1], with a fixed key.
    static var forTests: ProxySettings {
        var settings = ProxySettings(listeners: [
            Listener(address: Place.proxy, advertisedHost: "192.0.2.1", advertisedPort: 5_060),
            Listener(address: Place.proxy6, advertisedHost: "2001:db8::1", advertisedPort: 5_060),
        ])
        settings.domains = ["proxy.example.com"]
        settings.hashKey = HashKey(low: 1, high: 2)
        settings.limits.transactionsMax = 1_000
        settings.limits.transactionMemoryBytesMax = 16 << 20
        return settings
    }
}

/// One proxy, driven by hand: messages and time go in, messages come out.
final class ProxyHarness {
    let proxy: Proxy
    let logic: TestLogic
    let sink = CapturingSink()
    let counters: CounterBlock
    /// The control side, ticked by hand.
    let node: StateNode
    /// What was told of held transactions.
    var holders: [Holder] = []
    var now: UInt64 = 1_000_000

    init(
        _ logic: TestLogic = TestLogic(), dial: PolicyDial? = nil, meter: CostMeter? = nil,
        names: (any TargetSource)? = nil, worker: Int = 0, dialogs: DialogTable? = nil,
        ledger: AccountingLedger? = nil,
        _ configure: (inout ProxySettings) -> Void = { _ in }
    ) {
        var settings = ProxySettings.forTests
        configure(&settings)
        self.logic = logic
        counters = CounterBlock(count: ProxyCounter.allCases.count)
        var makePolicy: (@Sendable () -> any StatePolicy)?
        if let dial { makePolicy = { DialPolicy(dial) } }
        node = StateNode(settings: settings, epoch: 1_000, makePolicy: makePolicy)
        proxy = Proxy(
            settings: settings, workerIndex: worker, logic: logic, sink: sink, counters: counters, peers: nil,
            desk: node.desks[worker], now: now, meter: meter, targetSource: names, dialogs: dialogs,
            ledger: ledger)
        proxy.holderNoted = { [unowned self] in holders.append(Holder($0)) }
    }

    /// A proxy that forwards without state.
    static func stateless(_ logic: TestLogic = TestLogic()) -> ProxyHarness {
        ProxyHarness(logic) { $0.policy = .stateless }
    }

    deinit { counters.deallocate() }

    /// Delivers a message and answers what the proxy sends at once.
    @discardableResult
    func receive(_ text: String, from source: SocketAddress = Place.alice, listener: Int? = nil) -> [Sent] {
        receive(bytes: Array(text.utf8), from: source, listener: listener)
    }

    @discardableResult
    func receive(_ request: RequestText, from source: SocketAddress = Place.alice, listener: Int? = nil) -> [Sent] {
        receive(request.text, from: source, listener: listener)
    }

    @discardableResult
    func receive(bytes: [UInt8], from source: SocketAddress, listener: Int? = nil) -> [Sent] {
        sink.sent.removeAll()
        var bytes = bytes
        bytes.withUnsafeMutableBytes {
            proxy.received($0, from: source, listener: listener ?? (source.isIPv6 ? 1 : 0), now: now)
        }
        return sink.sent
    }

    /// One period of the control side.
    func tick(milliseconds: UInt64 = 200) {
        pass(milliseconds: milliseconds)
        node.tick(time: Double(now) / 1_000, processors: 1)
    }

    /// Lets time pass, deadline by deadline, and answers what the proxy sends meanwhile, each with its time.
    @discardableResult
    func pass(milliseconds: UInt64) -> [(at: UInt64, sent: Sent)] {
        let start = now
        let end = now + milliseconds
        var all: [(UInt64, Sent)] = []
        sink.sent.removeAll()
        while let deadline = proxy.nextDeadline(), deadline <= end {
            now = max(now, deadline)
            proxy.advance(to: now)
            all += sink.sent.map { (now - start, $0) }
            sink.sent.removeAll()
        }
        now = end
        proxy.advance(to: now)
        return all + sink.sent.map { (now - start, $0) }
    }

    /// Lets all transactions come to their end.
    func finish() {
        pass(milliseconds: 600_000)
    }

    func count(_ counter: ProxyCounter) -> UInt64 { counters.value(counter.rawValue) }

    var isEmpty: Bool { proxy.transactionsInUse == 0 && proxy.messageBlocksInUse == 0 }
}

extension [Sent] {
    var requests: [Sent] { filter { $0.message.isRequest } }
    var responses: [Sent] { filter { !$0.message.isRequest } }
    /// The codes of responses and the methods of requests, in order.
    var summary: [String] { map { $0.message.isRequest ? $0.message.method : "\($0.message.code)" } }

    func to(_ address: SocketAddress) -> [Sent] { filter { $0.destination == address } }
}
