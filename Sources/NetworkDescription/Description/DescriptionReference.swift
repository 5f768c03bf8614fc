/// The tables of docs/simulator.md, from the fields that the reader knows.
package enum DescriptionReference {
    package static var markdown: String {
        typealias Known = DescriptionFields
        var text = section(
            "proxies", "A list. Each has a `name` of its own.", rows(Known.proxies))
        text += section(
            "flows",
            "A list. Each has a `path`, the names of the proxies that its calls cross in order, and may have "
                + "a `name`.",
            rows([Known.rate]))
        text += section(
            "links",
            "A list. Each has `between`, the names of two proxies. `default_link` has the same keys and is for "
                + "all other links.", rows(Known.links))
        text += section(
            "events",
            "A list. Each has `at_seconds` and exactly one of `load`, `quota`, `down` and `up`; the last two take the name "
                + "of a proxy: it dies, or starts again and remembers nothing. With `announced: false` a proxy does not "
                + "notice that its quota has changed.",
            rows([Known.time, Known.load, Known.quota]))
        text += section(
            "random", "Instead of `proxies` and `flows`: a network drawn at random.",
            rows(Known.random) + Known.randomRanges.map { row($0, takes: "two numbers: `[least, greatest]`") }
                + [row(Known.target, takes: Known.target.expectation)])
        return text
    }

    private static func section(_ name: String, _ about: String, _ rows: [String]) -> String {
        "### `\(name)`\n\n\(about)\n\n| key | takes | without it | meaning |\n|---|---|---|---|\n"
            + rows.map { $0 + "\n" }.joined() + "\n"
    }

    private static func rows(_ fields: [NumberField]) -> [String] { fields.map { row($0, takes: $0.expectation) } }

    private static func row(_ field: NumberField, takes: String) -> String {
        "| `\(field.name)` | \(takes) | \(field.standard.map(shortText) ?? field.absence) | \(field.meaning) |"
    }
}
