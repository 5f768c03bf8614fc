extension DistributingPolicy {
    /// Utilisation over target beyond which the price rises no more.
    static let priceLoadMax = 3.0

    /// What holding one more request costs here: d · exp(β u / ρ).
    var ownPrice: Double {
        var used = 0.0
        var held = 0.0
        for path in rates.paths {
            used += path.total.fast * demand.load.statelessCost
            let keep = path.nextHop >= 0 ? neighbours[path.nextHop].keep : 1
            held += path.mustHold.fast + path.open.fast * keep
        }
        used += held * demand.load.stateCost
        let full = demand.load.capacity * demand.load.target
        let utilisation = full > 0 ? min(Self.priceLoadMax, used / full) : Self.priceLoadMax
        return demand.load.stateCost * Arithmetic.exponential(settings.priceSteepness * utilisation)
    }

    /// What one more open request from each neighbour will really meet: the mean over where such requests go now.
    mutating func setPrices() {
        switch rule {
        case .fillFirst: return
        case .balanced: break
        }
        let own = ownPrice
        for index in prices.indices { prices[index] = 0 }
        for path in rates.paths where path.upstream >= 0 {
            let rate = path.open.slow
            guard path.nextHop >= 0, neighbours[path.nextHop].takes else {
                prices[path.upstream] += rate * own
                continue
            }
            let next = neighbours[path.nextHop]
            let there = next.price > 0 ? next.price : own
            prices[path.upstream] += rate * (next.keep * own + (1 - next.keep) * there)
        }
        for index in prices.indices {
            let whole = demand.fromNeighbour[index]
            prices[index] = whole > 0 ? prices[index] / whole : own
        }
    }

    /// κ moves to where holding is cheaper; allowances and the node's own room bound it.
    mutating func balance(room: Double, fit: Double) {
        let own = ownPrice
        let full = demand.load.capacity * demand.load.target
        var held = 0.0
        for index in neighbours.indices {
            let whole = demand.toNeighbour[index]
            guard neighbours[index].takes, whole > 0 else {
                neighbours[index].keep = 1
                continue
            }
            let there = neighbours[index].price
            let weight = full > 0 ? whole * demand.load.stateCost / full : 1
            let step =
                there > 0 ? settings.priceStep * pull(Arithmetic.logarithm(there / own), weight: weight) : 0
            let least = fit * demand.untaken[index] / whole
            neighbours[index].keep = min(1, max(least, neighbours[index].keep + step))
            held += neighbours[index].keep * whole
        }
        guard held > room else { return }
        let scale = room / held
        for index in neighbours.indices where neighbours[index].takes { neighbours[index].keep *= scale }
    }

    /// Ratios of prices whose logarithm is below this pull nothing, for requests that hardly matter to the node: their κ would
    /// only follow the noise.
    static let pullMin = 0.5
    /// Requests whose state would take this part of the node's capacity or more matter.
    static let weightFull = 0.1
    /// The steepness at which logarithms of prices are compared, so that a steeper price is no stronger pull.
    static let pullSteepness = 12.0

    /// −1…1: how hard a difference of prices pulls. Weak near balance, where the noise of measuring and the age of what
    /// neighbours say would make κ swing.
    /// - Parameter weight: state of the requests in question, as a part of the node's capacity.
    func pull(_ logarithm: Double, weight: Double) -> Double {
        let scaled = abs(logarithm) * Self.pullSteepness / settings.priceSteepness
        let beyond = max(0, scaled - Self.pullMin * (1 - min(1, weight / Self.weightFull)))
        let strength = beyond * beyond / (1 + beyond * beyond)
        return logarithm < 0 ? -strength : strength
    }
}
