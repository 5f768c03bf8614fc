/// `ctl state` for a terminal: a page, or with `--watch` a line a second.
extension ControlReport {
    static func state(_ result: JSONValue) -> String {
        let node = result["node"]
        var text = "\(plain(result["policy"])): \(plain(result["explanation"]))\n"
        if result["sharing"]?.booleanValue == true {
            let target = percent(result["target_utilisation"])
            text += table([
                (
                    "processors",
                    "\(decimal(node?["processors"], 2)), \(percent(node?["utilisation"])) of them used, target \(target)"
                ),
                ("capacity", "\(decimal(node?["capacity"], 2)) of them may be filled"),
                ("a request costs", costs(node)),
                ("requests", requests(node)),
                ("refused", "\(percent(node?["refused"])) of new calls from outside"),
            ])
            text += nextHops(result["next_hops"]?.arrayValue ?? [])
            text += upstreams(result["upstreams"]?.arrayValue ?? [])
            text += workers(result["workers"]?.arrayValue ?? [])
        }
        let counters = result["counters"]?.objectValue ?? []
        if !counters.isEmpty { text += "counters\n" + table(counters.map { ($0.key, plain($0.value)) }) }
        return text
    }

    private static func costs(_ node: JSONValue?) -> String {
        guard let stateless = node?["stateless_cost_seconds"]?.doubleValue, stateless > 0 else {
            return "not known yet"
        }
        return "\(microseconds(node?["stateless_cost_seconds"])) without state, "
            + "\(microseconds(node?["state_cost_seconds"])) more with it "
            + "(a processor can do \(rate(node?["t_sl_per_second"]))/s or \(rate(node?["t_sf_per_second"]))/s)"
    }

    private static func requests(_ node: JSONValue?) -> String {
        "\(rate(node?["requests_per_second"]))/s, \(rate(node?["held_per_second"]))/s held here of "
            + "\(rate(node?["holdable_per_second"]))/s possible; \(rate(node?["must_hold_per_second"]))/s nobody else can hold"
    }

    private static func nextHops(_ hops: [JSONValue]) -> String {
        guard !hops.isEmpty else { return "next hops\n  none has said anything yet, so nothing is left to them\n" }
        return "next hops\n"
            + columns(
                ["address", "κ", "kept/s", "left there/s", "others/s", "takes/s", "said ago", "price"],
                hops.map { hop in
                    [
                        plain(hop["address"]), decimal(hop["keep"], 2), rate(hop["kept_per_second"]),
                        rate(hop["delegated_per_second"]), rate(hop["others_per_second"]),
                        rate(hop["allowance_per_second"]), decimal(hop["allowance_age_seconds"], 1) + " s",
                        price(hop["price_seconds"]),
                    ]
                })
    }

    private static func upstreams(_ upstreams: [JSONValue]) -> String {
        guard !upstreams.isEmpty else { return "" }
        return "upstream\n"
            + columns(
                ["address", "sends open/s", "holds itself/s", "may send open/s", "since", "price"],
                upstreams.map { upstream in
                    [
                        plain(upstream["address"]), rate(upstream["open_per_second"]),
                        rate(upstream["held_per_second"]), rate(upstream["grant_per_second"]),
                        decimal(upstream["grant_age_seconds"], 1) + " s", price(upstream["price_seconds"]),
                    ]
                })
    }

    /// One worker is the node.
    private static func workers(_ workers: [JSONValue]) -> String {
        guard workers.count > 1 else { return "" }
        return "workers\n"
            + columns(
                ["worker", "processors", "used", "requests/s", "held/s", "possible/s", "state"],
                workers.enumerated().map { index, worker in
                    [
                        String(index), decimal(worker["processors"], 2), percent(worker["utilisation"]),
                        rate(worker["requests_per_second"]), rate(worker["held_per_second"]),
                        rate(worker["holdable_per_second"]), plain(worker["reason"]),
                    ]
                })
    }

    // MARK: Watching

    /// What stands above the lines of `stateLine`.
    public static let stateLineHeading =
        "UTC       requests/s    held/s  share  possible/s  used  refused  next hops: κ and what is left there\n"

    /// One moment on one line.
    public static func stateLine(_ result: JSONValue) -> String {
        let node = result["node"]
        let requests = node?["requests_per_second"]?.doubleValue ?? 0
        let held = node?["held_per_second"]?.doubleValue ?? 0
        let share = requests > 0 ? JSONValue.number(held / requests) : nil
        let hops = (result["next_hops"]?.arrayValue ?? []).map {
            "\(plain($0["address"])) \(decimal($0["keep"], 2)) \(rate($0["delegated_per_second"]))/s"
        }
        let fields = [
            (timeOfDay(result["time"]?.doubleValue ?? 0), 8), (rate(node?["requests_per_second"]), 12),
            (rate(node?["held_per_second"]), 10), (percent(share), 7), (rate(node?["holdable_per_second"]), 12),
            (percent(node?["utilisation"]), 6), (percent(node?["refused"]), 9),
        ]
        return fields.map { padded($0, toWidth: $1) }.joined() + "  " + hops.joined(separator: ", ") + "\n"
    }

    private static func timeOfDay(_ seconds: Double) -> String {
        let seconds = Int(min(max(seconds, 0), 1e12)) % 86_400
        return [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
            .joined(separator: ":")
    }

    // MARK: Numbers

    /// A row of headings and rows of values, the first column to the left and the others to the right.
    private static func columns(_ heading: [String], _ rows: [[String]]) -> String {
        let all = [heading] + rows
        let widths = heading.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let first = row[0] + String(repeating: " ", count: widths[0] - row[0].count)
            return "  " + first
                + zip(row, widths).dropFirst().map { padded($0, toWidth: $1 + 2) }.joined() + "\n"
        }.joined()
    }

    private static func padded(_ text: String, toWidth width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// Whole requests a second, or one decimal of few.
    private static func rate(_ value: JSONValue?) -> String {
        guard let rate = value?.doubleValue else { return value?.stringValue ?? "-" }
        return decimal(value, rate < 10 && rate > 0 ? 1 : 0)
    }

    private static func percent(_ value: JSONValue?) -> String {
        guard let fraction = value?.doubleValue else { return "-" }
        return decimal(.number(fraction * 100), 0) + " %"
    }

    private static func microseconds(_ value: JSONValue?) -> String {
        guard let seconds = value?.doubleValue else { return "-" }
        return decimal(.number(seconds * 1e6), 1) + " µs"
    }

    /// Policies without prices say 0.
    private static func price(_ value: JSONValue?) -> String {
        value?.doubleValue == 0 ? "-" : microseconds(value)
    }

    private static func decimal(_ value: JSONValue?, _ places: Int) -> String {
        guard let number = value?.doubleValue, abs(number) < 1e15 else { return "-" }
        let factor = [1, 10, 100][places]
        let scaled = Int((number * Double(factor)).rounded())
        guard places > 0 else { return String(scaled) }
        let fraction = String(scaled.magnitude % UInt(factor))
        let zeros = String(repeating: "0", count: places - fraction.count)
        return "\(scaled < 0 ? "-" : "")\(scaled.magnitude / UInt(factor)).\(zeros)\(fraction)"
    }
}
