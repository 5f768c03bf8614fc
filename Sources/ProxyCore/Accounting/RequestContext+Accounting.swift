internal import Reactor
internal import SIPMessage

// What routing logic does to have requests accounted: docs/accounting.md.
extension RequestContext {
    /// Values that the script gives, by the number of the field.
    public typealias GivenValues = [Int: [UInt8]]

    /// Columns beside those that every record has; nil when there is no sink, and nothing is accounted.
    public var accountingFields: [AccountingField]? { ledger?.fields }

    /// Marks the request: a record is made of it when its final response goes upstream. It is held here from then on.
    ///
    /// - Returns: false without a sink, and for ACK and CANCEL, which nobody answers as requests of their own.
    public func account(_ options: AccountingOptions, given: GivenValues = [:]) -> Bool {
        let method = message.pointee.method
        guard ledger != nil, method != .ack, method != .cancel else { return false }
        mark = AccountingMark(options: options, isInvite: method == .invite, record: accountingRecord(given))
        isAccounted = true
        return true
    }

    /// Makes a record at once.
    public func writeRecord(
        code: Int, reason: UnsafeRawBufferPointer, isMissedCall: Bool = false, given: GivenValues = [:]
    ) {
        guard let ledger else { return }
        var record = accountingRecord(given)
        record.code = code
        record.reason = Self.value(reason)
        ledger.write(isMissedCall ? .missedCall(record) : .transaction(record))
    }

    public internal(set) var isAccounted: Bool {
        get { state.pointee.isAccounted }
        set { state.pointee.isAccounted = newValue }
    }

    /// The name that credentials have proved; empty: none.
    var authenticatedUser: UnsafeRawBufferPointer {
        get { state.pointee.authenticatedUser }
        set { state.pointee.authenticatedUser = newValue }
    }

    /// The mark, for who makes the record of it.
    func takeMark() -> AccountingMark? {
        isAccounted = false
        defer { mark = nil }
        return mark
    }

    private func accountingRecord(_ given: GivenValues) -> TransactionRecord {
        TransactionRecord(
            method: Self.value(message.pointee.bytes(message.pointee.methodName)),
            callID: Self.value(message.pointee.bytes(message.pointee.callID)),
            fromTag: Self.value(message.pointee.tagBytes(message.pointee.fromTag)),
            toTag: Self.value(message.pointee.tagBytes(message.pointee.toTag)), code: 0, reason: [], at: now,
            fields: accountingValues(given))
    }

    /// The values of the further columns as the request stands now.
    func accountingValues(_ given: GivenValues) -> [[UInt8]] {
        (ledger?.fields ?? []).enumerated().map { index, field in
            if let value = given[index] { return value.withUnsafeBytes { Self.value($0) } }
            return accountingValue(field.source)
        }
    }

    private func accountingValue(_ source: AccountingField.Source) -> [UInt8] {
        switch source {
        case .header(let name):
            let index = Array(name.utf8).withUnsafeBytes { message.pointee.first(named: $0) }
            return index < 0 ? [] : Self.value(message.pointee.bytes(message.pointee.header(index).value))
        case .fromURI: return Self.value(message.pointee.bytes(message.pointee.fromAddress.uri))
        case .toURI: return Self.value(message.pointee.bytes(message.pointee.toAddress.uri))
        case .requestURI: return Self.value(requestURI)
        case .contactURI: return message.pointee.contactURI.withUnsafeBytes { Self.value($0) }
        case .sourceIP: return Self.ipText(self.source)
        case .sourcePort: return Array("\(self.source.port)".utf8)
        case .sourceTransport: return Array("\(self.source.transport.name)".utf8)
        case .localIP: return Self.ipText(arrival)
        case .localPort: return Array("\(arrival.port)".utf8)
        case .authUser: return Self.value(authenticatedUser)
        case .nextHop, .script: return []
        }
    }

    private static func ipText(_ address: SocketAddress) -> [UInt8] {
        withUnsafeTemporaryAllocation(byteCount: SocketAddress.ipTextBytesMax, alignment: 8) { text in
            Array(text[..<address.writeIP(into: text)])
        }
    }

    /// At most as much as a column takes, and on one line (RFC 3261 §7.3.1: the line end of a fold means nothing).
    static func value(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let value = bytes.prefix(AccountingLimits.valueBytesMax)
        return value.contains { $0 == 13 || $0 == 10 } ? value.filter { $0 != 13 && $0 != 10 } : Array(value)
    }
}
