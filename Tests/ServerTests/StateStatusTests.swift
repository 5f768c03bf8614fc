import ProxyCore
import Reactor
import Server
import StatePolicy
import Synchronization
import Testing

/// What operators see of state distribution, from given figures.
@Suite("State of the node") struct StateStatusTests {
    private func report() throws -> StateReport {
        var report = StateReport()
        report.policy = "servartuka"
        report.processors = 0.3
        report.reason = .delegating
        report.explanation = "There is no room for all (88 % of its processors are busy)."
        report.estimate.statelessCost = 45.25e-6
        report.estimate.stateCost = 21.5e-6
        report.estimate.capacity = 0.27
        report.estimate.utilisation = 0.881
        report.estimate.arrivals = 4_100
        report.estimate.held = 2_050
        report.estimate.holdable = 2_300
        report.estimate.mustHold = 12.5
        report.workers = [StateReport.Worker(), StateReport.Worker()]
        report.workers[0].estimate = report.estimate
        var hop = StateReport.NextHop()
        hop.address = try #require(SocketAddress("192.0.2.10:5060"))
        hop.keepFraction = 0.5
        hop.allowance = 3_000
        hop.allowanceAge = 0.12
        hop.keptPerSecond = 2_025
        hop.delegatedPerSecond = 2_025
        report.nextHops = [hop]
        hop.address = try #require(SocketAddress("[2001:db8::10]:5060"))
        hop.allowance = .infinity
        report.nextHops.append(hop)
        var upstream = StateReport.Upstream()
        upstream.address = try #require(SocketAddress("192.0.2.7:5062"))
        upstream.grant = .infinity
        upstream.grantAge = 12
        upstream.openPerSecond = 4_000
        upstream.heldPerSecond = 7.25
        report.upstreams = [upstream]
        return report
    }

    private func status() throws -> StateStatus {
        StateStatus(report: try report(), counters: [.init(name: "state_signals_ignored", value: 3)])
    }

    @Test("the answer of ctl state holds all figures in base units, and reads back")
    func json() throws {
        let json = try JSONValue.parse(status().json(time: 1_700_000_000.25).text)
        #expect(json["time"]?.doubleValue == 1_700_000_000.25)
        #expect(json["policy"] == "servartuka" && json["reason"] == "delegating" && json["sharing"] == true)
        #expect(json["node"]?["stateless_cost_seconds"]?.doubleValue == 45.25e-6)
        #expect(json["node"]?["utilisation"]?.doubleValue == 0.881)
        #expect(json["node"]?["t_sf_per_second"]?.doubleValue.map { Int($0) } == Int(1 / 66.75e-6))
        let hops = try #require(json["next_hops"]?.arrayValue)
        #expect(hops.map { $0["address"]?.stringValue } == ["192.0.2.10:5060", "[2001:db8::10]:5060"])
        #expect(hops[0]["allowance_per_second"]?.doubleValue == 3_000)
        #expect(hops[1]["allowance_per_second"] == "any")
        #expect(json["upstreams"]?.arrayValue?.first?["grant_per_second"] == "any")
        #expect(json["workers"]?.arrayValue?.count == 2)
        #expect(json["counters"]?["state_signals_ignored"] == 3)
    }

    @Test("figures that are not known or no numbers are null, not nonsense")
    func unknown() throws {
        var report = StateReport()
        report.estimate.utilisation = .nan
        report.upstreams = [StateReport.Upstream()]
        let json = try JSONValue.parse(StateStatus(report: report).json(time: 0).text)
        #expect(json["node"]?["utilisation"] == .null)
        #expect(json["node"]?["t_sl_per_second"] == .null)
        #expect(json["upstreams"]?.arrayValue?.first?["grant_per_second"] == .null)
        let text = ControlReport.text(of: json, for: .state)
        #expect(text.contains("not known yet") && !text.contains("nan"))
    }

    @Test("the page for people")
    func page() throws {
        let text = ControlReport.text(of: try status().json(time: 0), for: .state)
        #expect(
            text == """
                servartuka: There is no room for all (88 % of its processors are busy).
                  processors       0.30, 88 % of them used, target 90 %
                  capacity         0.27 of them may be filled
                  a request costs  45.3 µs without state, 21.5 µs more with it (a processor can do 22099/s or 14981/s)
                  requests         4100/s, 2050/s held here of 2300/s possible; 13/s nobody else can hold
                  refused          0 % of new calls from outside
                next hops
                  address                 κ  kept/s  left there/s  others/s  takes/s  said ago  price
                  192.0.2.10:5060      0.50    2025          2025         0     3000     0.1 s      -
                  [2001:db8::10]:5060  0.50    2025          2025         0      any     0.1 s      -
                upstream
                  address         sends open/s  holds itself/s  may send open/s   since  price
                  192.0.2.7:5062          4000             7.3              any  12.0 s      -
                workers
                  worker  processors  used  requests/s  held/s  possible/s     state
                  0             0.00  88 %        4100    2050        2300  starting
                  1             0.00   0 %           0       0           0  starting
                counters
                  state_signals_ignored  3

                """)
    }

    @Test("a line a second, in the columns of its heading")
    func line() throws {
        let line = ControlReport.stateLine(try status().json(time: 1_700_000_001.5))
        #expect(
            line == "22:13:21        4100      2050   50 %        2300  88 %      0 %  "
                + "192.0.2.10:5060 0.50 2025/s, [2001:db8::10]:5060 0.50 2025/s\n")
        let heading = ControlReport.stateLineHeading
        for name in ["requests/s", "held/s", "share", "possible/s", "used", "refused"] {
            let end = try #require(heading.firstRange(of: name)?.upperBound)
            // Right-aligned: the value ends where its heading does.
            let index = line.index(line.startIndex, offsetBy: heading.distance(from: heading.startIndex, to: end))
            #expect(line[index] == " " && line[line.index(before: index)] != " ", "\(name)")
        }
    }

    @Test("with nobody to share with, the reason is the policy or the missing peers")
    func alone() {
        for (policy, words) in [
            ("stateful", "hold the state of every request"), ("stateless", "hold no state but what scripts demand"),
            ("servartuka", "No peer is trusted"), ("balanced", "No peer is trusted"),
        ] {
            var report = StateReport()
            report.policy = policy
            let status = StateStatus(report: report, isSharing: false)
            #expect(status.explanation.contains(words))
            let text = ControlReport.text(of: status.json(time: 0), for: .state)
            #expect(text == "\(policy): \(status.explanation)\n")
        }
    }

    @Test("the metrics page has the figures by worker and neighbour, a bounded number of them")
    func metrics() throws {
        let folder = try TemporaryFolder()
        let runtime = MemoryRuntime()
        let supervisor = Supervisor(
            loaded: LoadedConfiguration(configuration: Configuration()), runtime: runtime, log: try .toFile(in: folder),
            source: { .success(LoadedConfiguration(configuration: Configuration())) })
        #expect(!supervisor.metricsText().contains("servartuka_state_"))
        let failure = supervisor.answer(ControlRequest(.state)).outcome
        #expect(failure == .failure(message: "the workers have not started yet", details: []))

        var status = try status()
        for number in 0..<100 {
            var hop = StateReport.NextHop()
            hop.address = SocketAddress(ipv4: 0xC633_6400 + UInt32(number), port: 5_060)
            hop.delegatedPerSecond = Double(number)
            status.report.nextHops.append(hop)
        }
        runtime.state.withLock { $0.stateStatus = status }
        let families = try StrictMetricsParser.parse(supervisor.metricsText())
        let info = try #require(families["servartuka_state_policy_info"]?.samples.first)
        #expect(info.labels == ["policy": "servartuka", "reason": "delegating"])
        #expect(families["servartuka_state_quota_processors"]?.samples.map(\.value) == [0.3])
        #expect(families["servartuka_state_requests_per_second"]?.samples.map(\.value) == [4_100, 0])
        let keep = try #require(families["servartuka_state_next_hop_keep_ratio"]?.samples)
        #expect(keep.count == 64 && keep[0].labels == ["neighbour": "192.0.2.10:5060"])
        #expect(families["servartuka_state_upstream_grant_per_second"]?.samples.map(\.value) == [.infinity])
        guard case .success(let answer) = supervisor.answer(ControlRequest(.state)).outcome else {
            Issue.record("no answer")
            return
        }
        #expect(answer["next_hops"]?.arrayValue?.count == 102)
    }
}
