internal import Reactor
internal import SIPMessage

// When records are made of the transactions that scripts have marked, and of tracked dialogs: docs/accounting.md.
extension Proxy {
    // MARK: Transactions

    /// The server transaction takes the mark over.
    func enterAccounting(_ server: UInt32) {
        guard let mark = request.takeMark() else { return }
        let slot = table.pointee.servers[server]
        // Of a handler that marked its request, waited and marked it again, the latest word counts.
        slot.pointee.accounting?.release()
        slot.pointee.accounting = Unmanaged.passRetained(mark)
    }

    /// A branch has been sent, or one has been answered with a 2xx.
    func noteNextHop(_ server: UInt32, _ address: SocketAddress) {
        guard let mark = table.pointee.servers[server].pointee.accounting?.takeUnretainedValue() else { return }
        mark.nextHop = Array("\(address)".utf8)
    }

    /// The current message, a provisional response, is about to go upstream.
    func accountProvisional(_ server: UInt32, now: UInt64) {
        guard let mark = table.pointee.servers[server].pointee.accounting?.takeUnretainedValue(),
            mark.options.contains(.early), !mark.hasEarlyRecord, !message.pointee.body.isEmpty
        else { return }
        mark.hasEarlyRecord = true
        ledger?.write(
            .transaction(
                record(
                    of: mark, code: message.pointee.statusCode,
                    reason: message.pointee.bytes(message.pointee.reasonPhrase),
                    toTag: message.pointee.tagBytes(message.pointee.toTag), now: now)))
    }

    /// A final response goes upstream: its bytes.
    func accountFinal(_ server: UInt32, response: UnsafeRawBufferPointer, code: Int, now: UInt64) {
        if case .complete = storedMessage.pointee.parse(response, as: .datagram) {
            accountFinal(server, storedMessage, now: now)
        } else {
            accountFinal(server, code: code, reason: .empty, toTag: .empty, now: now)
        }
    }

    func accountFinal(_ server: UInt32, _ response: UnsafeMutablePointer<SIPMessage>, now: UInt64) {
        accountFinal(
            server, code: response.pointee.statusCode,
            reason: response.pointee.bytes(response.pointee.reasonPhrase),
            toTag: response.pointee.tagBytes(response.pointee.toTag), now: now)
    }

    /// Makes the records of a marked transaction; the first final response takes the mark away, so that there are no further
    /// ones.
    func accountFinal(
        _ server: UInt32, code: Int, reason: UnsafeRawBufferPointer, toTag: UnsafeRawBufferPointer, now: UInt64
    ) {
        let slot = table.pointee.servers[server]
        guard let held = slot.pointee.accounting else { return }
        slot.pointee.accounting = nil
        write(held.takeRetainedValue(), code: code, reason: reason, toTag: toTag, now: now)
    }

    /// A marked request has been answered here without a transaction, for want of room or before there could be one.
    func accountUnheld(code: Int, reason: UnsafeRawBufferPointer, toTag: UnsafeRawBufferPointer) {
        guard let mark = request.takeMark() else { return }
        write(mark, code: code, reason: reason, toTag: toTag, now: request.now)
    }

    /// The transaction goes without a final response, for want of timers or memory: what was answered, if anything, is not known.
    func accountLost(_ server: UInt32) {
        accountFinal(server, code: 500, reason: .empty, toTag: .empty, now: table.pointee.latestTime)
    }

    private func write(
        _ mark: AccountingMark, code: Int, reason: UnsafeRawBufferPointer, toTag: UnsafeRawBufferPointer, now: UInt64
    ) {
        guard let ledger else { return }
        let kinds = mark.kinds(code)
        guard !kinds.isEmpty else { return }
        let record = record(of: mark, code: code, reason: reason, toTag: toTag, now: now)
        for kind in kinds { ledger.write(kind == .missedCall ? .missedCall(record) : .transaction(record)) }
    }

    private func record(
        of mark: AccountingMark, code: Int, reason: UnsafeRawBufferPointer, toTag: UnsafeRawBufferPointer, now: UInt64
    ) -> TransactionRecord {
        var record = mark.record
        record.code = code
        record.reason =
            reason.isEmpty
            ? RequestContext.value(ResponseWriter.defaultReason(code).rawBytes) : RequestContext.value(reason)
        if record.toTag.isEmpty { record.toTag = RequestContext.value(toTag) }
        record.at = now
        fillNextHop(mark.nextHop, in: &record.fields)
        return record
    }

    private func fillNextHop(_ address: [UInt8], in values: inout [[UInt8]]) {
        for (index, field) in (ledger?.fields ?? []).enumerated()
        where field.source == .nextHop && index < values.count && values[index].isEmpty {
            values[index] = address
        }
    }

    // MARK: Calls

    /// Makes the record of a dialog that has ended. One that nobody answered has none.
    func accountCall(_ dialog: Dialog, _ last: DialogContent, _ ending: DialogEnding, now: UInt64) {
        guard let ledger, let fields = dialog.recordFields, last.state == .confirmed else { return }
        let endedBy: CallRecord.Ending =
            switch ending {
            case .bye(by: .caller), .failed: .caller
            case .bye(by: .callee): .callee
            case .timedOut: .timeout
            case .terminated: .administrator
            }
        var record = CallRecord(
            callID: dialog.callID.withUnsafeBytes { RequestContext.value($0) },
            fromTag: last.caller.tag.withUnsafeBytes { RequestContext.value($0) },
            toTag: last.callee.tag.withUnsafeBytes { RequestContext.value($0) }, caller: Self.uri(last.caller),
            callee: Self.uri(last.callee), startedAt: last.confirmedAt, endedAt: now, endedBy: endedBy, fields: fields)
        fillNextHop(Array("\(last.callee.hop)".utf8), in: &record.fields)
        ledger.write(.call(record))
    }

    private static func uri(_ party: DialogParty) -> [UInt8] {
        party.address.withUnsafeBytes { bytes in
            guard let address = NameAddress.parse(ByteRange(0, bytes.count), in: bytes) else { return [] }
            return RequestContext.value(
                UnsafeRawBufferPointer(rebasing: bytes[address.uri.start..<address.uri.end]))
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}
