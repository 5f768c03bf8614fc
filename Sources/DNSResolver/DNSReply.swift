public import Reactor

/// What an answer may bring that we ask for (RFC 1035, RFC 2782, RFC 3403, RFC 3596).
public enum RecordType: UInt16, Sendable {
    case a = 1
    case aaaa = 28
    case srv = 33
    case naptr = 35
}

/// One resource record of an answer section. Names are lower case, without the dot at their end; the root is empty.
public enum RecordData: Sendable, Equatable {
    /// A or AAAA; the port is 0.
    case address(SocketAddress)
    case service(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    case pointer(order: UInt16, preference: UInt16, flags: String, service: String, regexp: String, replacement: String)
    /// CNAME, of which only the time to live matters here.
    case alias
}

public struct Record: Sendable, Equatable {
    public var ttlSeconds: UInt32
    public var data: RecordData

    public init(ttlSeconds: UInt32, _ data: RecordData) {
        self.ttlSeconds = ttlSeconds
        self.data = data
    }
}

/// Reads the answer section of a DNS reply (RFC 1035 §4.1), with the times to live, which c-ares' own parsers leave out.
///
/// The bytes come from anyone: every offset is checked, and names end after a bounded number of steps.
public struct DNSReply {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    /// Records read from one reply at most.
    public static let recordsMax = 128
    private static let labelsMax = 128
    private static let nameBytesMax = 255

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The answer's records in their order; others than those of `RecordData`, and those with a name that no host can
    /// have, are left out. Nil: malformed.
    public static func records(_ bytes: UnsafeRawBufferPointer) -> [Record]? {
        var reply = DNSReply(bytes)
        return reply.read()
    }

    private mutating func read() -> [Record]? {
        offset = 4
        guard let questions = number16(), let answers = number16() else { return nil }
        offset = 12
        for _ in 0..<questions {
            guard skipName() else { return nil }
            offset += 4
        }
        var records: [Record] = []
        for _ in 0..<min(Int(answers), Self.recordsMax) {
            guard skipName(), let type = number16(), let recordClass = number16(), let ttl = number32(),
                let count = number16(), offset + Int(count) <= bytes.count
            else { return nil }
            let end = offset + Int(count)
            // RFC 2181 §8: a time with the top bit set is zero.
            if recordClass == 1, let data = data(type, end: end) {
                records.append(Record(ttlSeconds: ttl > UInt32(Int32.max) ? 0 : ttl, data))
            }
            offset = end
        }
        return records
    }

    private mutating func data(_ type: UInt16, end: Int) -> RecordData? {
        switch type {
        case 5: return .alias
        case RecordType.a.rawValue:
            guard end - offset == 4, let address = number32() else { return nil }
            return .address(SocketAddress(ipv4: address, port: 0))
        case RecordType.aaaa.rawValue:
            guard end - offset == 16, let high = number64(), let low = number64() else { return nil }
            return .address(SocketAddress(high: high, low: low, port: 0, family: .ipv6))
        case RecordType.srv.rawValue:
            guard let priority = number16(), let weight = number16(), let port = number16(), let target = name()
            else { return nil }
            return .service(priority: priority, weight: weight, port: port, target: target)
        case RecordType.naptr.rawValue:
            guard let order = number16(), let preference = number16(), let flags = text(end), let service = text(end),
                let regexp = text(end), let replacement = name()
            else { return nil }
            return .pointer(
                order: order, preference: preference, flags: flags, service: service, regexp: regexp,
                replacement: replacement)
        default: return nil
        }
    }

    // MARK: Pieces

    private mutating func number16() -> UInt16? {
        guard offset + 2 <= bytes.count else { return nil }
        defer { offset += 2 }
        return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    private mutating func number32() -> UInt32? {
        guard let high = number16(), let low = number16() else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    private mutating func number64() -> UInt64? {
        guard let high = number32(), let low = number32() else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }

    /// A <character-string>.
    private mutating func text(_ end: Int) -> String? {
        guard offset < end else { return nil }
        let start = offset + 1
        let stop = start + Int(bytes[offset])
        guard stop <= end else { return nil }
        offset = stop
        return String(decoding: bytes[start..<stop], as: UTF8.self)
    }

    private mutating func skipName() -> Bool {
        for _ in 0..<Self.labelsMax {
            guard offset < bytes.count else { return false }
            let length = Int(bytes[offset])
            if length & 0xC0 == 0xC0 {
                offset += 2
                return offset <= bytes.count
            }
            guard length & 0xC0 == 0 else { return false }
            offset += 1 + length
            if length == 0 { return true }
        }
        return false
    }

    /// A name with its compression undone (RFC 1035 §4.1.4). Nil: malformed, or no name of a host or service.
    private mutating func name() -> String? {
        var at = offset
        guard skipName() else { return nil }
        var text: [UInt8] = []
        for _ in 0..<Self.labelsMax {
            guard at < bytes.count else { return nil }
            let length = Int(bytes[at])
            if length & 0xC0 == 0xC0 {
                guard at + 1 < bytes.count else { return nil }
                let target = (length & 0x3F) << 8 | Int(bytes[at + 1])
                // Only backwards, so that it comes to an end.
                guard target < at else { return nil }
                at = target
                continue
            }
            if length == 0 { return String(decoding: text, as: UTF8.self) }
            guard at + 1 + length <= bytes.count, text.count + length < Self.nameBytesMax else { return nil }
            if !text.isEmpty { text.append(UInt8(ascii: ".")) }
            for byte in bytes[(at + 1)..<(at + 1 + length)] {
                guard let byte = HostNameByte.lowercased(byte) else { return nil }
                text.append(byte)
            }
            at += 1 + length
        }
        return nil
    }
}

/// Letters, digits, hyphen and the underscore of service labels.
enum HostNameByte {
    static func lowercased(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte | 0x20
        case 0x61...0x7A, 0x30...0x39, 0x2D, 0x5F: byte
        default: nil
        }
    }
}
