/// Learns what requests cost this node: c to forward one stateless, d more to hold its state.
///
/// Time is known by messages, not by requests, whose responses and timers may come periods later; so costs are learnt by
/// datagram and multiplied by the datagrams of a request. How much one more datagram takes is learnt from the turns of the worker's
/// loop (`TurnCost`); by how much one with state takes more than one without, from the time that handling each kind took. With
///
///     s, f = seconds a stateless, a stateful datagram      n, h = datagrams of a request that is passed on, of one that is held
///
/// c = n·s and d = h·f − n·s, so that λ·c + held·d is the time that a busy worker uses, whatever the mix.
struct CostEstimator: Sendable, Equatable {
    private var turnCost = TurnCost()
    private var statelessDatagram = Average()
    private var statefulDatagram = Average()
    private var datagramsPerPassed = Ratio()
    private var datagramsPerHeld = Ratio()
    private let statelessOverride: Double?
    private let stateOverride: Double?

    /// Believed until a request has been measured: a middling machine.
    static let statelessPriorSeconds = 30e-6
    /// d as a part of c until both kinds of handling have been seen. The kernel's part of a message is the same for both,
    /// and a transaction about doubles the rest. Too low a guess is mended as soon as something is delegated.
    static let statePriorRatio = 0.5
    /// State is never free: keeps S* finite.
    static let stateRatioMin = 0.02
    /// A period with fewer datagrams of a kind teaches in proportion.
    static let datagramsForFullWeight = 100.0

    init(_ settings: PolicySettings) {
        statelessOverride = settings.statelessCostSeconds
        stateOverride = settings.stateCostSeconds
    }

    /// - Parameters:
    ///   - requests: counted in the same period, all of them.
    ///   - held: of these, held here.
    ///   - gain: weight of what is new.
    mutating func add(_ cost: CostSample, requests: Double, held: Double, gain: Double) {
        let stateless = Double(cost.statelessDatagrams)
        let stateful = Double(cost.statefulDatagrams)
        guard stateless + stateful > 0, cost.totalSeconds.isFinite, cost.statelessSeconds >= 0,
            cost.statefulSeconds >= 0
        else { return }
        let datagrams = stateless + stateful
        // Datagrams that belong to neither kind are carried by the others.
        let marginal = turnCost.add(cost.turns).map { $0 * max(1, cost.turns.datagrams / datagrams) }
        let mean = marginal ?? cost.totalSeconds / datagrams
        let shared = mean - (cost.statelessSeconds + cost.statefulSeconds) / datagrams
        let least = TurnCost.leastPart * mean
        if stateless > 0 {
            let part = min(1, stateless / Self.datagramsForFullWeight)
            statelessDatagram.add(max(least, cost.statelessSeconds / stateless + shared), gain: gain, part: part)
        }
        if stateful > 0 {
            let part = min(1, stateful / Self.datagramsForFullWeight)
            statefulDatagram.add(max(least, cost.statefulSeconds / stateful + shared), gain: gain, part: part)
        }
        datagramsPerPassed.add(stateless, per: requests - held, gain: gain)
        datagramsPerHeld.add(stateful, per: held, gain: gain)
        keepRatio(stateless: stateless > 0, stateful: stateful > 0)
    }

    /// f / s when both were last seen; a kind that is not seen now follows the other one by it.
    private var ratio: Double?

    private mutating func keepRatio(stateless: Bool, stateful: Bool) {
        if stateless && stateful && statelessDatagram.value > 0 {
            ratio = statefulDatagram.value / statelessDatagram.value
        } else if let ratio, stateless {
            statefulDatagram.replace(statelessDatagram.value * ratio)
        } else if let ratio, stateful {
            statelessDatagram.replace(statefulDatagram.value / ratio)
        }
    }

    /// c, in CPU seconds.
    var statelessCost: Double {
        if let statelessOverride { return statelessOverride }
        if statelessDatagram.isKnown, let number = datagramsPerPassed.value ?? datagramsPerHeld.value {
            return statelessDatagram.value * number
        }
        if statefulDatagram.isKnown, let number = datagramsPerHeld.value {
            return statefulDatagram.value * number / (1 + Self.statePriorRatio)
        }
        return Self.statelessPriorSeconds
    }

    /// d, in CPU seconds; always above 0.
    var stateCost: Double {
        if let stateOverride { return stateOverride }
        let stateless = statelessCost
        let least = Self.stateRatioMin * stateless
        if statelessDatagram.isKnown, statefulDatagram.isKnown, let number = datagramsPerHeld.value {
            return max(least, number * statefulDatagram.value - stateless)
        }
        return Self.statePriorRatio * stateless
    }

    /// A quotient of two counts, of which the older ones fade: their skew within a period averages out.
    private struct Ratio: Sendable, Equatable {
        private var numerator = 0.0
        private var denominator = 0.0

        /// nil while next to nothing is known.
        var value: Double? { denominator >= 1 && numerator > 0 ? numerator / denominator : nil }

        mutating func add(_ count: Double, per other: Double, gain: Double) {
            numerator += count - gain * numerator
            denominator += other - gain * denominator
        }
    }

    /// An exponential average that one mad value can't carry away.
    private struct Average: Sendable, Equatable {
        private(set) var value = 0.0
        private(set) var isKnown = false
        /// Sum of the weights so far: the first values count alike.
        private var weight = 0.0
        /// A new value counts as at most this many times the present one, and at least its inverse.
        private static let outlier = 2.0

        mutating func add(_ new: Double, gain: Double, part: Double) {
            guard new > 0, new.isFinite else { return }
            weight += part
            if isKnown {
                value +=
                    max(gain, 1 / max(1, weight)) * part
                    * (min(Self.outlier * value, max(value / Self.outlier, new)) - value)
            } else {
                (value, isKnown) = (new, true)
            }
        }

        mutating func replace(_ new: Double) {
            (value, isKnown) = (new, true)
        }
    }
}
