import Glibc

// Text forms: dotted quads, RFC 4291 §2.2 in, RFC 5952 out. Nothing here allocates but the `String` edges.
extension SocketAddress {
    /// The longest text `writeIP` writes, in bytes ("ffff:…:255.255.255.255").
    public static let ipTextBytesMax = 46

    /// Reads a literal IPv4 or IPv6 address, the latter with or without brackets and with or without a numeric zone
    /// ("fe80::1%2"). Host names, octal or short dotted quads ("127.1") and anything else give nil.
    public init?(ip text: UnsafeRawBufferPointer, port: UInt16) {
        var text = text[...]
        guard let first = text.first else { return nil }
        if first == UInt8(ascii: "[") {
            guard text.count > 2, text.last == UInt8(ascii: "]") else { return nil }
            text = text.dropFirst().dropLast()
        } else if let address = Self.ipv4(text) {
            self.init(ipv4: address, port: port)
            return
        }
        var scope: UInt32 = 0
        if let percent = text.firstIndex(of: UInt8(ascii: "%")) {
            guard let zone = Self.decimal(text[(percent + 1)...], max: UInt64(UInt32.max)) else { return nil }
            scope = UInt32(zone)
            text = text[..<percent]
        }
        guard let bits = Self.ipv6(text) else { return nil }
        self.init(
            high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits), scope: scope,
            port: port, family: .ipv6)
    }

    /// Reads "192.0.2.1:5060", "[2001:db8::1]:5060", or either without a port (port 0). An IPv6 address needs its brackets,
    /// because "::1:5060" would be another address. The zone may be an interface name ("[fe80::1%eth0]:5060").
    public init?(_ text: String) {
        var host = text[...]
        var port: UInt16 = 0
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            let digits = host[host.index(after: colon)...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits)
            else { return nil }
            port = number
            host = host[..<colon]
        }
        guard host.hasPrefix("[") == host.contains(":") else { return nil }
        var named: UInt32 = 0
        if host.hasPrefix("["), host.hasSuffix("]"), let percent = host.firstIndex(of: "%") {
            let zone = host[host.index(after: percent)...].dropLast()
            if UInt32(zone) == nil {
                named = if_nametoindex(String(zone))
                guard named != 0 else { return nil }
                host = host[..<percent] + "]"
            }
        }
        var bytes = String(host)
        let parsed = bytes.withUTF8 { SocketAddress(ip: UnsafeRawBufferPointer($0), port: port) }
        guard let parsed else { return nil }
        self = parsed
        if named != 0 { scope = named }
    }

    /// Writes the address without port, brackets or zone and answers the number of bytes: at most `ipTextBytesMax`, 0 when there
    /// is no address or it does not fit.
    public func writeIP(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var writer = TextWriter(buffer: buffer)
        switch family {
        case .none: return 0
        case .ipv4: writer.appendIPv4(UInt32(truncatingIfNeeded: low))
        case .ipv6: appendIPv6(to: &writer)
        }
        return writer.overflowed ? 0 : writer.count
    }

    private func group(_ index: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> (48 - UInt64(index & 3) * 16))
    }

    // RFC 5952 §4: lower case, no leading zeros, the longest run of at least two zero groups (the first of equals) as "::";
    // §5: mixed notation for mapped addresses.
    private func appendIPv6(to writer: inout TextWriter) {
        if isIPv4Mapped {
            writer.append("::ffff:")
            writer.appendIPv4(UInt32(truncatingIfNeeded: low))
            return
        }
        var gapStart = 8
        var gapCount = 1
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, group(end) == 0 { end += 1 }
            if end - index > gapCount {
                gapStart = index
                gapCount = end - index
            }
            index = max(end, index + 1)
        }
        index = 0
        while index < 8 {
            if index == gapStart {
                writer.append("::")
                index += gapCount
            } else {
                if index > 0, index != gapStart + gapCount || gapStart == 8 { writer.append(UInt8(ascii: ":")) }
                writer.appendHex(group(index))
                index += 1
            }
        }
    }

    private static func decimal(_ text: Slice<UnsafeRawBufferPointer>, max: UInt64) -> UInt64? {
        guard !text.isEmpty, text.count <= 10 else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + UInt64(byte - 0x30)
        }
        return value <= max ? value : nil
    }

    // Four numbers of 1 to 3 digits; a leading zero is refused, because some readers take it for octal.
    private static func ipv4(_ text: Slice<UnsafeRawBufferPointer>) -> UInt32? {
        guard text.count >= 7, text.count <= 15 else { return nil }
        var address: UInt32 = 0
        var parts = 0
        var digits = 0
        var value: UInt32 = 0
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, parts < 3 else { return nil }
                address = address << 8 | value
                parts += 1
                digits = 0
                value = 0
            } else {
                guard byte >= 0x30, byte <= 0x39, !(digits > 0 && value == 0) else { return nil }
                digits += 1
                value = value * 10 + UInt32(byte - 0x30)
                guard value <= 255 else { return nil }
            }
        }
        guard parts == 3, digits > 0 else { return nil }
        return address << 8 | value
    }

    // RFC 4291 §2.2: eight groups, one "::" for at least one zero group, the last two groups perhaps as a dotted quad.
    private static func ipv6(_ text: Slice<UnsafeRawBufferPointer>) -> UInt128? {
        guard text.count >= 2, text.count <= 45 else { return nil }
        var before: UInt128 = 0
        var beforeCount = 0
        var after: UInt128 = 0
        var afterCount = 0
        var gap = false
        var index = text.startIndex
        let end = text.endIndex
        func isColon(_ at: Int) -> Bool { at < end && text[at] == UInt8(ascii: ":") }

        if isColon(index) {
            guard isColon(index + 1) else { return nil }
            gap = true
            index += 2
        }
        while index < end {
            let stop = text[index...].firstIndex(of: UInt8(ascii: ":")) ?? end
            let part = text[index..<stop]
            var value: UInt128 = 0
            var groups = 1
            if stop == end, let quad = ipv4(part) {
                value = UInt128(quad)
                groups = 2
            } else {
                guard part.count >= 1, part.count <= 4 else { return nil }
                for byte in part {
                    guard let digit = hexDigit(byte) else { return nil }
                    value = value << 4 | UInt128(digit)
                }
            }
            if gap {
                after = after << UInt128(16 * groups) | value
                afterCount += groups
            } else {
                before = before << UInt128(16 * groups) | value
                beforeCount += groups
            }
            guard beforeCount + afterCount <= 8 else { return nil }
            guard stop < end else { break }
            index = stop + 1
            if isColon(index) {
                guard !gap else { return nil }
                gap = true
                index += 1
            } else if index == end {
                return nil
            }
        }
        let count = beforeCount + afterCount
        guard gap ? count <= 7 : count == 8 else { return nil }
        return beforeCount == 0 ? after : before << UInt128(16 * (8 - beforeCount)) | after
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// "192.0.2.1:5060", "[2001:db8::1]:5060", "[fe80::1%2]:5060", "none".
    public var description: String {
        let port = port
        let zone = scope == 0 ? "" : "%\(scope)"
        return switch family {
        case .none: "none"
        case .ipv4: "\(ipText):\(port)"
        case .ipv6: "[\(ipText)\(zone)]:\(port)"
        }
    }

    /// The address alone, as `writeIP` writes it.
    public var ipText: String {
        withUnsafeTemporaryAllocation(byteCount: Self.ipTextBytesMax, alignment: 1) { buffer in
            String(decoding: buffer[..<writeIP(into: buffer)], as: UTF8.self)
        }
    }
}

/// Appends text to caller's memory and remembers whether it did not fit.
private struct TextWriter {
    let buffer: UnsafeMutableRawBufferPointer
    var count = 0
    var overflowed = false

    init(buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    mutating func append(_ byte: UInt8) {
        guard count < buffer.count else {
            overflowed = true
            return
        }
        buffer[count] = byte
        count += 1
    }

    mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
    }

    mutating func appendIPv4(_ address: UInt32) {
        for part in 0..<4 {
            if part > 0 { append(UInt8(ascii: ".")) }
            let value = UInt8(truncatingIfNeeded: address >> UInt32(24 - part * 8))
            if value >= 100 { append(0x30 + value / 100) }
            if value >= 10 { append(0x30 + value / 10 % 10) }
            append(0x30 + value % 10)
        }
    }

    mutating func appendHex(_ group: UInt16) {
        var shift: UInt16 = 12
        while shift > 0, group >> shift == 0 { shift -= 4 }
        while true {
            let digit = UInt8(truncatingIfNeeded: group >> shift & 15)
            append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            if shift == 0 { return }
            shift -= 4
        }
    }
}
