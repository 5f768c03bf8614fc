internal import ProxyCore
internal import Scripting
internal import Server
internal import Storage

/// Accounting records of a spec's proxy, which no sink takes.
struct SpecBooks {
    let ledger: AccountingLedger
    private let queue: AccountingQueue

    /// The calendar of specs: at the simulated time 0 it is the beginning of 2026.
    private static let unixMilliseconds: Int64 = 1_767_225_600_000

    /// Nil without a sink in the configuration: then the proxy makes no records.
    init?(_ accounting: Configuration.Accounting) {
        guard let plan = AccountingPlan(accounting) else { return nil }
        queue = AccountingQueue(recordsMax: accounting.queue)
        ledger = AccountingLedger(fields: plan.ledger.fields, queues: [queue])
    }

    /// Each as a table of its columns, and the name of the table that it belongs into.
    func records(at now: UInt64) -> [ScriptValue] {
        let records = queue.take()
        queue.giveBack(records[...])
        let clock = StoreClock(
            monotonicMilliseconds: now, unixMilliseconds: Self.unixMilliseconds + Int64(clamping: now))
        return records.map { record in
            var columns: [String: ScriptValue] = ["table": .string(AccountingColumns.table(record.kind))]
            let names = AccountingColumns.names(record.kind) + ledger.fields.map(\.name)
            for (name, value) in zip(names, AccountingColumns.values(record, clock)) {
                switch value {
                case .bytes(let bytes): columns[name] = .string(String(decoding: bytes, as: UTF8.self))
                case .integer(let number): columns[name] = .integer(Int64(number))
                case .number(let number): columns[name] = .number(number)
                }
            }
            return .record(columns)
        }
    }
}
