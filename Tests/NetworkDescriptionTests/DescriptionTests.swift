import NetworkDescription
import NetworkSimulator
import Server
import Testing

private typealias Network = NetworkSimulator.Network

@Suite("Descriptions of networks")
struct DescriptionTests {
    @Test("everything a description can say reaches the network")
    func whole() throws {
        let yaml = """
            proxies:
              - {name: a, stateless_microseconds: 30, state_microseconds: 25.5}
              - {name: b, stateless_microseconds: 40, state_microseconds: 20, processors: 2, target_utilisation: 0.8}
            flows:
              - {name: calls, path: [a, b], rate: 1000}
              - {path: [b], rate: 5}
            default_link: {delay_milliseconds: 3}
            links:
              - {between: [a, b], delay_milliseconds: 20, loss_percent: 1}
            events:
              - {at_seconds: 10, load: 1.5}
              - {at_seconds: 20, load: 0, flow: calls}
              - {at_seconds: 30, down: b}
              - {at_seconds: 40, up: b}
              - {at_seconds: 50, quota: 0.5, proxy: a, announced: false}
            """
        let network = try NetworkDescription.load(yaml: yaml, file: "n.yaml").network
        #expect(
            network
                == Network(
                    proxies: [
                        ProxyModel(name: "a", statelessCostSeconds: 30 / 1e6, stateCostSeconds: 25.5 / 1e6),
                        ProxyModel(
                            name: "b", statelessCostSeconds: 40 / 1e6, stateCostSeconds: 20 / 1e6, processors: 2,
                            targetUtilisation: 0.8),
                    ],
                    flows: [
                        .init(name: "calls", path: [0, 1], rate: 1_000), .init(name: "flow 2", path: [1], rate: 5),
                    ],
                    links: [.init(from: 0, to: 1, model: LinkModel(delaySeconds: 0.02, loss: 0.01))],
                    defaultLink: LinkModel(delaySeconds: 0.003, loss: 0),
                    events: [
                        .init(timeSeconds: 10, change: .load(flow: nil, factor: 1.5)),
                        .init(timeSeconds: 20, change: .load(flow: 0, factor: 0)),
                        .init(timeSeconds: 30, change: .down(proxy: 1)),
                        .init(timeSeconds: 40, change: .up(proxy: 1)),
                        .init(timeSeconds: 50, change: .quota(proxy: 0, factor: 0.5, announced: false)),
                    ]))
    }

    @Test("a network drawn at random is the same for the same seed, and its proxies have names")
    func random() throws {
        func network(seed: Int) throws -> NetworkSimulator.Network {
            let yaml = """
                random: {seed: \(seed), proxies: 20, flows: 50, layers: 4, rate: 900, processors: [2, 2]}
                events: [{at_seconds: 5, down: p20}, {at_seconds: 6, load: 2, flow: f50}]
                """
            return try NetworkDescription.load(yaml: yaml, file: "n.yaml").network
        }
        let first = try network(seed: 1)
        #expect(try network(seed: 1) == first)
        #expect(try network(seed: 2) != first)
        #expect(first.proxies.count == 20 && first.flows.count == 50)
        #expect(first.proxies.allSatisfy { $0.processors == 2 })
        #expect(abs(first.flows.reduce(0) { $0 + $1.rate } - 900) < 1e-6)
        #expect(first.events[0].change == .down(proxy: 19))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let yaml: String
        let expected: [String]
        var testDescription: String { yaml }

        init(_ yaml: String, _ expected: String...) {
            self.yaml = yaml
            self.expected = expected
        }
    }

    static let proxies = "proxies: [{name: a, stateless_microseconds: 1, state_microseconds: 1}]\n"
    static let base = proxies + "flows: [{name: f, path: [a], rate: 1}]\n"

    static let wholes = [
        Case("", #"n.yaml: is empty; expected "proxies:" and "flows:", or "random:""#),
        Case(
            "[1]",
            "n.yaml:1:1: expected the keys proxies, flows, links, default_link, events, random, got a list"),
        Case(proxies, #"n.yaml:1:1: flows: is missing; expected a list, or "random:" instead"#),
        Case(base + "link: []", #"n.yaml:3:1: link: unknown key, did you mean "links"?"#),
        Case(base + "flows: []", "n.yaml:3:1: flows: written twice in the same map, first on line 2"),
        Case(
            base + "random: {proxies: 1, flows: 1, layers: 1}",
            #"n.yaml:1:10: proxies: cannot stand beside "random:", which makes proxies and flows"#,
            #"n.yaml:2:8: flows: cannot stand beside "random:", which makes proxies and flows"#),
        Case("a: [", "n.yaml:2:1: is not YAML here: did not find expected node content"),
    ]

    static let entries = [
        Case(
            "proxies: [{name: a, stateless_microseconds: 0, state_microseconds: x}]\nflows: []",
            #"n.yaml:1:45: proxies[0].stateless_microseconds: expected a number from 0.001 to 1000000000, got "0""#,
            #"n.yaml:1:68: proxies[0].state_microseconds: expected a number from 0.001 to 1000000000, got "x""#),
        Case(
            "proxies: [{name: a, stateless_microseconds: 1}]\nflows: []",
            "n.yaml:1:11: proxies[0].state_microseconds: is missing; expected a number from 0.001 to 1000000000"),
        Case(
            proxies + "flows: [{path: [a, c], rate: 1}]",
            #"n.yaml:2:20: flows[0].path[1]: there is no proxy "c", did you mean "a"?"#),
        Case(
            proxies + "flows: [{path: [a, a], rate: 1}]",
            #"n.yaml:2:20: flows[0].path[1]: crosses "a" a second time"#),
        Case(
            proxies + "flows: [{path: [], rate: 1}]",
            "n.yaml:2:16: flows[0].path: expected a list of proxies' names, got a list"),
        Case(
            proxies + "flows: [{path: [a], rate: nan}]",
            #"n.yaml:2:27: flows[0].rate: expected a number from 0 to 1000000000, got "nan""#),
        Case(
            base + "links: [{between: [a, a]}]",
            "n.yaml:3:19: links[0].between: expected two different proxies"),
        Case(
            base + "events: [{at_seconds: 1, down: a, up: a}]",
            "n.yaml:3:10: events[0]: expected exactly one of load, down, up, quota"),
        Case(
            base + "events: [{at_seconds: 1, down: a, flow: f}]",
            #"n.yaml:3:41: events[0].flow: has no meaning beside "down""#),
        Case(
            base + "events: [{at_seconds: 1, load: 1, flow: g}]",
            #"n.yaml:3:41: events[0].flow: there is no flow "g", did you mean "f"?"#),
        Case(
            base + "events: [{at_seconds: 1, quota: 1}]",
            "n.yaml:3:10: events[0].proxy: is missing; expected the name of a proxy"),
        Case(
            base + "events: [{at_seconds: 1, quota: 1, proxy: a, announced: 2}]",
            #"n.yaml:3:57: events[0].announced: expected true or false, got "2""#),
        Case(
            "random: {proxies: 2, flows: 1, layers: 3}",
            "n.yaml:1:19: random.proxies: expected at least one for each layer"),
        Case(
            "random: {proxies: 2.5, flows: 1}",
            #"n.yaml:1:19: random.proxies: expected a whole number from 1 to 100000, got "2.5""#),
        Case(
            "random: {proxies: 9, flows: 1, processors: [2, 1]}",
            "n.yaml:1:44: random.processors: expected the least first"),
    ]

    @Test("errors tell file, line, column, key and what to write", arguments: wholes + entries)
    func errors(_ wrong: Case) {
        do {
            _ = try NetworkDescription.load(yaml: wrong.yaml, file: "n.yaml")
            Issue.record("it was accepted")
        } catch {
            let lines = error.diagnostics.map(\.description)
            for expected in wrong.expected { #expect(lines.contains(expected), "\(lines)") }
        }
    }

    @Test("a file that is not there is an error with its name")
    func missing() {
        #expect(throws: ConfigurationFailure.self) { try NetworkDescription.load(path: "/nonexistent/n.yaml") }
    }
}
