/// What comes to a node, what has to be held there, and what that leaves for each neighbour upstream. Requests a second.
///
/// Arrays are by neighbour and are reused from period to period.
struct Demand: Sendable, Equatable {
    /// What the node can carry.
    struct Load: Sendable, Equatable {
        var statelessCost = 1.0
        var stateCost = 1.0
        /// CPU seconds a second, before the target.
        var capacity = 0.0
        var target = 1.0
        var greatest = 1.0
        /// The part of the room for state that is used, less than 1 while datagrams queue: more comes than was counted.
        var relief = 1.0

        /// State that fits beside so many arrivals, at a utilisation; not negative.
        func holdable(arrivals: Double, utilisation: Double) -> Double {
            max(0, (utilisation * capacity - arrivals * statelessCost) / stateCost)
        }
    }

    private(set) var load = Load()
    /// All requests: λ.
    private(set) var arrivals = 0.0
    /// Held here whatever happens: E.
    private(set) var mustHold = 0.0
    /// What can be held here: S*.
    private(set) var holdable = 0.0
    /// Open requests that go to the neighbour and could be left to it: N.
    private(set) var toNeighbour: [Double] = []
    /// Of these, what the neighbour does not take.
    private(set) var untaken: [Double] = []
    /// Sum of `untaken`.
    private(set) var untakenTotal = 0.0
    /// Open requests from the neighbour.
    private(set) var fromNeighbour: [Double] = []
    /// Requests that come from outside.
    private(set) var fromOutside = 0.0

    /// How many times its open requests a neighbour upstream may send; by neighbour.
    private var growth: [Double] = []
    /// From here on there is room: no limit is told.
    static let growthUnlimited = 2.0
    /// Parts of a neighbour's requests below this don't limit all the others.
    static let shareMin = 0.05

    mutating func sum(_ paths: [PathRates.Path], _ neighbours: [NeighbourState], load: Load) {
        reset(count: neighbours.count)
        self.load = load
        for path in paths {
            arrivals += path.total.slow
            mustHold += path.mustHold.slow
            let open = path.open.slow
            if path.upstream >= 0 { fromNeighbour[path.upstream] += open } else { fromOutside += path.total.slow }
            if path.nextHop >= 0 && neighbours[path.nextHop].takes {
                toNeighbour[path.nextHop] += open
            } else {
                mustHold += open
            }
        }
        for index in neighbours.indices {
            untaken[index] = max(0, toNeighbour[index] - neighbours[index].allowance)
            untakenTotal += untaken[index]
        }
        holdable = load.holdable(arrivals: arrivals, utilisation: load.target)
        limitGrowth(paths, neighbours)
    }

    private mutating func reset(count: Int) {
        if toNeighbour.count != count {
            toNeighbour = [Double](repeating: 0, count: count)
            untaken = toNeighbour
            fromNeighbour = toNeighbour
            growth = toNeighbour
        }
        for index in 0..<count {
            toNeighbour[index] = 0
            untaken[index] = 0
            fromNeighbour[index] = 0
            growth[index] = .infinity
        }
        (arrivals, mustHold, untakenTotal, fromOutside) = (0, 0, 0, 0)
    }

    /// What exits here, or goes where all that is taken is used up, grows at this node's cost. The rest may grow as far as its next
    /// hop takes it, and then by what room is left here.
    private mutating func limitGrowth(_ paths: [PathRates.Path], _ neighbours: [NeighbourState]) {
        let need = mustHold + untakenTotal
        var growing = 0.0
        for path in paths where path.upstream >= 0 && growsHere(path, neighbours) { growing += path.open.slow }
        // need − growing + growth · growing = holdable. Less than nothing is fixed where next hops take a part.
        let own = growing > 0 ? max(0, holdable - need + growing) / growing : .infinity
        let room = max(0, holdable - need)
        for path in paths where path.upstream >= 0 {
            guard path.open.slow > Self.shareMin * fromNeighbour[path.upstream] else { continue }
            var limit = own
            if !growsHere(path, neighbours) {
                limit = (neighbours[path.nextHop].allowance + room) / toNeighbour[path.nextHop]
            }
            growth[path.upstream] = min(growth[path.upstream], limit)
        }
    }

    private func growsHere(_ path: PathRates.Path, _ neighbours: [NeighbourState]) -> Bool {
        path.nextHop < 0 || !neighbours[path.nextHop].takes || untaken[path.nextHop] > 0
    }

    /// Requests a second that a neighbour upstream may send open.
    func allowance(of neighbour: Int) -> Double {
        let limit = growth[neighbour]
        return limit >= Self.growthUnlimited ? .infinity : limit * fromNeighbour[neighbour]
    }
}
