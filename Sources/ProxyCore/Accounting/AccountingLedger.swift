/// Where the workers put accounting records: a queue for each sink. Shared by all workers; outlives every script.
public final class AccountingLedger: Sendable {
    /// Columns beside those that every record has.
    public let fields: [AccountingField]
    public let queues: [AccountingQueue]

    public init(fields: [AccountingField], queues: [AccountingQueue]) {
        precondition(fields.count <= AccountingLimits.fieldsMax, "too many fields")
        self.fields = fields
        self.queues = queues
    }

    func write(_ record: AccountingRecord) {
        for queue in queues { queue.add(record) }
    }
}
