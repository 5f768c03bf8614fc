internal import ProxyCore
internal import StatePolicy

extension StateStatus {
    /// Neighbours that the metrics page shows, those with most traffic first, so that a scrape stays small.
    static let neighboursShownMax = 64

    private struct Gauge<Row> {
        let family: MetricFamily
        let value: (Row) -> Double?

        init(_ name: String, label: String, _ help: String, _ value: @escaping (Row) -> Double?) {
            family = MetricFamily("servartuka_state_\(name)", kind: .gauge, labels: [label], help: help)
            self.value = value
        }
    }

    private static var workerGauges: [Gauge<StateReport.Worker>] {
        func gauge(_ name: String, _ help: String, _ value: @escaping (StateReport.Worker) -> Double?)
            -> Gauge<StateReport.Worker>
        { Gauge(name, label: "worker", help, value) }
        return [
            gauge("processors", "Processors that the worker may use.") { $0.processors },
            gauge("capacity_processors", "Processors that the policy lets the worker fill.") { $0.estimate.capacity },
            gauge("utilisation_ratio", "Used part of the worker's processors.") { $0.estimate.utilisation },
            gauge("requests_per_second", "Requests a second, smoothed.") { $0.estimate.arrivals },
            gauge("held_per_second", "Requests a second whose state is held here.") { $0.estimate.held },
            gauge("holdable_per_second", "Requests a second whose state could be held here.") { $0.estimate.holdable },
            gauge("must_hold_per_second", "Requests a second whose state nobody else can hold.") {
                $0.estimate.mustHold
            },
            gauge("stateless_cost_seconds", "CPU time of a request forwarded without state.") {
                $0.estimate.statelessCost
            },
            gauge("state_cost_seconds", "CPU time that holding a request's state takes more.") {
                $0.estimate.stateCost
            },
            gauge("refused_ratio", "Part of the new calls from outside that is refused.") { $0.refuse },
        ]
    }

    private static var nextHopGauges: [Gauge<StateReport.NextHop>] {
        func gauge(_ name: String, _ help: String, _ value: @escaping (StateReport.NextHop) -> Double?)
            -> Gauge<StateReport.NextHop>
        { Gauge("next_hop_\(name)", label: "neighbour", help, value) }
        return [
            gauge("keep_ratio", "Part of the open requests to a next hop whose state is held here.") {
                $0.keepFraction
            },
            gauge("allowance_per_second", "Requests a second that a next hop takes with their state.") { $0.allowance },
            gauge("allowance_age_seconds", "Time since a next hop last said so.") { $0.allowanceAge },
            gauge("price_seconds", "CPU time that one more request meets there, by the policy `balanced`.") {
                $0.price
            },
            gauge("kept_per_second", "Open requests a second to a next hop held here.") { $0.keptPerSecond },
            gauge("delegated_per_second", "Requests a second whose state is left to a next hop.") {
                $0.delegatedPerSecond
            },
        ]
    }

    private static var upstreamGauges: [Gauge<StateReport.Upstream>] {
        func gauge(_ name: String, _ help: String, _ value: @escaping (StateReport.Upstream) -> Double?)
            -> Gauge<StateReport.Upstream>
        { Gauge("upstream_\(name)", label: "neighbour", help, value) }
        return [
            gauge("grant_per_second", "Requests a second that an upstream neighbour may send open.") { $0.grant },
            gauge("price_seconds", "CPU time that one more request of it meets, by the policy `balanced`.") {
                $0.price
            },
            gauge("open_per_second", "Requests a second that it sends open.") { $0.openPerSecond },
            gauge("held_per_second", "Requests a second whose state it holds.") { $0.heldPerSecond },
        ]
    }

    private static let info = MetricFamily(
        "servartuka_state_policy_info", kind: .gauge, labels: ["policy", "reason"],
        help: "Always 1; the labels tell the policy and what moves it now.")
    private static let quota = MetricFamily(
        "servartuka_state_quota_processors", kind: .gauge, help: "Processors that the proxy may use: its CPU quota.")

    func add(to page: inout MetricsPage) {
        page.add(
            Self.info,
            [MetricSample(labels: [report.policy, isSharing ? report.reason.rawValue : "fixed"], .integer(1))])
        guard isSharing else { return }
        page.add(Self.quota, [MetricSample(.number(report.processors))])
        add(Self.workerGauges, report.workers.enumerated().map { (String($0), $1) }, to: &page)
        let nextHops = report.nextHops.sorted { Self.traffic($0) > Self.traffic($1) }.prefix(Self.neighboursShownMax)
        add(Self.nextHopGauges, nextHops.map { ("\($0.address)", $0) }, to: &page)
        let upstreams = report.upstreams.sorted { Self.traffic($0) > Self.traffic($1) }.prefix(Self.neighboursShownMax)
        add(Self.upstreamGauges, upstreams.map { ("\($0.address)", $0) }, to: &page)
    }

    private func add<Row>(_ gauges: [Gauge<Row>], _ rows: [(String, Row)], to page: inout MetricsPage) {
        for gauge in gauges {
            let samples = rows.compactMap { label, row in
                gauge.value(row).map { MetricSample(labels: [label], .number($0)) }
            }
            page.add(gauge.family, samples)
        }
    }

    private static func traffic(_ hop: StateReport.NextHop) -> Double {
        hop.keptPerSecond + hop.delegatedPerSecond + hop.othersPerSecond
    }

    private static func traffic(_ upstream: StateReport.Upstream) -> Double {
        upstream.openPerSecond + upstream.heldPerSecond
    }
}
