/// Reads Prometheus text, exposition format 0.0.4, and accepts nothing that a strict reader would not.
struct StrictMetricsParser {
    struct Problem: Error, Equatable {
        let line: Int
        let what: String
    }

    struct Family: Equatable {
        var help: String?
        var type: String?
        /// Sample name, labels and value, as they came.
        var samples: [(name: String, labels: [String: String], value: Double)] = []

        static func == (a: Family, b: Family) -> Bool { a.help == b.help && a.type == b.type }
    }

    private(set) var families: [String: Family] = [:]
    private var closed: Set<String> = []
    private var current: String?
    private var seen: Set<String> = []
    private var line = 0

    static func parse(_ text: String) throws -> [String: Family] {
        var parser = StrictMetricsParser()
        guard text.isEmpty || text.hasSuffix("\n") else { throw Problem(line: 0, what: "no line feed at the end") }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            parser.line += 1
            try parser.read(String(line))
        }
        try parser.checkHistograms()
        for (name, family) in parser.families {
            guard family.help != nil, family.type != nil else {
                throw Problem(line: 0, what: "\(name) lacks HELP or TYPE")
            }
            if family.type == "counter", !name.hasSuffix("_total") {
                throw Problem(line: 0, what: "\(name) lacks _total")
            }
        }
        return parser.families
    }

    private func fail(_ what: String) -> Problem { Problem(line: line, what: what) }

    private mutating func read(_ text: String) throws {
        if text.isEmpty { throw fail("empty line") }
        if text.hasPrefix("#") { return try readComment(text) }
        try readSample(text)
    }

    private mutating func readComment(_ text: String) throws {
        let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "#", parts[1] == "HELP" || parts[1] == "TYPE" else { throw fail("comment") }
        let name = parts[2]
        guard name.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) != nil else { throw fail("bad name \(name)") }
        try enter(name)
        var family = families[name] ?? Family()
        guard family.samples.isEmpty else { throw fail("\(parts[1]) after samples") }
        if parts[1] == "HELP" {
            guard family.help == nil else { throw fail("second HELP of \(name)") }
            family.help = try unescape(parts[3], quote: false)
        } else {
            guard family.type == nil else { throw fail("second TYPE of \(name)") }
            guard ["counter", "gauge", "histogram"].contains(parts[3]) else { throw fail("type \(parts[3])") }
            family.type = parts[3]
        }
        families[name] = family
    }

    /// A family's lines stand together.
    private mutating func enter(_ name: String) throws {
        if current == name { return }
        if let current { closed.insert(current) }
        guard !closed.contains(name) else { throw fail("\(name) comes back") }
        current = name
    }

    private mutating func readSample(_ text: String) throws {
        guard let match = text.prefixMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) else { throw fail("no name") }
        let name = String(match.output)
        var rest = text[match.range.upperBound...]
        var labels: [String: String] = [:]
        if rest.hasPrefix("{") { labels = try readLabels(&rest) }
        guard rest.hasPrefix(" ") else { throw fail("expected a blank before the value") }
        let value = try number(String(rest.dropFirst()))
        guard let current, let type = families[current]?.type else { throw fail("sample without TYPE") }
        let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard suffixes.contains(where: { current + $0 == name }) else { throw fail("\(name) inside \(current)") }
        guard seen.insert("\(name) \(labels.sorted { $0.key < $1.key })").inserted else {
            throw fail("repeated sample")
        }
        if type == "counter", !(value >= 0) { throw fail("negative counter") }
        families[current]?.samples.append((name, labels, value))
    }

    private func readLabels(_ rest: inout Substring) throws -> [String: String] {
        var labels: [String: String] = [:]
        rest = rest.dropFirst()
        while true {
            guard let match = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\n"])*)"/) else {
                throw fail("bad label at \(rest)")
            }
            let name = String(match.output.1)
            guard labels[name] == nil, !name.hasPrefix("__") else { throw fail("label \(name)") }
            labels[name] = try unescape(String(match.output.2), quote: true)
            rest = rest[match.range.upperBound...]
            if rest.hasPrefix(",") {
                rest = rest.dropFirst()
            } else if rest.hasPrefix("}") {
                rest = rest.dropFirst()
                return labels
            } else {
                throw fail("expected , or }")
            }
        }
    }

    private func unescape(_ text: String, quote: Bool) throws -> String {
        var result = String.UnicodeScalarView()
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "\\" else {
                result.append(scalar)
                continue
            }
            switch scalars.next() {
            case "\\": result.append("\\")
            case "n": result.append("\n")
            case "\"" where quote: result.append("\"")
            default: throw fail("bad escape in \(text)")
            }
        }
        return String(result)
    }

    private func number(_ text: String) throws -> Double {
        switch text {
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        case "NaN": return .nan
        default:
            guard text.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?/) != nil, let value = Double(text) else {
                throw fail("value \(text)")
            }
            return value
        }
    }

    /// Buckets ascend, end with +Inf and agree with the count.
    private func checkHistograms() throws {
        for (name, family) in families where family.type == "histogram" {
            var groups: [[String: String]: [(bound: Double, value: Double)]] = [:]
            for sample in family.samples where sample.name == name + "_bucket" {
                var labels = sample.labels
                guard let bound = labels.removeValue(forKey: "le") else { throw Problem(line: 0, what: "no le") }
                groups[labels, default: []].append((try number(bound), sample.value))
            }
            for (labels, buckets) in groups {
                let ascends = zip(buckets, buckets.dropFirst()).allSatisfy {
                    $0.bound < $1.bound && $0.value <= $1.value
                }
                let count = family.samples.first { $0.name == name + "_count" && $0.labels == labels }?.value
                let hasSum = family.samples.contains { $0.name == name + "_sum" && $0.labels == labels }
                guard ascends, buckets.last?.bound == .infinity, buckets.last?.value == count, hasSum else {
                    throw Problem(line: 0, what: "histogram \(name) \(labels)")
                }
            }
        }
    }
}
