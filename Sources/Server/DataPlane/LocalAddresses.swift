internal import Glibc
internal import Reactor

/// IP addresses of this machine: what a wildcard listen address stands for.
enum LocalAddresses {
    /// Every address of every interface that is up, ports 0.
    static func all() -> [SocketAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let current = entry {
            entry = current.pointee.ifa_next
            guard current.pointee.ifa_flags & UInt32(IFF_UP) != 0, let address = current.pointee.ifa_addr,
                let parsed = numeric(address)
            else { continue }
            addresses.append(parsed)
        }
        return addresses
    }

    /// The address that others are most likely to reach this machine by: the first that is not loopback and not
    /// link-local, else the loopback address.
    static func primary(like wildcard: SocketAddress, among addresses: [SocketAddress]) -> SocketAddress? {
        let family = addresses.filter { $0.family == wildcard.family }
        return family.first { !$0.isLoopback && $0.scope == 0 } ?? family.first { $0.isLoopback }
    }

    private static func numeric(_ address: UnsafeMutablePointer<sockaddr>) -> SocketAddress? {
        let length: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            getnameinfo(address, socklen_t(length), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        var host = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        // A zone by interface name: the scope is in the socket address.
        if let percent = host.firstIndex(of: UInt8(ascii: "%")) { host.removeSubrange(percent...) }
        guard var parsed = host.withUnsafeBytes({ SocketAddress(ip: $0, port: 0) }) else { return nil }
        if parsed.isIPv6, parsed.high >> 48 == 0xFE80 {
            parsed.scope = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee.sin6_scope_id }
        }
        return parsed
    }
}
