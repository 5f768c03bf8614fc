internal import Logging
internal import ProxyCore
internal import Reactor
package import StatePolicy

/// The node that decides about state, and the thread that has it decide; for as long as the data plane runs.
struct StateControl {
    let node: StateNode
    /// nil when there is nothing to decide.
    private let loop: StateLoop?
    let targetUtilisation: Double

    init(
        _ node: StateNode, workers: [Worker], costs: [CounterBlock], _ state: Configuration.State
    ) throws(SystemError) {
        self.node = node
        targetUtilisation = state.targetUtilisation
        guard node.needsTicks else {
            loop = nil
            return
        }
        let ticker = StateTicker(node, NodeMeter(workers: workers, counters: costs))
        loop = try StateLoop(periodMilliseconds: state.periodMilliseconds) { ticker.tick(at: $0) }
    }

    func stop() { loop?.stop() }
}

/// What `StateLoop` does each period.
private final class StateTicker: Sendable {
    private let node: StateNode
    /// Touched by the loop's thread only.
    private let meter: Monitor<NodeMeter>

    init(_ node: StateNode, _ meter: NodeMeter) {
        self.node = node
        self.meter = Monitor(meter)
    }

    func tick(at seconds: Double) {
        let reading = meter.withLock { $0.read(at: seconds) }
        node.tick(time: seconds, processors: reading.processors, costs: reading.costs)
    }
}

extension DataPlane {
    /// Counters that `ctl state` shows beside the figures.
    private static let stateCounters: [ProxyCounter] = [
        .requestsMustHold, .requestsHeldUpstream, .requestsDelegated, .overloadRefusals, .stateFeedbackReceived,
        .stateFeedbackSent, .stateSignalsIgnored, .stateNeighboursRefused,
    ]

    public func stateStatus() -> StateStatus? {
        guard let control = running.withLock({ $0.state }) else { return nil }
        return StateStatus(
            report: control.node.snapshot(), isSharing: control.node.needsTicks,
            targetUtilisation: control.targetUtilisation,
            counters: Self.stateCounters.map { counter in
                StateStatus.Counter(
                    name: counter.name, value: counters.reduce(0) { $0 &+ $1.value(counter.rawValue) })
            })
    }

    /// Seconds since 1970, of which each start has a greater number.
    static var stateEpoch: UInt32 { UInt32(truncatingIfNeeded: Int(ProcessStatistics.timeSeconds)) }

    /// Writes a line for each held transaction, when the settings say so.
    static func holderLog(_ log: LogOutput) -> @Sendable (HolderNote) -> Void {
        let logger = log.logger(label: "state")
        return { note in
            logger.notice(
                "held",
                metadata: [
                    "call_id": "\(String(decoding: note.callID, as: UTF8.self))",
                    "method": "\(String(decoding: note.method, as: UTF8.self))", "cseq": "\(note.cSeq)",
                    "why": "\(note.reason)",
                ])
        }
    }
}

extension Configuration {
    /// Whether measurements are worth taking: a policy that decides by them, and somebody to share with.
    var sharesState: Bool {
        switch state.policy {
        case .stateful, .stateless: false
        case .servartuka, .balanced: peers.contains(where: \.trusted)
        }
    }
}

extension PolicySettings {
    package init(_ state: Configuration.State) {
        self.init()
        targetUtilisation = state.targetUtilisation
        guard let stateful = state.statefulCapacity, let stateless = state.statelessCapacity else { return }
        // T_SL = 1/c, T_SF = 1/(c + d).
        statelessCostSeconds = 1 / Double(stateless)
        stateCostSeconds = 1 / Double(stateful) - 1 / Double(stateless)
    }
}
