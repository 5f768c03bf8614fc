internal import Reactor
internal import SIPMessage
internal import SIPTransaction
internal import StatePolicy

// Who holds the state of a request, where there are trusted peers: docs/state-signalling.md.
extension Proxy {
    /// Each node folds its own address into the hash of calls. With one hash for all, the calls that one proxy leaves to
    /// the next would all lie above that one's fraction too.
    static func callHashKey(_ settings: ProxySettings) -> HashKey {
        var hash = KeyedHash(key: settings.hashKey)
        for listener in settings.listeners {
            var text = listener.advertisedHost
            text.withUTF8 { hash.absorb(UnsafeRawBufferPointer($0)) }
            hash.absorb(UInt64(listener.advertisedPort))
        }
        let digest = hash.finish128()
        return HashKey(low: digest.low, high: digest.high)
    }

    func callHash() -> UInt64 {
        var hash = KeyedHash(key: callHashKey)
        hash.absorb(message.pointee.bytes(message.pointee.callID))
        return hash.finish()
    }

    /// The configured policy's answer.
    func policyChoice(_ state: StateRequest) -> StateMode {
        if let fixedMode { return fixedMode }
        if state.heldUpstream { return .stateless }
        return desk.keepFraction(state.nextHop).mode(callHash: state.callHash)
    }

    func ask(_ logic: any RoutingLogic, _ state: StateRequest) -> StateMode {
        guard logic.hooks.contains(.chooseStateMode),
            let mode = logic.chooseStateMode(request, StateView(state: state, proxy: self))
        else { return policyChoice(state) }
        return mode
    }

    func chooseAmongNeighbours() -> StateMode {
        request.nextHopNumber = findNextHop()
        let isHeld = request.marker == .held
        if request.stateDemand == .stateless, !needsState {
            // The script answers for it: nothing that a policy could have decided otherwise.
            return choose(.stateless, as: .heldUpstream)
        }
        if mustHold {
            noteMustHold()
            request.holdReason = .mustHold
            return choose(.stateful, as: .mustHold)
        }
        if request.isTrackedElsewhere, fixedMode == nil, !message.pointee.toTag.isAbsent {
            // Who tracks the dialog holds this: upstream it did, or downstream it will.
            count(.requestsTrackedElsewhere)
            return choose(.stateless, as: .heldUpstream)
        }
        request.holdReason = request.nextHopNumber < 0 ? .exit : .kept
        let logic = generations.pointee.logic(request.generation)
        let state = StateRequest(callHash: callHash(), nextHop: request.nextHopNumber, heldUpstream: isHeld)
        switch (ask(logic, state), isHeld) {
        case (.stateless, true):
            count(.requestsHeldUpstream)
            return choose(.stateless, as: .heldUpstream)
        case (.stateless, false):
            count(.requestsDelegated)
            return choose(.stateless, as: .delegated)
        case (.stateful, true):
            request.holdReason = .mustHold
            return choose(.stateful, as: .mustHold)
        case (.stateful, false):
            return choose(.stateful, as: .kept)
        }
    }

    private func choose(_ mode: StateMode, as what: PathCount) -> StateMode {
        desk.count(what, upstream: request.upstream, nextHop: request.nextHopNumber)
        return mode
    }

    /// The neighbour that the only target leads to; `outside` with several, or none that takes part.
    private func findNextHop() -> Int32 {
        guard request.targetCount == 1 else { return PathSample.outside }
        if !request.departure.destination.isNone { return desk.find(request.departure.destination).number }
        guard let departure = findDeparture(of: request.target(0)) else { return PathSample.outside }
        rememberDeparture(departure)
        return desk.find(departure.destination).number
    }

    /// Whether a request that found no room for its transaction may be forwarded all the same: somebody else holds it, or
    /// will. An open one is never sent to where nobody does, unless a fixed policy has it so.
    var mayGoWithoutHolder: Bool {
        guard sharesState, fixedMode == nil else { return true }
        return request.marker == .held || desk.keepFraction(request.nextHopNumber) != .all
    }

    /// Whether this is a new call from outside of the fraction that nobody has room for.
    func isRefused() -> Bool {
        let threshold = desk.refuseThreshold
        let method = message.pointee.method
        guard threshold > 0, request.upstream < 0, message.pointee.toTag.isAbsent, method != .ack, method != .cancel
        else { return false }
        var hash = KeyedHash(key: callHashKey)
        hash.absorb(message.pointee.bytes(message.pointee.callID))
        // Not the half that the choice goes by: those refused shall be neither all kept nor all delegated.
        return hash.finish128().high < threshold
    }

    func noteHolder() {
        holderNoted?(
            HolderNote(
                callID: message.pointee.bytes(message.pointee.callID),
                method: message.pointee.bytes(message.pointee.methodName), cSeq: UInt32(message.pointee.cSeqNumber),
                reason: request.holdReason))
    }
}
