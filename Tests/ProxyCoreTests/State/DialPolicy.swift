import StatePolicy
import Synchronization

/// What a `DialPolicy` is to decide, set by a test, and what it was told.
final class PolicyDial: Sendable {
    struct Setting: Sendable {
        /// κ for every neighbour that takes state.
        var keep = 0.5
        var allowance = Double.infinity
        var price = 0.0
        var refuse = 0.0
        /// A neighbour that has said nothing for so long gets nothing.
        var silenceSeconds = 3.0
        var lastSample: NodeSample?
    }

    private let setting = Mutex(Setting())

    init(keep: Double = 0.5) {
        set { $0.keep = keep }
    }

    func set(_ change: (inout Setting) -> Void) {
        setting.withLock { change(&$0) }
    }

    var current: Setting { setting.withLock { $0 } }

    var lastSample: NodeSample? { current.lastSample }
}

/// Decides what its dial says, but leaves state only to neighbours that spoke within three seconds in the same life.
struct DialPolicy: StatePolicy {
    let dial: PolicyDial
    private var heardAt: [Double?] = []
    private var epochs: [UInt32] = []

    init(_ dial: PolicyDial) {
        self.dial = dial
    }

    var name: String { "dial" }

    var fixedMode: StateMode? { nil }

    private(set) var estimate = NodeEstimate()

    mutating func update(_ sample: NodeSample, _ decision: inout NodeDecision) {
        let setting = dial.current
        dial.set { $0.lastSample = sample }
        decision.keep = sample.feedback.indices.map { number in
            if number == heardAt.count {
                heardAt.append(nil)
                epochs.append(0)
            }
            if let said = sample.feedback[number] {
                let isRestarted = heardAt[number] != nil && said.epoch != epochs[number]
                epochs[number] = said.epoch
                heardAt[number] = sample.time
                if isRestarted { return 1 }
            }
            guard let heard = heardAt[number], sample.time - heard < setting.silenceSeconds else { return 1 }
            return setting.keep
        }
        decision.grants = sample.feedback.map { _ in
            NodeDecision.Grant(allowance: setting.allowance, price: setting.price)
        }
        decision.refuse = setting.refuse
        decision.reason = .delegating
        estimate.arrivals += Double(sample.paths.reduce(0) { $0 + $1.total })
    }
}
