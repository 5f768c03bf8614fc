import Reactor
import SIPMessage
import SIPTransaction
import Testing

@testable import ProxyCore

@Suite("Flow tokens")
struct FlowTokenTests {
    private let key = HashKey(low: 1, high: 2)

    private func token(_ flow: SocketAddress) -> [UInt8] {
        let text = Array("OPTIONS sip:a SIP/2.0\r\n\r\n".utf8)
        var message = SIPMessage()
        return text.withUnsafeBytes { bytes in
            _ = message.parse(bytes, as: .datagram)
            var edits = MessageEdits()
            edits.begin(at: bytes.count)
            FlowToken.append(flow, to: &edits, hashKey: key)
            edits.end()
            var written = [UInt8](repeating: 0, count: 200)
            let count = written.withUnsafeMutableBytes { edits.serialise(message, into: $0) }
            return Array(written[bytes.count..<count])
        }
    }

    private func read(_ token: [UInt8], _ key: HashKey) -> SocketAddress? {
        token.withUnsafeBytes { FlowToken.read($0, hashKey: key) }
    }

    private static let flows = [
        SocketAddress(ipv4: 0xC000_0207, port: 49_152, transport: .ws),
        SocketAddress(ipv4: 0xC000_0207, port: 1, transport: .wss),
        SocketAddress(
            high: 0x2001_0DB8_0000_0000, low: 0x1234_5678_9ABC_DEF0, scope: 7, port: 65_535, family: .ipv6,
            transport: .wss),
    ]

    @Test("a token names its connection, to who has the key", arguments: flows)
    func roundTrip(flow: SocketAddress) {
        let token = token(flow)
        #expect(token.count == (flow.isIPv6 ? 64 : 32))
        #expect(read(token, key) == flow)
        #expect(read(token, HashKey(low: 1, high: 3)) == nil)
    }

    @Test("no token that differs in a digit is one", arguments: flows)
    func forged(flow: SocketAddress) {
        let token = token(flow)
        for index in token.indices {
            for digit in Array("0123456789abcdefABCDEFg".utf8) where digit != token[index] {
                var forged = token
                forged[index] = digit
                let flow = read(forged, key)
                #expect(flow == nil, "digit \(index): \(String(decoding: forged, as: UTF8.self))")
            }
        }
        for count in 0..<token.count { #expect(read(Array(token[..<count]), key) == nil) }
    }
}
