/// How a transaction is accounted.
public struct AccountingOptions: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A 2xx makes a row of `acc`.
    public static let answered = AccountingOptions(rawValue: 1 << 0)
    /// A failed INVITE makes a row of `missed_calls`.
    public static let missed = AccountingOptions(rawValue: 1 << 1)
    /// A failure makes a row of `acc`: of INVITE, and of other methods.
    public static let failedInvite = AccountingOptions(rawValue: 1 << 2)
    public static let failedOther = AccountingOptions(rawValue: 1 << 3)
    /// The first provisional response with a body makes a row of `acc`.
    public static let early = AccountingOptions(rawValue: 1 << 4)
}

/// A transaction that is to be accounted when its final response goes upstream: what is known of it before. Owned by the worker.
final class AccountingMark {
    let options: AccountingOptions
    let isInvite: Bool
    /// Without the answer.
    let record: TransactionRecord
    var hasEarlyRecord = false
    /// Where the latest branch went.
    var nextHop: [UInt8] = []

    init(options: AccountingOptions, isInvite: Bool, record: TransactionRecord) {
        self.options = options
        self.isInvite = isInvite
        self.record = record
    }

    /// The rows that an answer of this code makes.
    func kinds(_ code: Int) -> [AccountingKind] {
        if code < 300 { return options.contains(.answered) ? [.transaction] : [] }
        var kinds: [AccountingKind] = []
        if options.contains(isInvite ? .failedInvite : .failedOther) { kinds.append(.transaction) }
        if isInvite, options.contains(.missed) { kinds.append(.missedCall) }
        return kinds
    }
}
