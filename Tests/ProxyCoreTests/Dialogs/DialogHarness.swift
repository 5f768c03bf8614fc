import ProxyCore
import Reactor
import SIPMessage
import SIPTransaction

/// Proxies of one process that share their dialogs, and calls of alice to bob that pass them.
final class DialogHarness {
    let dialogs: DialogTable
    let workers: [ProxyHarness]
    var options = DialogOptions()
    /// What the handler was told, in order.
    private(set) var admissions: [DialogAdmission] = []

    init(
        workers count: Int = 1, dialogsMax: Int = 1_000, ledger: AccountingLedger? = nil,
        _ configure: (inout ProxySettings) -> Void = { _ in }
    ) {
        let table = DialogTable(dialogsMax: dialogsMax, hashKey: HashKey(low: 1, high: 2))
        dialogs = table
        workers = (0..<count).map { index in
            ProxyHarness(TestLogic(), worker: index, dialogs: table, ledger: ledger) { settings in
                settings.workerCount = count
                configure(&settings)
            }
        }
        for worker in workers {
            worker.logic.request = { [unowned self] request in
                if request.isInitialInvite {
                    let admission = request.trackDialog(options)
                    admissions.append(admission)
                    if admission == .limitReached {
                        request.reply(486)
                        return
                    }
                }
                request.relay()
            }
        }
    }

    var first: ProxyHarness { workers[0] }

    /// What came to bob of an INVITE.
    func invite(_ change: (inout RequestText) -> Void = { _ in }) -> WireMessage {
        first.receive(
            RequestText {
                $0.headers = ["Contact: <sip:alice@192.0.2.100:5060>"]
                change(&$0)
            }
        ).to(Place.bob)[0].message
    }

    /// An answered call: what bob got, and what alice got.
    func answeredCall(_ change: (inout RequestText) -> Void = { _ in }) -> (invite: WireMessage, answer: WireMessage) {
        let invite = invite(change)
        let sent = first.receive(
            invite.response(200, headers: ["Contact: <sip:bob@192.0.2.200:5060>"]), from: Place.bob)
        return (invite, sent.to(Place.alice)[0].message)
    }

    /// A request of alice's within the dialog of an answer, by the route that it set up.
    func withinDialog(_ method: String, of answer: WireMessage, cSeq: Int = 2, route: Bool = true) -> RequestText {
        RequestText(method) {
            $0.uri = "sip:bob@192.0.2.200:5060"
            $0.via = "SIP/2.0/UDP 192.0.2.100:5060;branch=z9hG4bK-\(method)-\(cSeq)"
            $0.from = answer["From"][0]
            $0.to = answer["To"][0]
            $0.callID = answer["Call-ID"][0]
            $0.cSeq = cSeq
            $0.headers = route ? answer["Record-Route"].reversed().map { "Route: \($0)" } : []
        }
    }

    /// The same from bob.
    func fromBob(_ method: String, of answer: WireMessage, cSeq: Int = 100, route: Bool = true) -> RequestText {
        withinDialog(method, of: answer, cSeq: cSeq, route: route).with {
            $0.uri = "sip:alice@192.0.2.100:5060"
            $0.via = "SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bK-bob-\(method)-\(cSeq)"
            swap(&$0.from, &$0.to)
        }
    }

    /// Calling, early, confirmed.
    var states: [Int] { [.calling, .early, .confirmed].map { dialogs.count($0) } }

    func count(of key: String) -> Int { Array(key.utf8).withUnsafeBytes { dialogs.count(of: $0) } }

    func count(_ counter: ProxyCounter) -> UInt64 { workers.reduce(0) { $0 + $1.count(counter) } }

    func finish() {
        for worker in workers { worker.finish() }
    }
}

extension RequestContext {
    var isInitialInvite: Bool { message.pointee.method == .invite && message.pointee.toTag.isAbsent }
}
