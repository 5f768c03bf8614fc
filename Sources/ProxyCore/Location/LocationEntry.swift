internal import Reactor

/// An address with its bindings in one block of memory: what the location table is made of.
///
/// A million bindings as structures of arrays take several blocks each; packed they take one, of about half the size. Two entries
/// are equal when their addresses are.
struct LocationEntry: Hashable {
    // earliest expiry 8 | bindings 2 | address length 2 | address | bindings
    // a binding: expiry 8 | CSeq 4 | q 2 | URI length 2 | Call-ID length 2 | source length 1 | source | URI | Call-ID
    private let bytes: [UInt8]

    private static let headBytes = 12, bindingHeadBytes = 19, sourceBytes = 24
    private static let noQ: UInt16 = .max

    /// Enough to look another one up by.
    init(_ address: AddressOfRecord, _ bindings: [ContactBinding] = []) {
        precondition(bindings.count <= Int(UInt16.max), "an address has few bindings")
        let count =
            Self.headBytes + address.bytes.count
            + bindings.reduce(0) { sum, binding in
                sum + Self.bindingHeadBytes + (binding.source.isNone ? 0 : Self.sourceBytes) + binding.uri.count
                    + binding.callID.count
            }
        bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var writer = Writer(buffer: UnsafeMutableRawBufferPointer(buffer))
            writer.append(bindings.lazy.map(\.expiresAt).min() ?? 0)
            writer.append(UInt16(bindings.count))
            writer.append(UInt16(address.bytes.count))
            writer.append(address.bytes)
            for binding in bindings {
                writer.append(binding.expiresAt)
                writer.append(binding.cSeq)
                writer.append(binding.q.map { UInt16(clamping: $0) } ?? Self.noQ)
                writer.append(UInt16(binding.uri.count))
                writer.append(UInt16(binding.callID.count))
                writer.append(UInt8(binding.source.isNone ? 0 : Self.sourceBytes))
                if !binding.source.isNone { writer.append(binding.source) }
                writer.append(binding.uri)
                writer.append(binding.callID)
            }
            used = writer.count
        }
    }

    /// Of a table entry, which has at least one.
    var bindingCount: Int { bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 8, as: UInt16.self)) } }

    /// Whether one of the bindings at least has expired.
    func hasExpired(at now: UInt64) -> Bool {
        bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } <= now
    }

    var address: AddressOfRecord { AddressOfRecord(bytes: Array(key)) }

    /// In the order that they were given in.
    var bindings: [ContactBinding] {
        bytes.withUnsafeBytes { bytes in
            var reader = Reader(bytes: bytes, position: Self.headBytes + addressCount)
            return (0..<bindingCount).map { _ in
                let expiresAt = reader.take(UInt64.self)
                let cSeq = reader.take(UInt32.self)
                let q = reader.take(UInt16.self)
                let (uriCount, callIDCount) = (reader.take(UInt16.self), reader.take(UInt16.self))
                let hasSource = reader.take(UInt8.self) > 0
                let source = hasSource ? reader.take(SocketAddress.self) : .none
                return ContactBinding(
                    uri: reader.take(Int(uriCount)), q: q == Self.noQ ? nil : Int(q), expiresAt: expiresAt,
                    callID: reader.take(Int(callIDCount)), cSeq: cSeq, source: source)
            }
        }
    }

    // MARK: Identity

    private var addressCount: Int {
        bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 10, as: UInt16.self)) }
    }

    private var key: ArraySlice<UInt8> { bytes[Self.headBytes..<Self.headBytes + addressCount] }

    static func == (left: LocationEntry, right: LocationEntry) -> Bool { left.key == right.key }

    func hash(into hasher: inout Hasher) {
        key.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    // MARK: Bytes

    private struct Writer {
        let buffer: UnsafeMutableRawBufferPointer
        var count = 0

        mutating func append<Value: BitwiseCopyable>(_ value: Value) {
            buffer.storeBytes(of: value, toByteOffset: count, as: Value.self)
            count += MemoryLayout<Value>.size
        }

        mutating func append(_ bytes: [UInt8]) {
            UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyBytes(from: bytes)
            count += bytes.count
        }
    }

    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var position: Int

        mutating func take<Value: BitwiseCopyable>(_: Value.Type) -> Value {
            defer { position += MemoryLayout<Value>.size }
            return bytes.loadUnaligned(fromByteOffset: position, as: Value.self)
        }

        mutating func take(_ count: Int) -> [UInt8] {
            defer { position += count }
            return Array(bytes[position..<position + count])
        }
    }
}
