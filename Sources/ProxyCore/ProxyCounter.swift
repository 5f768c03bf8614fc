/// What a worker counts about requests and responses. One block of numbers a worker, read by other threads.
public enum ProxyCounter: Int, CaseIterable, Sendable {
    case requestsReceived
    case responsesReceived
    case keepAlives
    case malformedAnswered
    case malformedDropped
    case tooLarge
    case retransmissionsAbsorbed
    case requestsRejected
    case loopsDetected
    case requestsForwardedStateless
    case requestsForwardedStateful
    case requestsMustHold
    case branchesForwarded
    case requestsRetransmitted
    case responsesForwarded
    case responsesForwardedStateless
    case responsesRetransmitted
    case responsesStray
    case responsesForged
    case responsesLate
    case responsesPostedToOwner
    case responsesPostFailed
    case repliesLocal
    case acksAbsorbed
    case requestsDropped
    case requestsUndecided
    case scriptFailures
    case handlersWaited
    case handlersRefused
    case handlersWokenLate
    case timersRun
    case transactionsCreated
    case transactionsRefused
    case branchesRefused
    case targetsTriedLater
    case transactionMemoryRefused
    case cancelsReceived
    case cancelsSent
    case clientTimeouts
    case timerCFired
    case transportFailures
    case ackTimeouts
    case timersRefused
    case targetsUnresolvable
    case messageOverflows
    case drainRefusals
    case overloadRefusals
    case requestsHeldUpstream
    case requestsDelegated
    case requestsTrackedElsewhere
    case stateFeedbackReceived
    case stateFeedbackSent
    case stateSignalsIgnored
    case stateNeighboursRefused
    case authenticationsAccepted
    case authenticationsChallenged
    case authenticationsRefused
    case registrationsAccepted
    case registrationsRefused
    case dialogsTracked
    case dialogsAnswered
    case dialogsFailed
    case dialogsEnded
    case dialogsTimedOut
    case dialogsTerminated
    case dialogsLimited
    case dialogsRefused
    case accountingUnheld
    case byesSent
    case namesLookedUp
    case namesFromCache
    case namesFailed
    case namesRefused
    case namesAnsweredLate
    case requestsDroppedUnresolved
    case namesPending
    case branchesWaiting
    case handlersWaiting
    case serverTransactionsLive
    case clientTransactionsLive
    case requestsOpen
    case transactionMemoryBytes

    /// A number that goes up and down.
    public var isGauge: Bool {
        switch self {
        case .serverTransactionsLive, .clientTransactionsLive, .requestsOpen, .transactionMemoryBytes, .namesPending,
            .branchesWaiting, .handlersWaiting:
            true
        default: false
        }
    }

    /// Metric name without prefix and suffix.
    public var name: String {
        var name = ""
        for character in "\(self)" {
            if character.isUppercase { name.append("_") }
            name.append(contentsOf: character.lowercased())
        }
        return name
    }

    /// One line for people: what happened when it counts.
    public var help: String {
        switch self {
        case .requestsReceived: "Requests that arrived, retransmissions included."
        case .responsesReceived: "Responses that arrived, retransmissions included."
        case .keepAlives: "Keep-alives: datagrams of line ends or nothing."
        case .malformedAnswered: "Malformed requests answered with an error response."
        case .malformedDropped: "Malformed messages that could not be answered."
        case .tooLarge: "Messages beyond a size or header limit."
        case .retransmissionsAbsorbed: "Requests and responses recognised as retransmissions and not forwarded."
        case .requestsRejected: "Requests answered with an error by the core's own checks (RFC 3261 section 16.3)."
        case .loopsDetected: "Requests answered with 482 because they came back unchanged."
        case .requestsForwardedStateless: "Requests forwarded without keeping state."
        case .requestsForwardedStateful: "Requests forwarded with a transaction held here."
        case .requestsMustHold: "Requests whose state had to be held here (forking, failure handlers and the like)."
        case .branchesForwarded: "Branches forwarded by held transactions."
        case .requestsRetransmitted: "Requests retransmitted downstream by Timers A and E."
        case .responsesForwarded: "Responses forwarded by held transactions."
        case .responsesForwardedStateless: "Responses forwarded by their Via alone."
        case .responsesRetransmitted: "Responses retransmitted upstream."
        case .responsesStray: "Responses dropped because their top Via is not this proxy's."
        case .responsesForged: "Responses dropped because their branch does not prove a request of ours."
        case .responsesLate: "Responses that came after their branch had been given up."
        case .responsesPostedToOwner: "Responses handed to the worker that owns their transaction."
        case .responsesPostFailed: "Responses dropped because the owner's mailbox was full."
        case .repliesLocal: "Responses made here."
        case .acksAbsorbed: "ACKs to non-2xx responses made here."
        case .requestsDropped: "Requests dropped by the script."
        case .requestsUndecided: "Requests that the script neither relayed, answered nor dropped; answered with 500."
        case .scriptFailures: "Handler runs that failed."
        case .handlersWaited: "Times that a handler began to wait."
        case .handlersRefused: "Handlers given up because lua.max_waiting, or room for their request, was reached."
        case .handlersWokenLate: "Answers for handlers that waited no more."
        case .timersRun: "Functions that scripts had called by timers."
        case .transactionsCreated: "Server transactions created."
        case .transactionsRefused: "Requests not held because transactions_max was reached."
        case .branchesRefused: "Targets left out because branches_max was reached, or for want of memory."
        case .targetsTriedLater: "Times that targets were tried because those before them had failed."
        case .transactionMemoryRefused: "Messages not kept because transaction_memory_bytes_max was reached."
        case .cancelsReceived: "CANCELs that matched a held INVITE."
        case .cancelsSent: "CANCELs sent downstream."
        case .clientTimeouts: "Branches that got no final response in time (Timers B and F)."
        case .transportFailures: "Branches that failed because the system could not send their request."
        case .timerCFired: "INVITE branches given up by Timer C."
        case .ackTimeouts: "Non-2xx responses never acknowledged (Timer H)."
        case .timersRefused: "Transactions refused because no timer was free."
        case .targetsUnresolvable: "Targets whose host could not be turned into an address."
        case .messageOverflows: "Messages whose edited form did not fit a datagram."
        case .drainRefusals: "New dialogs refused while draining."
        case .overloadRefusals: "New calls from outside refused because nobody has room for their state."
        case .requestsHeldUpstream: "Requests forwarded without state because a trusted neighbour upstream holds it."
        case .requestsDelegated: "Requests whose state was left to the next hop."
        case .requestsTrackedElsewhere:
            "Requests forwarded without state because another proxy of the chain tracks their dialog."
        case .stateFeedbackReceived: "Times a next hop said how much state it takes."
        case .stateFeedbackSent: "Times an upstream neighbour was told how much state this proxy takes."
        case .stateSignalsIgnored: "State signals that were malformed, old, or from where they are not believed."
        case .stateNeighboursRefused: "Times a neighbour could not take part because the table of neighbours was full."
        case .authenticationsAccepted: "Requests whose digest credentials were right."
        case .authenticationsChallenged: "Requests answered with 401 or 407 to ask for credentials."
        case .authenticationsRefused: "Digest credentials that were wrong or malformed."
        case .registrationsAccepted: "REGISTER requests that the registrar answered with 200."
        case .registrationsRefused: "REGISTER requests that the registrar refused."
        case .dialogsTracked: "Dialogs that were tracked from their INVITE on, and further ones that forks made of it."
        case .dialogsAnswered: "Tracked dialogs that a 2xx confirmed."
        case .dialogsFailed: "Tracked INVITEs that were answered with a failure."
        case .dialogsEnded: "Tracked dialogs that a BYE ended."
        case .dialogsTimedOut: "Tracked dialogs that reached their longest duration."
        case .dialogsTerminated: "Tracked dialogs that the operator ended."
        case .dialogsLimited: "Dialogs not tracked because their key had as many as it may have."
        case .dialogsRefused: "Dialogs not tracked because limits.dialogs was reached."
        case .accountingUnheld:
            "Requests within a dialog that were to be accounted and went on without a transaction, for want of room: no record."
        case .byesSent: "BYEs made here, to either side of a dialog."
        case .namesLookedUp: "Names asked for in DNS, each with all its records."
        case .namesFromCache: "Times a name's addresses, or that it has none, were known already."
        case .namesFailed: "Names that lead nowhere, or that no server answered for in time."
        case .namesRefused:
            "Times a name could not be looked up, or a branch not wait, because dns.max_pending was reached."
        case .namesAnsweredLate: "Answers about names that came after the look-up had been given up."
        case .requestsDroppedUnresolved: "ACKs and CANCELs dropped because their name was still being looked up."
        case .namesPending: "Names being looked up now."
        case .branchesWaiting: "Branches that wait for the address of a name now."
        case .handlersWaiting: "Handlers that wait now."
        case .serverTransactionsLive: "Server transactions held now."
        case .clientTransactionsLive: "Client transactions held now."
        case .requestsOpen: "Held requests without a final response yet: what a drain waits for."
        case .transactionMemoryBytes: "Bytes of memory set aside for the messages of transactions."
        }
    }
}
