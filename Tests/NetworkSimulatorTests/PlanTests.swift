import NetworkSimulator
import Testing

@Suite("Plan: the best distribution of state")
struct PlanTests {
    static let c = 30e-6
    static let d = 25e-6
    static let target = 0.9

    static func proxy(c: Double = c, d: Double = d, processors: Double = 1, target: Double = target) -> ProxyModel {
        ProxyModel(
            statelessCostSeconds: c, stateCostSeconds: d, processors: processors, targetUtilisation: target)
    }

    static func series(_ count: Int, rate: Double = 1_000) -> Network {
        Network(
            proxies: (0..<count).map { _ in proxy() }, flows: [.init(path: Array(0..<count), rate: rate)])
    }

    static func isNear(_ a: Double, _ b: Double, relative: Double = 1e-6) -> Bool { abs(a - b) <= relative * abs(b) }

    @Test("n equal proxies in series share the state equally: ρ / (c + d/n)", arguments: 1...10)
    func series(count: Int) throws {
        let plan = try Plan(Self.series(count))
        let expected = Self.target / (Self.c + Self.d / Double(count))
        #expect(Self.isNear(plan.throughput, expected))
        #expect(Self.isNear(plan.factor, expected / 1_000))
        #expect(Self.isNear(plan.loadMax, 1_000 / expected))
        #expect(plan.isFeasible)
        for proxy in plan.proxies {
            #expect(Self.isNear(proxy.share, 1 / Double(count)))
            #expect(Self.isNear(proxy.peakUtilisation, Self.target))
            #expect(proxy.isBottleneck)
        }
    }

    @Test("two in series gain 2 / (1 + T_SF / T_SL) over one of them holding everything")
    func gain() throws {
        let stateful = 1 / (Self.c + Self.d)
        let stateless = 1 / Self.c
        let alone = try Plan(Self.series(1)).throughput
        #expect(Self.isNear(try Plan(Self.series(2)).throughput / alone, 2 / (1 + stateful / stateless)))
    }

    @Test("a front proxy that feeds two holds nothing when it is the bottleneck")
    func fanOut() throws {
        let network = Network(
            proxies: [Self.proxy(), Self.proxy(), Self.proxy()],
            flows: [.init(path: [0, 1], rate: 500), .init(path: [0, 2], rate: 500)])
        let plan = try Plan(network)
        #expect(Self.isNear(plan.throughput, Self.target / Self.c))
        #expect(plan.proxies[0].share < 1e-6)
        #expect(plan.proxies[0].isBottleneck)
        #expect(plan.shares.allSatisfy { Self.isNear($0[1], 1) })
    }

    @Test("the slow exit of two makes the front hold calls for it")
    func slowExit() throws {
        let network = Network(
            proxies: [Self.proxy(processors: 4), Self.proxy(processors: 0.25), Self.proxy()],
            flows: [.init(path: [0, 1], rate: 500), .init(path: [0, 2], rate: 500)])
        let plan = try Plan(network)
        // The slow one can do no more than forward its half.
        #expect(Self.isNear(plan.throughput, 2 * Self.target * 0.25 / Self.c))
        #expect(plan.shares[0][0] > 0.999_99)
    }

    @Test("processors and targets count as capacity")
    func capacity() throws {
        let network = Network(
            proxies: [Self.proxy(processors: 2, target: 0.5)], flows: [.init(path: [0], rate: 10_000)])
        let plan = try Plan(network)
        #expect(Self.isNear(plan.throughput, 2 * 0.5 / (Self.c + Self.d)))
        #expect(Self.isNear(plan.proxies[0].utilisation, 10_000 * (Self.c + Self.d) / 2))
        #expect(Self.isNear(plan.proxies[0].peakUtilisation, 0.5))
    }

    @Test("rates that are too high are told as such, with the factor they had to shrink by")
    func overload() throws {
        let plan = try Plan(Self.series(2, rate: 1e6))
        #expect(!plan.isFeasible)
        #expect(plan.factor < 1)
        #expect(plan.loadMax > 1)
    }

    @Test("flows over the same proxies, in any order, get the same shares; those without calls none")
    func groups() throws {
        var network = Self.series(3)
        network.flows = [
            .init(path: [0, 1, 2], rate: 100), .init(path: [2, 1, 0], rate: 300), .init(path: [0, 1], rate: 0),
        ]
        let plan = try Plan(network)
        #expect(plan.pathCount == 1)
        #expect(plan.shares[0] == plan.shares[1].reversed())
        #expect(plan.shares[2].isEmpty)
        #expect(Self.isNear(plan.shares[0].reduce(0, +), 1))
    }

    @Test("rates from thousandths to billions of calls a second give the same plan", arguments: [1e-3, 1, 1e9])
    func rates(rate: Double) throws {
        let plan = try Plan(Self.series(2, rate: rate))
        #expect(Self.isNear(plan.throughput, Self.target / (Self.c + Self.d / 2)))
    }

    @Test("both methods of the solver agree on random networks", arguments: 1...5 as ClosedRange<UInt64>)
    func methods(seed: UInt64) throws {
        let network = RandomNetwork(seed: seed, proxies: 30, flows: 120, layers: 4).network
        let simplex = try Plan(network, method: .simplex)
        let interior = try Plan(network, method: .interiorPoint)
        #expect(Self.isNear(interior.factor, simplex.factor, relative: 1e-5), "seed \(seed)")
    }

    @Test("no traffic, bad networks and numbers out of range are errors")
    func errors() {
        #expect(throws: PlanError.noTraffic) { try Plan(Network(proxies: [Self.proxy()], flows: [])) }
        #expect(throws: PlanError.noTraffic) { try Plan(Self.series(2, rate: 0)) }
        #expect(throws: PlanError.self) {
            try Plan(Network(proxies: [Self.proxy()], flows: [.init(path: [1], rate: 1)]))
        }
        #expect(throws: PlanError.outOfRange("proxy 0 ()")) {
            try Plan(Network(proxies: [Self.proxy(c: 1e-300)], flows: [.init(path: [0], rate: 1)]))
        }
        #expect(throws: PlanError.outOfRange("flow 0 ()")) { try Plan(Self.series(1, rate: 1e300)) }
    }
}

@Suite("Linear programs")
struct LinearProgramTests {
    static let methods: [LinearProgram.Method] = [.simplex, .interiorPoint]

    @Test("an optimum is found by either method", arguments: methods)
    func optimum(method: LinearProgram.Method) throws {
        // Maximise 3x + 2y with x + y ≤ 4, x + 3y ≤ 6, x ≤ 3.
        var program = LinearProgram()
        let x = program.addColumn(0...3, cost: -3)
        let y = program.addColumn(0...(.infinity), cost: -2)
        let first = program.addRow(-(.infinity)...4)
        let second = program.addRow(-(.infinity)...6)
        program.setCoefficient(row: first, column: x, 1)
        program.setCoefficient(row: first, column: y, 1)
        program.setCoefficient(row: second, column: x, 1)
        program.setCoefficient(row: second, column: y, 3)
        let values = try program.solve(method)
        #expect(abs(values[x] - 3) < 1e-6)
        #expect(abs(values[y] - 1) < 1e-6)
    }

    @Test("contradictions, missing limits and numbers that are none are told apart, and the solver works on")
    func errors() throws {
        var contradiction = LinearProgram()
        let x = contradiction.addColumn(0...1)
        let row = contradiction.addRow(2...(.infinity))
        contradiction.setCoefficient(row: row, column: x, 1)
        #expect(throws: LinearProgramError.infeasible) { try contradiction.solve() }

        var endless = LinearProgram()
        _ = endless.addColumn(0...(.infinity), cost: -1)
        #expect(throws: LinearProgramError.unbounded) { try endless.solve() }

        var wrong = LinearProgram()
        _ = wrong.addColumn(0...1, cost: .nan)
        #expect(throws: LinearProgramError.outOfRange) { try wrong.solve() }

        #expect(try LinearProgram().solve().isEmpty)
        try optimum(method: .simplex)
    }

    @Test("what the library refuses is an error and does not end the process")
    func refused() throws {
        var twice = LinearProgram()
        let x = twice.addColumn(0...1, cost: 1)
        let row = twice.addRow(0...1)
        twice.setCoefficient(row: row, column: x, 1)
        twice.setCoefficient(row: row, column: x, 2)
        #expect(throws: LinearProgramError.failed) { try twice.solve() }
        try optimum(method: .simplex)
    }
}
