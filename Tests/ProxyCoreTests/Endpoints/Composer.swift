import Reactor

/// Text of a message under way, in memory of its own that is used over and over.
final class Composer {
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: datagramBytesMax, alignment: 8)
    private var count = 0

    deinit { memory.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// All of the memory, for writers that fill it by themselves; `fill` then says how far.
    var room: UnsafeMutableRawBufferPointer { memory }

    func fill(_ count: Int) {
        precondition(count > 0, "the message does not fit")
        self.count = count
    }

    func begin() { count = 0 }

    func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(_ text: [UInt8]) {
        text.withUnsafeBytes { append($0) }
    }

    func append(_ text: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + text.count]).copyMemory(from: text)
        count += text.count
    }

    func append(_ number: Int) {
        if number >= 10 { append(number / 10) }
        memory[count] = UInt8(48 + number % 10)
        count += 1
    }
}

/// The number that stands at the beginning of some bytes, after `skipping` of them; -1 without one.
func leadingNumber(_ bytes: UnsafeRawBufferPointer, skipping: Int = 0) -> Int {
    var value = -1
    var index = skipping
    while index < bytes.count, bytes[index] &- 48 < 10, value < 1 << 40 {
        value = max(value, 0) * 10 + Int(bytes[index] - 48)
        index += 1
    }
    return value
}

/// "host:port" as it stands in Via and URI.
func hostAndPort(_ address: SocketAddress) -> [UInt8] {
    var text = [UInt8](repeating: 0, count: SocketAddress.ipTextBytesMax)
    let count = text.withUnsafeMutableBytes { address.writeIP(into: $0) }
    let ip = Array(text[..<count])
    let host = address.isIPv6 ? Array("[".utf8) + ip + Array("]".utf8) : ip
    return host + Array(":\(address.port)".utf8)
}
