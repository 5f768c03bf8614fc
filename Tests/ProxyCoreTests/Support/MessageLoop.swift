import ProxyCore
import Reactor
import SIPMessage
import SIPTransaction
import StatePolicy

/// Datagrams one after another in one block of memory, to be played to a proxy without any work between them.
final class Recording {
    struct Entry {
        let offset: Int
        let count: Int
        let source: SocketAddress
    }

    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Entry] = []

    func append(_ datagram: UnsafeRawBufferPointer, from source: SocketAddress) {
        entries.append(Entry(offset: bytes.count, count: datagram.count, source: source))
        bytes.append(contentsOf: datagram)
    }
}

/// Counts what is sent and keeps the last datagram; allocates nothing.
final class LastDatagramSink: DatagramSink {
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 64)
    private let state = UnsafeMutablePointer<(count: Int, lastBytes: Int)>.allocate(capacity: 1)

    init() { state.initialize(to: (0, 0)) }

    deinit {
        room.deallocate()
        state.deallocate()
    }

    var sentCount: Int { state.pointee.count }
    var last: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: room[..<state.pointee.lastBytes]) }

    func reserve(_ capacity: Int) -> UnsafeMutableRawBufferPointer { room }

    func commit(_ count: Int, to address: SocketAddress, listener: Int) {
        state.pointee.count += 1
        state.pointee.lastBytes = count
    }
}

/// One proxy without a network: answered calls of six messages go straight through it.
final class MessageLoop {
    static let messagesPerCall = 6
    /// Calls begin at this rate in simulated time.
    static let callsPerMillisecond = 4

    let proxy: Proxy
    let counters = CounterBlock(count: ProxyCounter.allCases.count)
    let sink = LastDatagramSink()
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 64)
    private(set) var now: UInt64 = 1_000_000

    let node: StateNode

    /// - Parameter dial: alice and bob are trusted proxies, and the dial says what is left to bob.
    init(_ mode: PolicyName, dial: PolicyDial? = nil) {
        var settings = ProxySettings.forTests
        settings.policy = mode
        var makePolicy: (@Sendable () -> any StatePolicy)?
        if let dial {
            settings.trustedPeers = [TrustedPeer(Place.alice), TrustedPeer(Place.bob)]
            makePolicy = { DialPolicy(dial) }
        }
        node = StateNode(settings: settings, epoch: 1_000, makePolicy: makePolicy)
        settings.limits.transactionsMax = 200_000
        settings.limits.transactionMemoryBytesMax = 1 << 30
        proxy = Proxy(
            settings: settings, workerIndex: 0, logic: NativeRouting(), sink: sink, counters: counters, peers: nil,
            desk: node.desks[0], now: now)
    }

    deinit {
        scratch.deallocate()
        counters.deallocate()
    }

    func pass(milliseconds: UInt64) {
        now += milliseconds
        proxy.advance(to: now)
    }

    /// One period of the control side.
    func tick() {
        node.tick(time: Double(now) / 1_000, processors: 1)
    }

    private func receive(_ datagram: UnsafeRawBufferPointer, from source: SocketAddress) {
        scratch.copyMemory(from: datagram)
        proxy.received(
            UnsafeMutableRawBufferPointer(rebasing: scratch[..<datagram.count]), from: source, listener: 0, now: now)
    }

    /// Plays a recording: call after call, each call's messages without a pause.
    func play(_ recording: Recording) {
        recording.bytes.withUnsafeBytes { bytes in
            recording.entries.withUnsafeBufferPointer { entries in
                for index in 0..<entries.count {
                    if index % (Self.messagesPerCall * Self.callsPerMillisecond) == 0 { pass(milliseconds: 1) }
                    let entry = entries[index]
                    receive(
                        UnsafeRawBufferPointer(rebasing: bytes[entry.offset..<entry.offset + entry.count]),
                        from: entry.source)
                }
            }
        }
    }

    /// Records calls with the responses that belong to the requests this proxy sends. Branches are deterministic, so
    /// the recording suits every proxy with the same key, in either mode.
    ///
    /// - Parameter marker: what alice says of state; bob then speaks of it too.
    static func record(calls: Int, marker: String? = nil) -> Recording {
        let loop = MessageLoop(.stateless, dial: marker == nil ? nil : PolicyDial())
        let recording = Recording()
        let response = Composer()
        let message = UnsafeMutablePointer<SIPMessage>.allocate(capacity: 1)
        message.initialize(to: SIPMessage())
        defer { message.deinitialize(count: 1).deallocate() }
        func request(_ request: RequestText, answers: [Int]) {
            let bytes = Array(request.text.utf8)
            bytes.withUnsafeBytes {
                recording.append($0, from: Place.alice)
                loop.receive($0, from: Place.alice)
            }
            _ = message.pointee.parse(loop.sink.last)
            for code in answers {
                let written = ResponseWriter.write(
                    code, reason: UnsafeRawBufferPointer(start: nil, count: 0), to: message.pointee,
                    toTag: UnsafeRawBufferPointer("uas"),
                    extraHeaders: UnsafeRawBufferPointer("Contact: <sip:bob@192.0.2.200:5060>\r\n"), into: response.room
                )
                response.fill(written)
                guard marker != nil else {
                    recording.append(response.bytes, from: Place.bob)
                    continue
                }
                var text = String(decoding: response.bytes, as: UTF8.self)
                let line = text.firstRange(of: "\r\nVia: ")!.upperBound
                let end = text[line...].firstRange(of: "\r\n")!.lowerBound
                text.insert(contentsOf: ";svk-allow=any;svk-price=31000;svk-seq=7.\(recording.entries.count)", at: end)
                text.withUTF8 { recording.append(UnsafeRawBufferPointer($0), from: Place.bob) }
            }
        }
        for number in 0..<calls {
            let invite = RequestText {
                $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-\(number)-i\(marker ?? "")"
                $0.from = "Alice <sip:alice@example.com>;tag=f\(number)"
                $0.callID = "\(number)@client.example.com"
                $0.headers = [
                    "Contact: <sip:alice@192.0.2.100:5060>", "Subject: Performance Test",
                    "Content-Type: application/sdp",
                ]
                $0.body =
                    "v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.100\r\ns=-\r\nc=IN IP4 192.0.2.100\r\nt=0 0\r\n"
                    + "m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
            }
            request(invite, answers: [180, 200])
            let ack = invite.with {
                $0.method = "ACK"
                $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-\(number)-a"
                $0.to += ";tag=uas"
                $0.body = ""
            }
            request(ack, answers: [])
            request(
                ack.with {
                    $0.method = "BYE"
                    $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-\(number)-b\(marker ?? "")"
                    $0.cSeq = 2
                }, answers: [200])
        }
        return recording
    }
}
