/// A number in a description: its name, what it may be, and what it is when left out.
struct NumberField: Sendable {
    let name: String
    let range: ClosedRange<Double>
    /// nil: must be given.
    let standard: Double?
    let isWhole: Bool
    /// What the reference says of a field that may be left out without having one standard.
    let absence: String
    let meaning: String

    init(
        _ name: String, _ range: ClosedRange<Double>, standard: Double? = nil, isWhole: Bool = false,
        absence: String = "must be given", _ meaning: String
    ) {
        self.name = name
        self.range = range
        self.standard = standard
        self.isWhole = isWhole
        self.absence = absence
        self.meaning = meaning
    }

    var expectation: String {
        "a \(isWhole ? "whole " : "")number from \(shortText(range.lowerBound)) to \(shortText(range.upperBound))"
    }
}

/// What a description may hold. docs/simulator.md shows the same table; a test compares them.
enum DescriptionFields {
    static let stateless = NumberField(
        "stateless_microseconds", 0.001...1e9, "processor time to forward a call without state: c")
    static let state = NumberField(
        "state_microseconds", 0.001...1e9, "processor time more to hold its state: d")
    static let processors = NumberField(
        "processors", 0.001...10_000, standard: 1, "processors, or the part of one, that it may use")
    static let target = NumberField(
        "target_utilisation", 0.01...1, standard: 0.9, "the part of them that it fills: ρ")
    static let proxies = [stateless, state, processors, target]

    static let rate = NumberField("rate", 0...1e9, "calls a second")

    static let delay = NumberField("delay_milliseconds", 0...60_000, standard: 5, "one way")
    static let loss = NumberField(
        "loss_percent", 0...100, standard: 0, "messages lost; calls are sent again and survive it, feedback is not")
    static let links = [delay, loss]

    static let time = NumberField("at_seconds", 0...1e6, "when, from the beginning of the run")
    static let load = NumberField(
        "load", 0...1_000, absence: "",
        "from now on all flows, or the one that `flow` names, come at their rate times this")
    static let quota = NumberField(
        "quota", 0.001...1_000, absence: "",
        "from now on the proxy that `proxy` names has its processors times this")

    static let seed = NumberField(
        "seed", 0...1e15, standard: 1, isWhole: true, "the same seed makes the same network")
    static let proxyCount = NumberField("proxies", 1...100_000, isWhole: true, "how many: p1, p2 …")
    static let flowCount = NumberField("flows", 0...1_000_000, isWhole: true, "how many: f1, f2 …")
    static let layers = NumberField(
        "layers", 1...64, standard: 3, isWhole: true, "calls cross one proxy of each in turn")
    static let totalRate = NumberField(
        "rate", 0...1e12, standard: 100_000, "calls a second of all flows together")
    static let earlyExits = NumberField(
        "early_exits_percent", 0...100, standard: 20, "flows that end before the last layer")
    static let random = [seed, proxyCount, flowCount, layers, totalRate, earlyExits]
    /// Drawn between two numbers, written as a list of both.
    static let randomRanges = [
        NumberField("stateless_microseconds", 0.001...1e9, absence: "20, 40", "c is drawn between them"),
        NumberField("state_microseconds", 0.001...1e9, absence: "10, 60", "d is drawn between them"),
        NumberField("processors", 0.001...10_000, absence: "1, 4", "drawn between them"),
    ]

    static let sections = ["proxies", "flows", "links", "default_link", "events", "random"]
}

/// Without ".0" and without what arithmetic adds behind the ninth digit.
func shortText(_ value: Double) -> String {
    guard abs(value) <= 1e15 else { return "\(value)" }
    if value == value.rounded() { return String(Int(value)) }
    let rounded = (value * 1e9).rounded() / 1e9
    return "\(rounded == 0 ? value : rounded)"
}
