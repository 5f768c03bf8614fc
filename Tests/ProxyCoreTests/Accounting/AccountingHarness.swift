import ProxyCore
import Reactor
import SIPTransaction

/// A ledger with one queue, and what came into it, as text.
final class Books {
    let queue: AccountingQueue
    let ledger: AccountingLedger

    init(recordsMax: Int = 1_000, fields: [AccountingField] = []) {
        queue = AccountingQueue(recordsMax: recordsMax)
        ledger = AccountingLedger(fields: fields, queues: [queue])
    }

    /// What has come since the last look.
    func take() -> [AccountingRecord] {
        let records = queue.take()
        queue.wrote(records.count)
        return records
    }

    /// The same as `acc INVITE 200 OK`, `missed INVITE 486 Busy`, `cdr caller 5000`.
    func rows() -> [String] {
        take().map { record in
            switch record {
            case .transaction(let row): "acc \(Self.text(row))"
            case .missedCall(let row): "missed \(Self.text(row))"
            case .call(let row): "cdr \(row.endedBy.rawValue) \(row.durationMilliseconds)"
            }
        }
    }

    private static func text(_ row: TransactionRecord) -> String {
        "\(row.method.text) \(row.code) \(row.reason.text)"
    }
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}

extension AccountingOptions {
    /// What `acc.request` asks for without options.
    static let usual: AccountingOptions = [.answered, .failedInvite, .failedOther]
    /// With `missed`.
    static let withMissed: AccountingOptions = [.answered, .missed, .failedOther]
}

extension ProxyHarness {
    /// A proxy that accounts each request and goes on as told.
    static func accounting(
        _ books: Books, _ options: AccountingOptions = .usual, dialogs: DialogTable? = nil,
        decide: @escaping (RequestContext) -> Void = { $0.relay() },
        configure: (inout ProxySettings) -> Void = { _ in }
    ) -> ProxyHarness {
        ProxyHarness(
            TestLogic { request in
                _ = request.account(options)
                decide(request)
            }, dialogs: dialogs, ledger: books.ledger, configure)
    }
}
