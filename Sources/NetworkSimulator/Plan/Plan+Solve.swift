extension Plan {
    /// Throws for a network that makes no sense or has no traffic, and when the solver is missing or gives up.
    /// - Parameter method: of the solver; nil: by the size of the network.
    public init(_ network: Network, method: LinearProgram.Method? = nil) throws(PlanError) {
        do { try network.validate() } catch { throw .network(error) }
        try Self.checkRange(network)
        let paths = PathGroups(network)
        guard !paths.groups.isEmpty else { throw .noTraffic }
        let parts = try Self.solve(network, paths, method)

        proxies = [Proxy](repeating: Proxy(), count: network.proxies.count)
        shares = []
        pathCount = paths.groups.count
        offered = 0
        for (flow, group) in zip(network.flows, paths.groupOfFlow) {
            guard let group else {
                shares.append([])
                continue
            }
            offered += flow.rate
            // The flow's own order of the proxies; flows of a group may cross them in any.
            let part = zip(paths.groups[group].proxies, parts[group])
            let own = flow.path.map { proxy in part.first { $0.0 == proxy }?.1 ?? 0 }
            shares.append(own)
            for (proxy, part) in zip(flow.path, own) {
                proxies[proxy].arrivals += flow.rate
                proxies[proxy].held += flow.rate * part
            }
        }
        loadMax = 0
        factor = 0
        setUtilisation(network)
    }

    /// Utilisation and what follows from it, from the rates that are held: exact for the shares that are told, whatever
    /// the solver rounded.
    private mutating func setUtilisation(_ network: Network) {
        for (index, model) in network.proxies.enumerated() {
            let busy =
                proxies[index].arrivals * model.statelessCostSeconds + proxies[index].held * model.stateCostSeconds
            proxies[index].utilisation = busy / model.processors
            loadMax = max(loadMax, proxies[index].utilisation / model.targetUtilisation)
        }
        factor = 1 / loadMax
        for (index, model) in network.proxies.enumerated() {
            proxies[index].peakUtilisation = proxies[index].utilisation * factor
            proxies[index].isBottleneck =
                proxies[index].peakUtilisation >= model.targetUtilisation * (1 - 10 * Self.tolerance)
        }
    }

    /// Seconds, processors and calls a second beyond these are slips of units.
    static let costSecondsRange = 1e-12...1e4
    static let processorsRange = 1e-6...1e6
    static let rateMax = 1e12
    static let targetMin = 1e-6

    private static func checkRange(_ network: Network) throws(PlanError) {
        for (index, proxy) in network.proxies.enumerated() {
            let costs = [proxy.statelessCostSeconds, proxy.stateCostSeconds]
            guard costs.allSatisfy(costSecondsRange.contains), processorsRange.contains(proxy.processors),
                proxy.targetUtilisation >= targetMin
            else { throw .outOfRange("proxy \(index) (\(proxy.name))") }
        }
        for (index, flow) in network.flows.enumerated() where flow.rate > rateMax {
            throw .outOfRange("flow \(index) (\(flow.name))")
        }
    }
}

/// Flows that cross the same proxies, taken as one: a plan treats them alike.
struct PathGroups {
    struct Group {
        /// In ascending order.
        var proxies: [Int]
        var rate: Double
    }

    var groups: [Group] = []
    /// nil: the flow's rate is 0.
    var groupOfFlow: [Int?] = []

    init(_ network: Network) {
        var numbers: [[Int]: Int] = [:]
        for flow in network.flows {
            guard flow.rate > 0 else {
                groupOfFlow.append(nil)
                continue
            }
            let key = flow.path.sorted()
            if let number = numbers[key] {
                groups[number].rate += flow.rate
                groupOfFlow.append(number)
            } else {
                numbers[key] = groups.count
                groupOfFlow.append(groups.count)
                groups.append(Group(proxies: key, rate: flow.rate))
            }
        }
    }
}

extension Plan {
    /// Above so many columns the simplex method takes minutes, and the interior point seconds.
    static let simplexColumnsMax = 2_000

    /// By group and its proxies: the part that is held there; each group's parts sum up to 1.
    ///
    /// Variables: the parts x_gi and t. Minimise t where, in units of what each proxy i may use, C_i = ρ_i · processors_i,
    ///
    ///     Σ_i x_gi = 1 for each group g,      t − Σ_g x_gi λ_g d_i / C_i ≥ Σ_g λ_g c_i / C_i for each proxy i.
    private static func solve(
        _ network: Network, _ paths: PathGroups, _ method: LinearProgram.Method?
    ) throws(PlanError) -> [[Double]] {
        let capacity = network.proxies.map { $0.processors * $0.targetUtilisation }
        var forwarding = [Double](repeating: 0, count: capacity.count)
        for group in paths.groups {
            for proxy in group.proxies {
                forwarding[proxy] += group.rate * network.proxies[proxy].statelessCostSeconds / capacity[proxy]
            }
        }
        // In units of about the answer, so that neither very low nor very high rates meet the solver's tolerances.
        let scale = forwarding.max() ?? 1
        var program = LinearProgram()
        let load = program.addColumn(0...(.infinity), cost: 1)
        let rows = forwarding.map { program.addRow(($0 / scale)...(.infinity)) }
        for row in rows { program.setCoefficient(row: row, column: load, 1) }
        var columns: [[Int]] = []
        for group in paths.groups {
            let whole = program.addRow(1...1)
            let own = group.proxies.map { proxy in
                let column = program.addColumn(0...(.infinity))
                let cost = group.rate * network.proxies[proxy].stateCostSeconds / capacity[proxy]
                program.setCoefficient(row: rows[proxy], column: column, -cost / scale)
                program.setCoefficient(row: whole, column: column, 1)
                return column
            }
            columns.append(own)
        }
        let values: [Double]
        do { values = try run(program, method) } catch { throw .solver(error) }
        return columns.map { own in
            let parts = own.map { max(0, values[$0]) }
            let sum = parts.reduce(0, +)
            return sum > 0 ? parts.map { $0 / sum } : parts.map { _ in 1 / Double(parts.count) }
        }
    }

    private static func run(
        _ program: LinearProgram, _ method: LinearProgram.Method?
    ) throws(LinearProgramError) -> [Double] {
        if let method { return try program.solve(method) }
        guard program.columnCount > simplexColumnsMax else { return try program.solve(.simplex) }
        do {
            return try program.solve(.interiorPoint)
        } catch .failed {
            return try program.solve(.simplex)
        }
    }
}
