/// What is written about a transaction or a call, for bills and statistics.
public enum AccountingRecord: Sendable, Equatable {
    /// A row of OpenSER's table `acc`.
    case transaction(TransactionRecord)
    /// A row of OpenSER's table `missed_calls`.
    case missedCall(TransactionRecord)
    /// A call detail record: a dialog from its answer to its end.
    case call(CallRecord)

    public var kind: AccountingKind {
        switch self {
        case .transaction: .transaction
        case .missedCall: .missedCall
        case .call: .call
        }
    }
}

public enum AccountingKind: Sendable, Equatable, CaseIterable {
    case transaction
    case missedCall
    case call
}

/// A request and its final answer.
public struct TransactionRecord: Sendable, Equatable {
    public var method: [UInt8]
    public var callID: [UInt8]
    public var fromTag: [UInt8]
    /// Of the answer where it has one.
    public var toTag: [UInt8]
    public var code: Int
    public var reason: [UInt8]
    /// Milliseconds of the workers' clock.
    public var at: UInt64
    /// In the order of the ledger's fields.
    public var fields: [[UInt8]]

    public init(
        method: [UInt8], callID: [UInt8], fromTag: [UInt8], toTag: [UInt8], code: Int, reason: [UInt8], at: UInt64,
        fields: [[UInt8]] = []
    ) {
        self.method = method
        self.callID = callID
        self.fromTag = fromTag
        self.toTag = toTag
        self.code = code
        self.reason = reason
        self.at = at
        self.fields = fields
    }
}

/// An answered call that has ended.
public struct CallRecord: Sendable, Equatable {
    public enum Ending: String, Sendable, CaseIterable {
        case caller
        case callee
        /// Its longest duration had passed.
        case timeout
        /// `ctl dialog terminate`.
        case administrator
    }

    public var callID: [UInt8]
    public var fromTag: [UInt8]
    public var toTag: [UInt8]
    /// URIs of From and To.
    public var caller: [UInt8]
    public var callee: [UInt8]
    /// The 2xx and the end, in milliseconds of the workers' clock.
    public var startedAt: UInt64
    public var endedAt: UInt64
    public var endedBy: Ending
    /// In the order of the ledger's fields, as they were when the call was tracked.
    public var fields: [[UInt8]]

    public init(
        callID: [UInt8], fromTag: [UInt8], toTag: [UInt8], caller: [UInt8], callee: [UInt8], startedAt: UInt64,
        endedAt: UInt64, endedBy: Ending, fields: [[UInt8]] = []
    ) {
        self.callID = callID
        self.fromTag = fromTag
        self.toTag = toTag
        self.caller = caller
        self.callee = callee
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.endedBy = endedBy
        self.fields = fields
    }

    public var durationMilliseconds: UInt64 { endedAt > startedAt ? endedAt - startedAt : 0 }
}
