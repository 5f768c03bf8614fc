import SIPMessage
import SIPTransaction
import Testing

@Suite struct BranchTests {
    private func read(_ text: String) -> Branch? {
        Array(text.utf8).withUnsafeBytes { Branch($0) }
    }

    /// As it would stand in a message.
    private func written(_ branch: Branch) -> String {
        withMessage(request()) { message in
            var edits = MessageEdits()
            edits.begin(at: message.startLineEnd)
            edits.append("X: ")
            branch.append(to: &edits)
            edits.append("\r\n")
            edits.end()
            var bytes = [UInt8](repeating: 0, count: 2_000)
            let count = bytes.withUnsafeMutableBytes { edits.serialise(message, into: $0) }
            let text = String(decoding: bytes[..<count], as: UTF8.self)
            let line = text.split(separator: "\r\n").first { $0.hasPrefix("X: ") } ?? ""
            return String(line.dropFirst(3))
        }
    }

    @Test("what is written is read back, and has its documented length")
    func roundTrip() {
        var random = SeededGenerator.printed("roundTrip")
        var branches = [
            Branch(hash: 0, loopHash: 0, index: 0),
            Branch(hash: .max, loopHash: .max, index: 255),
        ]
        for _ in 0..<500 {
            branches.append(
                Branch(
                    hash: random.next(), loopHash: UInt32(truncatingIfNeeded: random.next()),
                    index: UInt8(truncatingIfNeeded: random.next())))
        }
        for branch in branches {
            let text = written(branch)
            #expect(text.utf8.count == Branch.count)
            #expect(text.hasPrefix("z9hG4bK"))
            #expect(read(text) == branch)
        }
    }

    @Test("each field has its place")
    func places() {
        #expect(
            written(
                Branch(hash: 0x1234_5678_9abc_def0, loopHash: 0x1234_5678, index: 0x9a))
                == "z9hG4bK123456789abcdef0123456789a")
    }

    @Test("every malformed variant is refused")
    func malformed() {
        let good = written(Branch(hash: 0xabcdef, loopHash: 4, index: 5))
        #expect(read(good) != nil)
        #expect(read("") == nil)
        #expect(read(String(good.dropLast())) == nil)
        #expect(read(good + "0") == nil)
        #expect(read(good.uppercased()) == nil)
        #expect(read(good.replacing("abcdef", with: "ABCDEF")) == nil)
        // Every byte but the hexadecimal digits in every place; the cookie must stand as we wrote it.
        let bytes = Array(good.utf8)
        for place in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = bytes
                changed[place] = byte
                let isDigit = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
                let mayStand = place < 7 ? byte == bytes[place] : isDigit
                #expect((changed.withUnsafeBytes { Branch($0) } != nil) == mayStand)
            }
        }
    }

    private func loopHash(_ text: String) -> UInt32 {
        withMessage(text) { Branch.loopHash(of: $0, arrival: 7, hashKey: HashKey(low: 1, high: 1)) }
    }

    @Test("the loop hash depends on what decides where a request goes")
    func loopHash() {
        let first = loopHash(request())
        #expect(first == loopHash(request()))
        #expect(first != loopHash(request(uri: "sip:carol@example.com")))
        #expect(first != loopHash(request(callID: "other")))
        #expect(first != loopHash(request(cSeq: 2)))
        #expect(first != loopHash(request(from: "<sip:alice@example.com>;tag=z")))
        let routed = loopHash(request(headers: "Route: <sip:p1.example.com;lr>\n"))
        #expect(first != routed)
        #expect(routed != loopHash(request(headers: "Route: <sip:p2.example.com;lr>\n")))
    }

    @Test("the loop hash is the same for INVITE, CANCEL and the ACK to a failure, and does not depend on Via")
    func loopHashOfOneTransaction() {
        let first = loopHash(request())
        #expect(first == loopHash(request("CANCEL")))
        #expect(first == loopHash(request("ACK", to: "<sip:bob@example.com>;tag=b")))
        #expect(first == loopHash(request(via: "SIP/2.0/UDP other.example.com;branch=z9hG4bKother")))
        #expect(first == loopHash(request(headers: "Max-Forwards: 12\n")))
    }
}
