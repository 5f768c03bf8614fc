/// Collects the samples of one scrape and renders them as Prometheus text, exposition format 0.0.4.
///
/// Samples of one family may be added in several places; the page shows each family once, with one HELP and one TYPE
/// line, its samples together, in the order in which the families first came.
public struct MetricsPage: Sendable {
    /// For an HTTP answer.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var families: [(family: MetricFamily, samples: [MetricSample])] = []
    private var positions: [String: Int] = [:]

    public init() {}

    /// Adds samples; a family of that name must be the same family, and two samples of one family must differ in a
    /// label value (the later one is left out otherwise, since a strict parser refuses the whole page).
    public mutating func add(_ family: MetricFamily, _ samples: [MetricSample]) {
        for sample in samples {
            precondition(sample.labels.count == family.labelNames.count, "labels of \(family.name)")
        }
        let position: Int
        if let known = positions[family.name] {
            precondition(families[known].family == family, "\(family.name) is declared in two ways")
            position = known
        } else {
            position = families.count
            positions[family.name] = position
            families.append((family, []))
        }
        var seen = Set(families[position].samples.map(\.labels))
        for sample in samples where seen.insert(sample.labels).inserted {
            families[position].samples.append(sample)
        }
    }

    public mutating func add(_ family: MetricFamily, _ value: UInt64) {
        add(family, [MetricSample(.integer(value))])
    }

    public var text: String {
        var text = ""
        for (family, samples) in families {
            text += "# HELP \(family.name) \(Self.escapedHelp(family.help))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in samples { Self.write(sample, of: family, into: &text) }
        }
        return text
    }

    private static func write(_ sample: MetricSample, of family: MetricFamily, into text: inout String) {
        let labels = Array(zip(family.labelNames, sample.labels))
        switch sample.value {
        case .integer(let value): text += "\(family.name)\(labelText(labels)) \(value)\n"
        case .number(let value): text += "\(family.name)\(labelText(labels)) \(number(value))\n"
        case .histogram(let histogram):
            var total: UInt64 = 0
            for (index, count) in histogram.counts.enumerated() {
                total &+= count
                let bound = index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
                text += "\(family.name)_bucket\(labelText(labels + [("le", bound)])) \(total)\n"
            }
            text += "\(family.name)_sum\(labelText(labels)) \(number(histogram.sum))\n"
            text += "\(family.name)_count\(labelText(labels)) \(total)\n"
        }
    }

    private static func labelText(_ labels: [(String, String)]) -> String {
        if labels.isEmpty { return "" }
        return "{" + labels.map { "\($0)=\"\(escapedLabel($1))\"" }.joined(separator: ",") + "}"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Whole numbers without ".0": shorter, and the way the bounds of histograms are usually written.
        if let whole = Int(exactly: value) { return String(whole) }
        return "\(value)"
    }

    /// Backslash and line feed only (the double quote stands for itself in HELP).
    private static func escapedHelp(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped.append(contentsOf: #"\\"#.unicodeScalars)
            case "\n": escaped.append(contentsOf: #"\n"#.unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    private static func escapedLabel(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped.append(contentsOf: #"\\"#.unicodeScalars)
            case "\n": escaped.append(contentsOf: #"\n"#.unicodeScalars)
            case "\"": escaped.append(contentsOf: #"\""#.unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
