extension DistributingPolicy {
    /// Utilisation over target beyond which the price rises no more.
    static let priceLoadMax = 3.0

    /// What holding one more request costs here: d · exp(β u / ρ).
    var ownPrice: Double {
        var used = 0.0
        var held = 0.0
        for path in rates.paths {
            used += path.total.slow * demand.load.statelessCost
            let keep = path.nextHop >= 0 ? neighbours[path.nextHop].keep : 1
            held += path.mustHold.slow + path.open.slow * keep
        }
        used += held * demand.load.stateCost
        let full = demand.load.capacity * demand.load.target
        let utilisation = full > 0 ? min(Self.priceLoadMax, used / full) : Self.priceLoadMax
        return demand.load.stateCost * Arithmetic.exponential(settings.priceSteepness * utilisation)
    }

    /// What one more open request from the neighbour will really meet: the mean over where such requests go now.
    func price(to upstream: Int) -> Double {
        switch rule {
        case .fillFirst: return 0
        case .balanced: break
        }
        let own = ownPrice
        var whole = 0.0
        var met = 0.0
        for path in rates.paths where path.upstream == upstream {
            let rate = path.open.slow
            whole += rate
            guard path.nextHop >= 0, neighbours[path.nextHop].takes else {
                met += rate * own
                continue
            }
            let next = neighbours[path.nextHop]
            met += rate * (next.keep * own + (1 - next.keep) * (next.price > 0 ? next.price : own))
        }
        return whole > 0 ? met / whole : own
    }

    /// ALGORITHM `balanced`: κ moves to where holding is cheaper; allowances and the node's own room bound it.
    mutating func balance(room: Double, fit: Double) {
        let own = ownPrice
        var held = 0.0
        for index in neighbours.indices {
            let whole = demand.toNeighbour[index]
            guard neighbours[index].takes, whole > 0 else {
                neighbours[index].keep = 1
                continue
            }
            let there = neighbours[index].price
            let step = there > 0 ? settings.priceStep * Self.pull(Arithmetic.logarithm(there / own)) : 0
            let least = fit * demand.untaken[index] / whole
            neighbours[index].keep = min(1, max(least, neighbours[index].keep + step))
            held += neighbours[index].keep * whole
        }
        guard held > room else { return }
        let scale = room / held
        for index in neighbours.indices where neighbours[index].takes { neighbours[index].keep *= scale }
    }

    /// −1…1: how hard a difference of prices pulls. Weak near balance, where the noise of measuring and the age of what
    /// neighbours say would make κ swing.
    static func pull(_ logarithm: Double) -> Double {
        logarithm * abs(logarithm) / (1 + logarithm * logarithm)
    }
}
