/// Where a value came from, so that a message can point at it.
public enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
    /// Not set anywhere: the built-in default.
    case standard
    /// Line and column count from 1; line 0 means the file as a whole.
    case file(String, line: Int, column: Int)
    case environment(String)

    public var description: String {
        switch self {
        case .standard: "default"
        case .file(let name, line: 0, column: _): name
        case .file(let name, line: let line, column: let column): "\(name):\(line):\(column)"
        case .environment(let variable): "environment \(variable)"
        }
    }
}

/// One thing that is wrong or doubtful about a configuration, with what to write instead.
public struct ConfigurationDiagnostic: Sendable, Equatable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        case error
        case warning
    }

    public var severity: Severity
    public var origin: ConfigurationOrigin
    /// The key path, such as `limits.transactions` or `peers[1].address`; empty when it is about the whole file.
    public var key: String
    public var message: String

    public init(_ severity: Severity = .error, at origin: ConfigurationOrigin, key: String, _ message: String) {
        self.severity = severity
        self.origin = origin
        self.key = key
        self.message = message
    }

    /// `servartuka.yaml:7:12: workers: expected …`, the form that editors jump to.
    public var description: String {
        let mark = severity == .warning ? "warning: " : ""
        let subject = key.isEmpty ? "" : "\(key): "
        return "\(origin): \(mark)\(subject)\(message)"
    }
}

/// Every error of one attempt to load, in the order of the file.
public struct ConfigurationFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public var diagnostics: [ConfigurationDiagnostic]

    public init(diagnostics: [ConfigurationDiagnostic]) { self.diagnostics = diagnostics }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// The known name that a mistyped one most likely means, or nil when none is near.
///
/// Near means a Damerau-Levenshtein distance (adjacent letters swapped count once) of at most a third of the name,
/// one at the least. O(names × length²); names are short and this runs only on errors.
package func nearestName(to name: String, among names: [String]) -> String? {
    let wanted = Array(name.lowercased().utf8.prefix(nearestNameBytesMax))
    var best: (name: String, distance: Int)?
    for candidate in names {
        let distance = editDistance(wanted, Array(candidate.lowercased().utf8))
        let allowed = max(1, max(wanted.count, candidate.utf8.count) / 3)
        if distance <= allowed, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
}

/// Longer names are cut before they are compared: a suggestion for them would not help anyone.
private let nearestNameBytesMax = 64

private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if a.isEmpty { return b.count }
    if b.isEmpty { return a.count }
    var beforePrevious = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in 1...a.count {
        var current = [Int](repeating: i, count: b.count + 1)
        for j in 1...b.count {
            let substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
            current[j] = min(previous[j] + 1, current[j - 1] + 1, substitution)
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                current[j] = min(current[j], beforePrevious[j - 2] + 1)
            }
        }
        beforePrevious = previous
        previous = current
    }
    return previous[b.count]
}
