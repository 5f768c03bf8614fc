public import Reactor

/// Addresses of a network, at any port and by any transport unless said otherwise.
public struct AddressRule: Sendable, Equatable {
    public var network: SocketAddress
    public var prefixBits: Int
    /// 0: any.
    public var port: UInt16
    /// nil: any.
    public var transport: Transport?

    public init(network: SocketAddress, prefixBits: Int, port: UInt16 = 0, transport: Transport? = nil) {
        self.network = network
        self.prefixBits = prefixBits
        self.port = port
        self.transport = transport
    }
}

/// Which addresses a group holds: rules by prefix length, each length sorted, so that a look-up is a binary search for each length
/// that occurs. Never changes.
public struct AddressGroup: Sendable {
    /// Rules of one length: a slice of `rules`.
    private struct Length: Sendable {
        var mask: UInt128
        var first: Int
        var end: Int
    }

    private struct Entry: Sendable {
        var prefix: UInt128
        var port: UInt16
        var transport: Transport?
    }

    private var lengths: [Length] = []
    private var entries: [Entry] = []

    public init(_ rules: [AddressRule]) {
        let keyed = rules.map { rule in
            let (address, isIPv4) = Self.number(rule.network)
            let bits = rule.prefixBits + (isIPv4 ? 96 : 0)
            return (bits: bits, entry: Entry(prefix: address, port: rule.port, transport: rule.transport))
        }
        for bits in Set(keyed.map(\.bits)).sorted(by: >) {
            let mask: UInt128 = bits == 0 ? 0 : ~UInt128(0) << UInt128(128 - bits)
            let first = entries.count
            entries += keyed.filter { $0.bits == bits }.map { key in
                var entry = key.entry
                entry.prefix &= mask
                return entry
            }.sorted { $0.prefix < $1.prefix }
            lengths.append(Length(mask: mask, first: first, end: entries.count))
        }
    }

    public func contains(_ address: SocketAddress) -> Bool {
        guard !address.isNone else { return false }
        let number = Self.number(address).number
        for length in lengths {
            let wanted = number & length.mask
            var index = lowerBound(wanted, length)
            while index < length.end, entries[index].prefix == wanted {
                let entry = entries[index]
                if entry.port == 0 || entry.port == address.port,
                    entry.transport == nil || entry.transport == address.transport
                {
                    return true
                }
                index += 1
            }
        }
        return false
    }

    private func lowerBound(_ wanted: UInt128, _ length: Length) -> Int {
        var (low, high) = (length.first, length.end)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].prefix < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// IPv4 addresses as IPv4-mapped ones (RFC 4291 §2.5.5.2): one space for both families.
    private static func number(_ address: SocketAddress) -> (number: UInt128, isIPv4: Bool) {
        if address.isIPv4 { return (UInt128(0xFFFF) << 32 | UInt128(address.low), true) }
        return (UInt128(address.high) << 64 | UInt128(address.low), false)
    }
}

/// Groups of addresses by their names.
public struct AddressGroups: Sendable {
    private let groups: [(name: [UInt8], group: AddressGroup)]

    public init(_ groups: [(name: String, rules: [AddressRule])] = []) {
        self.groups = groups.map { (Array($0.name.utf8), AddressGroup($0.rules)) }
    }

    public var names: [String] { groups.map { String(decoding: $0.name, as: UTF8.self) } }

    /// nil: there is no group of that name.
    public func contains(_ address: SocketAddress, in name: UnsafeRawBufferPointer) -> Bool? {
        for entry in groups where entry.name.count == name.count && entry.name.elementsEqual(name) {
            return entry.group.contains(address)
        }
        return nil
    }
}
