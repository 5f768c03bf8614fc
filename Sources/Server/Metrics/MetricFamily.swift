/// The type of a family as Prometheus names it.
public enum MetricKind: String, Sendable {
    case counter
    case gauge
    case histogram
}

/// One family: what it counts and in which unit, without values.
///
/// Names follow Prometheus practice: `servartuka_` in front, base units (`_seconds`, `_bytes`) behind, `_total` at the
/// end of counters and of nothing else. A name that does not is our own mistake and traps when it is made, which is at
/// start-up.
public struct MetricFamily: Sendable, Equatable {
    public let name: String
    public let help: String
    public let kind: MetricKind
    public let labelNames: [String]

    public init(_ name: String, kind: MetricKind, labels: [String] = [], help: String) {
        precondition(MetricFamily.isName(name), "\(name) is not a metric name")
        precondition((kind == .counter) == name.hasSuffix("_total"), "_total marks counters: \(name)")
        precondition(labels.allSatisfy(MetricFamily.isLabelName), "bad label name in \(labels) of \(name)")
        precondition(Set(labels).count == labels.count && !(kind == .histogram && labels.contains("le")))
        precondition(!help.isEmpty, "\(name) needs a help text")
        self.name = name
        self.help = help
        self.kind = kind
        self.labelNames = labels
    }

    /// [a-zA-Z_:][a-zA-Z0-9_:]*; the colon is kept for recording rules, so we refuse it.
    private static func isName(_ text: String) -> Bool { isLabelName(text) && !text.hasPrefix("__") }

    private static func isLabelName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return !text.hasPrefix("__")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
                default: false
                }
            }
    }
}

/// One value of a family, with one label value for each of its label names.
public struct MetricSample: Sendable, Equatable {
    public enum Value: Sendable, Equatable {
        case integer(UInt64)
        case number(Double)
        case histogram(MetricHistogram)
    }

    public var labels: [String]
    public var value: Value

    public init(labels: [String] = [], _ value: Value) {
        self.labels = labels
        self.value = value
    }
}

/// Counts by upper bound; the bucket above the last bound is implied.
public struct MetricHistogram: Sendable, Equatable {
    /// Ascending and finite.
    public let bounds: [Double]
    /// One for each bound and one for what lies above, not cumulated.
    public let counts: [UInt64]
    public let sum: Double

    public init(bounds: [Double], counts: [UInt64], sum: Double) {
        precondition(counts.count == bounds.count + 1, "one count a bound and one above")
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 } && bounds.allSatisfy(\.isFinite))
        self.bounds = bounds
        self.counts = counts
        self.sum = sum
    }
}
