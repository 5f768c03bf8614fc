extension DistributingPolicy {
    /// Never refuse all: what is let through tells when there is room again.
    static let refusalMax = 0.95
    /// How fast the refused part follows the overload.
    static let refusalSmoothingSeconds = 2.0
    static let refusalRecoverySeconds = 0.6
    /// Below this it counts as none.
    static let refusalMin = 0.001

    /// The part of new requests to refuse, after what it is now.
    ///
    /// Only when what must be held here, and what no next hop takes, is more than the whole machine can do, and only from when
    /// datagrams do wait in the kernel: figures alone are no reason to turn a call away. Being above the target is none either.
    func refused(after now: Double, seconds: Double) -> Double {
        let load = demand.load
        let need = demand.arrivals * load.statelessCost + (demand.mustHold + demand.untakenTotal) * load.stateCost
        let over = need - load.greatest * load.capacity
        let perRequest = load.statelessCost + load.stateCost
        guard demand.fromOutside > 0, now > 0 || (over > 0 && capacity.isCongested) else { return 0 }
        // What would come if none were refused.
        let offered = demand.fromOutside / (1 - now)
        let target = min(Self.refusalMax, max(0, now + over / (offered * perRequest)))
        let gain = Arithmetic.gain(
            seconds: seconds, smoothing: target > now ? Self.refusalSmoothingSeconds : Self.refusalRecoverySeconds)
        let next = now + gain * (target - now)
        return next < Self.refusalMin && target <= now ? 0 : next
    }
}
