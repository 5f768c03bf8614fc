import SIPMessage
import SIPTransaction
import Testing

/// The parameters in which proxies speak of state: grammar and limits (docs/state-signalling.md).
struct StateSignalsTests {
    static let start = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;sv=000012345678"

    static func read(_ parameters: String, start: String = start) -> StateSignals {
        let bytes = Array("\(start)\(parameters)\r\n".utf8)
        return bytes.withUnsafeBytes { StateSignals(ByteRange(0, bytes.count - 2), in: $0) }
    }

    static func mayStand(_ kind: StateSignalCursor.Kind, _ via: String) -> Bool {
        let bytes = Array("\(via)\r\n".utf8)
        return bytes.withUnsafeBytes { StateSignalCursor.mayStand(kind, in: ByteRange(0, bytes.count - 2), of: $0) }
    }

    @Test(
        "markers are read wherever they stand, in any case",
        arguments: [
            (";svk=open", StateMarker.open), (";svk=held", .held), (";received=192.0.2.7;SVK=Held;rport=5", .held),
            (" ; svk = open", .open), ("", .absent), (";x=\";svk=held\"", .absent), (";svkx=open", .absent),
        ])
    func markers(parameters: String, marker: StateMarker) {
        let signals = Self.read(parameters)
        #expect(signals.marker == marker)
        #expect(!signals.isMalformed)
        #expect(signals.isPresent == (marker != .absent))
    }

    @Test(
        "what isn't in the grammar is malformed, and nothing of it is believed",
        arguments: [
            ";svk", ";svk=", ";svk=yes", ";svk=open;svk=open", ";svk=open;svk=held", ";svk-allow=5",
            ";svk-allow=5;svk-price=1", ";svk-allow=5;svk-seq=1.1", ";svk-allow=x;svk-price=1;svk-seq=1.1",
            ";svk-allow=-1;svk-price=1;svk-seq=1.1", ";svk-allow=1.5;svk-price=1;svk-seq=1.1",
            ";svk-allow=5;svk-price=;svk-seq=1.1", ";svk-allow=5;svk-price=1;svk-seq=1",
            ";svk-allow=5;svk-price=1;svk-seq=1.", ";svk-allow=5;svk-price=1;svk-seq=.1",
            ";svk-allow=5;svk-price=1;svk-seq=4294967296.1", ";svk-allow=5;svk-price=1;svk-seq=1.4294967296",
            ";svk-allow=1234567890123456789;svk-price=1;svk-seq=1.1",
            ";svk-allow=5;svk-price=1;svk-seq=1.1;svk-allow=5", ";svk=held;svk-allow=\"5\";svk-price=1;svk-seq=1.1",
        ])
    func malformed(parameters: String) {
        let signals = Self.read(parameters)
        #expect(signals.isMalformed)
        #expect(signals.marker == .absent)
        #expect(signals.feedback == nil)
    }

    @Test("feedback is read in any order, and great numbers are clamped")
    func feedback() {
        #expect(
            Self.read(";svk-seq=1753000000.17;svk=open;svk-allow=250;svk-price=31000").feedback
                == StateFeedback(allowance: 250, priceNanoseconds: 31_000, epoch: 1_753_000_000, sequence: 17))
        #expect(Self.read(";svk-allow=ANY;svk-price=0;svk-seq=0.0").feedback?.allowance == StateFeedback.any)
        let clamped = Self.read(";svk-allow=999999999999;svk-price=999999999999999999;svk-seq=1.1").feedback
        #expect(clamped?.allowance == StateFeedback.allowanceMax)
        #expect(clamped?.priceNanoseconds == StateFeedback.priceNanosecondsMax)
    }

    @Test("a parameter of a later version is passed over")
    func later() {
        let signals = Self.read(";svk-more=1;svk=open")
        #expect(signals.marker == .open)
        #expect(!signals.isMalformed)
    }

    @Test("what is written is read back, and fits the room it asks for")
    func roundTrip() {
        for (allowance, price, epoch, sequence) in [
            (0 as UInt32, 0 as UInt64, 0 as UInt32, 0 as UInt32), (1, 9, 10, 99),
            (StateFeedback.any, StateFeedback.priceNanosecondsMax, .max, .max),
            (StateFeedback.allowanceMax, 1, .max, .max),
        ] {
            let feedback = StateFeedback(
                allowance: allowance, priceNanoseconds: price, epoch: epoch, sequence: sequence)
            var text = [UInt8](repeating: 0, count: StateFeedback.textBytesMax)
            let count = text.withUnsafeMutableBytes { feedback.write(into: $0) }
            #expect(Self.read(String(decoding: text[..<count], as: UTF8.self)).feedback == feedback)
        }
    }

    @Test("any bytes may stand there: nothing traps, and what the quick look misses nobody reads")
    func property() {
        let seed = UInt64.random(in: .min ... .max)
        print("state signals: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let pieces = [
            ";", "svk", "svk-", "allow", "price", "seq", "=", "open", "held", "any", "1", "0", ".", "\"", "\\", " ",
            "\t",
            "99999999999", "SVK", ",", "-", "x", "\u{7F}", ";svk=open", ";svk-allow=3;svk-price=4;svk-seq=5.6",
        ]
        for _ in 0..<50_000 {
            var text = ""
            for _ in 0..<(random.next() % 12) { text += pieces[Int(random.next() % UInt64(pieces.count))] }
            let signals = Self.read(text)
            let via = Self.start + text
            if signals.isPresent { #expect(Self.mayStand(.any, via), "seed \(seed): \(text)") }
            if signals.feedback != nil { #expect(Self.mayStand(.feedback, via), "seed \(seed): \(text)") }
            if signals.isMalformed { #expect(signals.marker == .absent && signals.feedback == nil) }
        }
    }
}
