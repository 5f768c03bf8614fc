public import ProxyCore

/// The columns of accounting records, under the names that OpenSER gives them.
public enum AccountingColumns {
    public enum Value: Sendable, Equatable {
        case bytes([UInt8])
        case integer(Int)
        /// Seconds.
        case number(Double)

        public var text: [UInt8] {
            switch self {
            case .bytes(let bytes): bytes
            case .integer(let number): Array("\(number)".utf8)
            case .number(let number): Array("\(number)".utf8)
            }
        }
    }

    public static func table(_ kind: AccountingKind) -> String {
        switch kind {
        case .transaction: "acc"
        case .missedCall: "missed_calls"
        case .call: "cdrs"
        }
    }

    /// Those that every record of the kind has.
    public static func names(_ kind: AccountingKind) -> [String] {
        switch kind {
        case .transaction, .missedCall:
            ["method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time"]
        case .call:
            [
                "start_time", "end_time", "duration", "sip_call_id", "sip_from_tag", "sip_to_tag", "caller", "callee",
                "ended_by",
            ]
        }
    }

    /// Names that further columns cannot have.
    public static let taken: Set<String> = Set(AccountingKind.allCases.flatMap { names($0) } + ["id", "record"])

    /// The values of `names`, then those of the further columns.
    public static func values(_ record: AccountingRecord, _ clock: StoreClock) -> [Value] {
        switch record {
        case .transaction(let row), .missedCall(let row):
            [
                .bytes(row.method), .bytes(row.fromTag), .bytes(row.toTag), .bytes(row.callID), .integer(row.code),
                .bytes(row.reason), time(row.at, clock),
            ] + row.fields.map { .bytes($0) }
        case .call(let row):
            [
                time(row.startedAt, clock), time(row.endedAt, clock),
                .number(Double(row.durationMilliseconds) / 1_000), .bytes(row.callID), .bytes(row.fromTag),
                .bytes(row.toTag), .bytes(row.caller), .bytes(row.callee), .bytes(Array(row.endedBy.rawValue.utf8)),
            ] + row.fields.map { .bytes($0) }
        }
    }

    private static func time(_ moment: UInt64, _ clock: StoreClock) -> Value {
        let ago = Int64(clamping: clock.monotonicMilliseconds) - Int64(clamping: moment)
        return .bytes(Array(CalendarTime.text(unixSeconds: (clock.unixMilliseconds - ago) / 1_000).utf8))
    }
}
