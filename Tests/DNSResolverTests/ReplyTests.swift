import DNSResolver
import Glibc
import Reactor
import Testing

/// Bytes from anyone.
@Suite struct ReplyTests {
    /// A reply about example.com with one answer, whose name is compressed.
    private func reply(type: UInt8, ttl: [UInt8] = [0, 0, 0, 60], data: [UInt8]) -> [UInt8] {
        let name = [7] + Array("example".utf8) + [3] + Array("COM".utf8) + [0]
        let head: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        let question = name + [0, type, 0, 1]
        return head + question + [0xC0, 12, 0, type, 0, 1] + ttl + [0, UInt8(data.count)] + data
    }

    private func records(_ bytes: [UInt8]) -> [Record]? { bytes.withUnsafeBytes { DNSReply.records($0) } }

    @Test("addresses, services and pointers are read with their times to live, names in lower case")
    func reads() {
        #expect(
            records(reply(type: 1, data: [192, 0, 2, 7]))
                == [Record(ttlSeconds: 60, .address(SocketAddress("192.0.2.7:0")!))])
        #expect(
            records(reply(type: 33, data: [0, 1, 0, 2, 0x13, 0xC4, 3] + Array("Sip".utf8) + [0xC0, 12]))
                == [
                    Record(
                        ttlSeconds: 60, .service(priority: 1, weight: 2, port: 5_060, target: "sip.example.com"))
                ])
        let naptr = [0, 10, 0, 20, 1] + Array("s".utf8) + [7] + Array("SIP+D2U".utf8) + [0, 0xC0, 12]
        #expect(
            records(reply(type: 35, data: naptr))
                == [
                    Record(
                        ttlSeconds: 60,
                        .pointer(
                            order: 10, preference: 20, flags: "s", service: "SIP+D2U", regexp: "",
                            replacement: "example.com"))
                ])
    }

    @Test("a time to live with the top bit set is zero (RFC 2181 §8)")
    func hugeTime() {
        #expect(records(reply(type: 1, ttl: [0x80, 0, 0, 1], data: [192, 0, 2, 7]))?.first?.ttlSeconds == 0)
    }

    @Test("a name that points to itself or forward is refused")
    func loops() {
        let whole = reply(type: 33, data: [0, 1, 0, 2, 0, 1, 0xC0, 0])
        for target in UInt8(12)..<UInt8(whole.count) {
            var bytes = whole
            bytes[bytes.count - 1] = target
            _ = records(bytes)
        }
        var own = whole
        own[own.count - 1] = UInt8(own.count - 2)
        #expect(records(own)?.isEmpty != false)
    }

    @Test("cut short or changed at random, it never reads past its end")
    func damaged() {
        let seed = getenv("PROXY_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: .min ... .max)
        print("ReplyTests.damaged: PROXY_SEED=\(seed)")
        var state = seed
        func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
        let whole = reply(type: 33, data: [0, 1, 0, 2, 0x13, 0xC4, 3] + Array("sip".utf8) + [0xC0, 12])
        for count in 0..<whole.count { #expect(records(Array(whole[..<count]))?.isEmpty != false) }
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<(1 + next() % 4) { bytes[next() % bytes.count] = UInt8(next() & 0xFF) }
            _ = records(bytes)
        }
    }
}
