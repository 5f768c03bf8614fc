public import NetworkSimulator
public import Server

/// A plan for people, for programs and for spreadsheets.
public struct PlanReport: Sendable {
    let network: Network
    let plan: Plan
    let file: String
    let size: String

    /// A table longer than this helps nobody; CSV and JSON have everything.
    public static let proxiesShownMax = 40

    public init(_ description: NetworkDescription, _ plan: Plan) {
        network = description.network
        file = description.file
        size = description.size
        self.plan = plan
    }

    public var text: String {
        let bottlenecks = plan.proxies.count { $0.isBottleneck }
        var text = """
            \(file): \(size)

            offered           \(NumberText.rate(plan.offered)) calls/s
            best throughput   \(NumberText.rate(plan.throughput)) calls/s, \
            \(NumberText.fixed(plan.factor, 4)) times the offered rates
            load at offered   \(NumberText.fixed(plan.loadMax, 4)) of the target, at best, on the most loaded proxy
            full at the peak  \(bottlenecks) of \(network.proxies.count) proxies


            """
        if !plan.isFeasible {
            text += "The offered rates are too much for the network, wherever state is held.\n\n"
        }
        var table = TextTable(["proxy", "calls/s", "held/s", "share held", "utilisation", "at the peak", "target"])
        let order = shownOrder
        for index in order.prefix(Self.proxiesShownMax) {
            let proxy = plan.proxies[index]
            table.add([
                network.proxies[index].name, NumberText.rate(proxy.arrivals), NumberText.rate(proxy.held),
                NumberText.percent(proxy.share), NumberText.fixed(proxy.utilisation, 3),
                NumberText.fixed(proxy.peakUtilisation, 3) + (proxy.isBottleneck ? " full" : "     "),
                NumberText.fixed(network.proxies[index].targetUtilisation, 2),
            ])
        }
        text += table.text
        let hidden = order.count - Self.proxiesShownMax
        if hidden > 0 { text += "and \(hidden) less loaded ones; --csv FILE writes them all\n" }
        return text
    }

    /// As described when all are shown, the most loaded first when not.
    private var shownOrder: [Int] {
        guard network.proxies.count > Self.proxiesShownMax else { return Array(network.proxies.indices) }
        func load(_ index: Int) -> Double { plan.proxies[index].utilisation / network.proxies[index].targetUtilisation }
        return network.proxies.indices.sorted { (load($0), $1) > (load($1), $0) }
    }

    /// A line for each proxy.
    public var csv: String {
        var csv = CSVWriter()
        csv.add([
            "proxy", "calls_per_second", "held_per_second", "share_held", "utilisation", "peak_utilisation",
            "target_utilisation", "full_at_peak",
        ])
        for (model, proxy) in zip(network.proxies, plan.proxies) {
            csv.add([
                model.name, "\(proxy.arrivals)", "\(proxy.held)", "\(proxy.share)", "\(proxy.utilisation)",
                "\(proxy.peakUtilisation)", "\(model.targetUtilisation)", "\(proxy.isBottleneck)",
            ])
        }
        return csv.text
    }

    public var json: JSONValue {
        let proxies = zip(network.proxies, plan.proxies).map { model, proxy -> JSONValue in
            [
                "name": .string(model.name), "arrivals": .number(proxy.arrivals), "held": .number(proxy.held),
                "share": .number(proxy.share), "utilisation": .number(proxy.utilisation),
                "peak_utilisation": .number(proxy.peakUtilisation),
                "target_utilisation": .number(model.targetUtilisation), "full_at_peak": .boolean(proxy.isBottleneck),
            ]
        }
        let flows = zip(network.flows, plan.shares).map { flow, shares -> JSONValue in
            let held = zip(flow.path, shares).map { proxy, share -> JSONValue in
                ["proxy": .string(network.proxies[proxy].name), "share": .number(share)]
            }
            return ["name": .string(flow.name), "rate": .number(flow.rate), "held": .array(held)]
        }
        return [
            "file": .string(file), "offered": .number(plan.offered), "throughput": .number(plan.throughput),
            "factor": .number(plan.factor), "load_max": .number(plan.loadMax),
            "feasible": .boolean(plan.isFeasible), "proxies": .array(proxies), "flows": .array(flows),
        ]
    }
}
