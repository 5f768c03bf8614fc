import ProxyCore
import Reactor
import SIPTransaction
import StatePolicy

/// Calls through one proxy or a chain in the simulated network, and what became of them.
struct CallRun {
    /// What a proxy may use and how it decides.
    struct Machine: Sendable {
        var policy: PolicyName
        var settings: PolicySettings
        var processors: Double
    }

    struct Setup: CustomStringConvertible {
        /// The mode of each proxy on the way from caller to callee.
        var modes: [StateMode]
        var isIPv6 = false
        var workerCount = 1
        /// Requests within dialogs come by Record-Route; otherwise the first proxy is asked for them as for others.
        var recordsRoute = true
        var conditions = NetworkConditions.bad
        /// Where not empty the proxies trust each other, and each decides by its dial instead of its mode.
        var dials: [PolicyDial] = []
        /// Whoever holds an INVITE tracks its dialog.
        var tracksDialogs = false
        /// The same with a policy of ours.
        var machines: [Machine] = []

        var sharesState: Bool { !dials.isEmpty || !machines.isEmpty }

        func policy(_ index: Int) -> (@Sendable () -> any StatePolicy)? {
            if index < dials.count {
                let dial = dials[index]
                return { DialPolicy(dial) }
            }
            guard index < machines.count else { return nil }
            let machine = machines[index]
            return { machine.policy.make(machine.settings) }
        }

        var description: String {
            let modes = modes.map { $0 == .stateful ? "stateful" : "stateless" }.joined(separator: "→")
            let kept = dials.isEmpty ? "" : " κ=\(dials.map(\.current.keep))"
            return "\(modes)\(kept) \(isIPv6 ? "IPv6" : "IPv4") workers=\(workerCount) loss=\(conditions.lossPerMille)‰"
        }
    }

    let setup: Setup
    let seed: UInt64
    let network: SimulatedNetwork
    let callers: [CallingAgent]
    let callee: AnsweringAgent
    private(set) var proxies: [ProxyNode] = []
    let kinds: [CallKind]

    /// Several callers, so that more than one worker has something to do.
    private static let callerCount = 4

    init(_ setup: Setup, seed: UInt64, callCount: Int, kind: CallKind? = nil, interval: UInt64 = 4) {
        self.setup = setup
        self.seed = seed
        let perCaller = max(callCount / Self.callerCount, 1)
        let kinds = (0..<perCaller * Self.callerCount).map { kind ?? CallKind.of($0, seed: seed) }
        self.kinds = kinds
        let network = SimulatedNetwork(seed: seed, conditions: setup.conditions)
        self.network = network
        func address(_ last: Int, port: UInt16 = 5_060) -> SocketAddress {
            setup.isIPv6
                ? SocketAddress("[2001:db8::\(last)]:\(port)")! : SocketAddress("192.0.2.\(last):\(port)")!
        }
        let calleeAddress = address(200)
        callee = AnsweringAgent(network: network, address: calleeAddress, callCount: kinds.count)
        callers = (0..<Self.callerCount).map { index in
            CallingAgent(
                network: network, address: address(100 + index, port: UInt16(5_060 + index)), proxy: address(1),
                callee: calleeAddress, firstNumber: index * perCaller)
        }
        for (index, mode) in setup.modes.enumerated() {
            let next = index + 1 < setup.modes.count ? address(index + 2) : calleeAddress
            proxies.append(
                Self.proxy(setup, mode, setup.policy(index), at: address(index + 1), next: next, network))
        }
        for (index, caller) in callers.enumerated() {
            let own = Array(kinds[index * perCaller..<(index + 1) * perCaller])
            caller.plan(own, start: network.now + UInt64(index), interval: interval)
        }
    }

    private static func proxy(
        _ setup: Setup, _ mode: StateMode, _ makePolicy: (@Sendable () -> any StatePolicy)?, at address: SocketAddress,
        next: SocketAddress,
        _ network: SimulatedNetwork
    ) -> ProxyNode {
        var text = [UInt8](repeating: 0, count: SocketAddress.ipTextBytesMax)
        let count = text.withUnsafeMutableBytes { address.writeIP(into: $0) }
        var settings = ProxySettings(listeners: [
            ProxySettings.Listener(
                address: address, advertisedHost: String(decoding: text[..<count], as: UTF8.self),
                advertisedPort: address.port)
        ])
        settings.policy = mode == .stateful ? .stateful : .stateless
        settings.workerCount = setup.workerCount
        settings.hashKey = HashKey(low: 11, high: 12)
        if makePolicy != nil {
            // Hosts 1 to 15: the proxies, not the agents.
            settings.trustedPeers = [
                TrustedPeer(network: address.withPort(0), prefixBits: address.isIPv4 ? 28 : 124)
            ]
            settings.logsHolders = true
        }
        return ProxyNode(network: network, settings: settings, makePolicy: makePolicy) { _ in
            setup.tracksDialogs
                ? TrackingLogic.make(nextHop: next) : NativeRouting(nextHop: next, recordsRoute: setup.recordsRoute)
        }
    }

    /// Time between two ticks of the control side.
    static let tickMilliseconds: UInt64 = 200

    /// Runs to the end and answers what went wrong: empty when every call got its answer and nothing is left.
    ///
    /// - Parameter eachTick: what the test wants to change from time to time.
    func run(eachTick: (UInt64) -> Void = { _ in }) -> [String] {
        if !setup.sharesState {
            network.run()
        } else {
            var until = network.now
            repeat {
                until += Self.tickMilliseconds
                eachTick(until)
                for (index, proxy) in proxies.enumerated() {
                    let processors = index < setup.machines.count ? setup.machines[index].processors : 1
                    proxy.node.tick(time: Double(until) / 1_000, processors: processors)
                }
            } while !network.run(until: until)
        }
        var faults: [String] = []
        for caller in callers {
            for (index, call) in caller.calls.enumerated() {
                let outcome = callee.outcomes[caller.firstNumber + index]
                if let fault = Self.fault(of: call, outcome) {
                    faults.append("\(caller.firstNumber + index): \(fault)")
                }
            }
            if caller.strayResponses > 0 { faults.append("\(caller.strayResponses) stray responses at a caller") }
            if caller.malformedResponses > 0 { faults.append("\(caller.malformedResponses) malformed responses") }
            if caller.lateTimeouts > 0 { faults.append("\(caller.lateTimeouts) 408 for non-INVITE") }
        }
        if callee.malformedRequests > 0 {
            faults.append("\(callee.malformedRequests) malformed requests at the callee")
        }
        if callee.mergedRequests > 0 { faults.append("\(callee.mergedRequests) merged requests") }
        if callee.unknownRequests > 0 { faults.append("\(callee.unknownRequests) unknown requests") }
        if callee.unacknowledged > 0 { faults.append("\(callee.unacknowledged) successes without ACK") }
        if callee.liveTransactions > 0 { faults.append("\(callee.liveTransactions) transactions left at the callee") }
        for (index, proxy) in proxies.enumerated() where !proxy.isEmpty {
            let workers = proxy.workers.map { "\($0.transactionsInUse)/\($0.messageBlocksInUse)" }
            faults.append("proxy \(index): transactions/blocks left: \(workers)")
        }
        return faults
    }

    private static func fault(of call: CallingAgent.Call, _ outcome: AnsweringAgent.Outcome) -> String? {
        guard call.finalCount == 1 else { return "\(call.kind): \(call.finalCount) final answers" }
        guard call.kind.isRight(call.finalCode, calleeSaid: Int(outcome.finalCode)) else {
            return "\(call.kind): final \(call.finalCode), the callee said \(outcome.finalCode)"
        }
        guard call.kind.isInvite else { return nil }
        if call.finalCode == 200 {
            guard call.byeCode == 200, outcome.byes == 1 else {
                return "\(call.kind): BYE got \(call.byeCode), the callee saw \(outcome.byes)"
            }
            guard outcome.acknowledged else { return "\(call.kind): never acknowledged" }
        }
        return nil
    }

    func count(_ counter: ProxyCounter) -> UInt64 { proxies.reduce(0) { $0 + $1.count(counter) } }
}
