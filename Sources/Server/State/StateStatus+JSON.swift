internal import ProxyCore
internal import StatePolicy

extension StateStatus {
    /// The answer to `ctl state`: rates a second, costs and prices in CPU seconds, fractions of 1. An allowance without limit
    /// is "any".
    ///
    /// - Parameter time: seconds since 1970.
    public func json(time: Double) -> JSONValue {
        var node = Self.fields(report.estimate, processors: report.processors, refuse: report.refuse)
        node.append((key: "exits_per_second", value: Self.rounded(report.exitsPerSecond)))
        return .object([
            (key: "time", value: Self.rounded(time)),
            (key: "policy", value: .string(report.policy)),
            (key: "sharing", value: .boolean(isSharing)),
            (key: "reason", value: .string(report.reason.rawValue)),
            (key: "explanation", value: .string(explanation)),
            (key: "target_utilisation", value: .number(targetUtilisation)),
            (key: "node", value: .object(node)),
            (key: "next_hops", value: .array(report.nextHops.map(Self.nextHop))),
            (key: "upstreams", value: .array(report.upstreams.map(Self.upstream))),
            (key: "workers", value: .array(report.workers.map(Self.worker))),
            (
                key: "counters",
                value: .object(counters.map { (key: $0.name, value: .integer(Int(clamping: $0.value))) })
            ),
        ])
    }

    private static func fields(
        _ estimate: NodeEstimate, processors: Double, refuse: Double
    ) -> [(key: String, value: JSONValue)] {
        let (stateless, state) = (estimate.statelessCost, estimate.stateCost)
        return [
            (key: "processors", value: rounded(processors)),
            (key: "capacity", value: rounded(estimate.capacity)),
            (key: "utilisation", value: rounded(estimate.utilisation)),
            (key: "requests_per_second", value: rounded(estimate.arrivals)),
            (key: "held_per_second", value: rounded(estimate.held)),
            (key: "holdable_per_second", value: rounded(estimate.holdable)),
            (key: "must_hold_per_second", value: rounded(estimate.mustHold)),
            (key: "refused", value: rounded(refuse)),
            (key: "stateless_cost_seconds", value: rounded(stateless)),
            (key: "state_cost_seconds", value: rounded(state)),
            (key: "t_sl_per_second", value: stateless > 0 ? rounded(1 / stateless) : .null),
            (key: "t_sf_per_second", value: stateless + state > 0 ? rounded(1 / (stateless + state)) : .null),
        ]
    }

    private static func worker(_ worker: StateReport.Worker) -> JSONValue {
        .object(
            [(key: "reason", value: .string(worker.reason.rawValue))]
                + fields(worker.estimate, processors: worker.processors, refuse: worker.refuse))
    }

    private static func nextHop(_ hop: StateReport.NextHop) -> JSONValue {
        [
            "address": .string("\(hop.address)"), "keep": rounded(hop.keepFraction),
            "allowance_per_second": limit(hop.allowance), "allowance_age_seconds": rounded(hop.allowanceAge),
            "price_seconds": rounded(hop.price), "kept_per_second": rounded(hop.keptPerSecond),
            "delegated_per_second": rounded(hop.delegatedPerSecond),
            "others_per_second": rounded(hop.othersPerSecond),
        ]
    }

    private static func upstream(_ upstream: StateReport.Upstream) -> JSONValue {
        [
            "address": .string("\(upstream.address)"),
            "grant_per_second": upstream.grant.map(limit) ?? .null,
            "grant_age_seconds": rounded(upstream.grantAge), "price_seconds": rounded(upstream.price),
            "open_per_second": rounded(upstream.openPerSecond), "held_per_second": rounded(upstream.heldPerSecond),
        ]
    }

    private static func limit(_ value: Double) -> JSONValue { value == .infinity ? "any" : rounded(value) }

    /// Nine decimals: microseconds with three more. What is no number is null.
    private static func rounded(_ value: Double) -> JSONValue {
        guard value.isFinite else { return .null }
        let scaled = (value * 1e9).rounded()
        return .number(abs(scaled) < 1e15 ? scaled / 1e9 : value)
    }
}
