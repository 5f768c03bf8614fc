import ProxyCore

/// A ledger with the fields of docs/accounting.md, and what came into it.
final class ScriptBooks {
    let queue = AccountingQueue(recordsMax: 1_000)
    let ledger: AccountingLedger

    init() {
        ledger = AccountingLedger(
            fields: [
                AccountingField(name: "caller_user", source: .fromURI),
                AccountingField(name: "source", source: .sourceIP),
                AccountingField(name: "agent", source: .header("User-Agent")),
                AccountingField(name: "customer", source: .script),
                AccountingField(name: "user", source: .authUser),
            ], queues: [queue])
    }

    func take() -> [AccountingRecord] {
        let records = queue.take()
        queue.wrote(records.count)
        return records
    }

    /// The same as `acc INVITE 200`, `missed_calls INVITE 486`, `cdrs caller`.
    func rows() -> [String] {
        take().map { record in
            switch record {
            case .transaction(let row): "acc \(text(row.method)) \(row.code)"
            case .missedCall(let row): "missed_calls \(text(row.method)) \(row.code)"
            case .call(let row): "cdrs \(row.endedBy.rawValue)"
            }
        }
    }

    /// Values of the further columns of the one record that has come.
    func fields() -> [String] {
        switch take().first {
        case .transaction(let row), .missedCall(let row): row.fields.map(text)
        case .call(let row): row.fields.map(text)
        case nil: []
        }
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
