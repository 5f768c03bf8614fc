public import ProxyCore
public import Reactor

/// One row of the table `location`, under the names that OpenSER and Kamailio give its columns.
public struct LocationRow: Sendable, Equatable {
    /// Without escapes; empty for an address without a user.
    public var username: [UInt8]
    public var domain: [UInt8]
    public var contact: [UInt8]
    /// Where the REGISTER came from, for contacts behind address translation; else `.none`.
    public var received: SocketAddress
    /// Seconds since 1970.
    public var expires: Int64
    /// Thousandths; nil: not given.
    public var q: Int?
    public var callID: [UInt8]
    public var cSeq: UInt32

    public init(
        username: [UInt8], domain: [UInt8], contact: [UInt8], received: SocketAddress = .none, expires: Int64,
        q: Int? = nil, callID: [UInt8], cSeq: UInt32
    ) {
        self.username = username
        self.domain = domain
        self.contact = contact
        self.received = received
        self.expires = expires
        self.q = q
        self.callID = callID
        self.cSeq = cSeq
    }

    /// From texts: `received` a URI or empty, q a decimal; negative, and so not given, as OpenSER writes it.
    public init(
        username: [UInt8], domain: [UInt8], contact: [UInt8], receivedURI: [UInt8], expires: Int64, q: Double?,
        callID: [UInt8], cSeq: UInt32
    ) {
        let given = q.flatMap { $0 >= 0 ? $0 : nil }
        self.init(
            username: username, domain: domain, contact: contact, received: ReceivedURI.address(receivedURI),
            expires: expires, q: given.map { Int(exactly: ($0 * 1_000).rounded()) ?? -1 }, callID: callID, cSeq: cSeq)
    }

    /// The column `received`; nil when there is none.
    public var receivedURI: String? { ReceivedURI.text(received) }

    public init(_ address: AddressOfRecord, _ binding: ContactBinding, _ clock: StoreClock) {
        self.init(
            username: Array(address.user), domain: Array(address.host), contact: binding.uri, received: binding.source,
            expires: clock.unixSeconds(at: binding.expiresAt), q: binding.q, callID: binding.callID, cSeq: binding.cSeq)
    }

    public enum Reading: Equatable, Sendable {
        case live(AddressOfRecord, ContactBinding)
        case expired
        /// Not what a registrar could have written.
        case unusable
    }

    /// The row as the location table has it. Whoever wrote it, nothing in it can do harm on the wire.
    public func reading(_ clock: StoreClock) -> Reading {
        guard let address = AddressOfRecord(user: username, host: domain), ContactBinding.isUsable(contact),
            callID.count <= ContactBinding.callIDBytesMax, (0...1_000).contains(q ?? 0)
        else { return .unusable }
        guard let expiresAt = clock.monotonic(atUnixSeconds: expires) else { return .expired }
        return .live(
            address,
            ContactBinding(uri: contact, q: q, expiresAt: expiresAt, callID: callID, cSeq: cSeq, source: received))
    }
}

/// The column `received`: a URI such as `sip:192.0.2.7:5060;transport=tcp`.
enum ReceivedURI {
    static func text(_ address: SocketAddress) -> String? {
        if address.isNone { return nil }
        return "sip:\(address)" + (address.transport == .udp ? "" : ";transport=\(address.transport.name)")
    }

    /// `.none` for what is no such URI, and for transports that are not known here.
    static func address(_ text: [UInt8]) -> SocketAddress {
        let text = String(decoding: text, as: UTF8.self)
        guard text.lowercased().hasPrefix("sip:") else { return .none }
        let parts = text.dropFirst(4).split(separator: ";", omittingEmptySubsequences: false)
        guard let place = parts.first, let address = SocketAddress(String(place)), address.port != 0 else {
            return .none
        }
        for part in parts.dropFirst() where part.lowercased().hasPrefix("transport=") {
            let name = part.dropFirst("transport=".count).lowercased()
            guard let transport = Transport.allCases.first(where: { "\($0.name)" == name }) else { return .none }
            return address.withTransport(transport)
        }
        return address
    }
}
