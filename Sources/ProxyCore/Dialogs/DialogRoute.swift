internal import SIPMessage

/// The way from this proxy to one side of a dialog: Request-URI and Route of a request to it (RFC 3261 §12.2.1.1).
struct DialogRoute {
    let requestURI: [UInt8]
    let routes: [[UInt8]]
    /// The URI that leads to the next hop.
    let nextHop: [UInt8]

    init(to party: DialogParty) {
        guard let first = party.routes.first, let uri = Self.uri(of: first) else {
            (requestURI, routes, nextHop) = (party.target, [], party.target)
            return
        }
        nextHop = uri
        if Self.isLoose(uri) {
            (requestURI, routes) = (party.target, party.routes)
        } else {
            // A strict router finds itself in the Request-URI, and the target at the end.
            requestURI = Self.withoutHeaders(uri)
            routes = party.routes.dropFirst() + [[UInt8]("<".utf8) + party.target + [UInt8](">".utf8)]
        }
    }

    /// The header, after the end of the line before it.
    func appendRoutes(to writer: inout TextWriter) {
        for (index, route) in routes.enumerated() {
            writer.append(index == 0 ? "\r\nRoute: " : ", ")
            writer.append(route)
        }
    }

    private static func uri(of route: [UInt8]) -> [UInt8]? {
        route.withUnsafeBytes { bytes in
            guard let address = NameAddress.parse(ByteRange(0, bytes.count), in: bytes) else { return nil }
            return Array(bytes[address.uri.start..<address.uri.end])
        }
    }

    private static func isLoose(_ uri: [UInt8]) -> Bool {
        uri.withUnsafeBytes { bytes in
            SIPURI.parse(ByteRange(0, bytes.count), in: bytes)?.hasLooseRouting(in: bytes) ?? false
        }
    }

    private static func withoutHeaders(_ uri: [UInt8]) -> [UInt8] {
        uri.withUnsafeBytes { bytes in
            guard let parsed = SIPURI.parse(ByteRange(0, bytes.count), in: bytes), !parsed.headers.isAbsent else {
                return uri
            }
            return Array(bytes[..<(parsed.headers.start - 1)])
        }
    }
}
