/// What became of something in a configuration.
public struct ReportEntry: Sendable {
    public enum Category: String, Sendable, CaseIterable {
        case statement
        case function
        case module
        case parameter
        case setting
        case variable
        case route
    }

    public var category: Category
    public var name: String
    public var support: Support
    /// What differs, or what to do.
    public var note: String
    /// Every place where it stands.
    public var places: [SourcePosition]
}

/// What became of a configuration: entries in the order of their first places, and how many of each.
public struct ConversionReport: Sendable {
    public private(set) var entries: [ReportEntry] = []
    private var indices: [String: Int] = [:]

    mutating func note(
        _ category: ReportEntry.Category, _ name: String, _ support: Support, _ note: String = "",
        at place: SourcePosition
    ) {
        let key = "\(category.rawValue)\u{0}\(name)\u{0}\(support.rawValue)\u{0}\(note)"
        if let index = indices[key] {
            entries[index].places.append(place)
        } else {
            indices[key] = entries.count
            entries.append(ReportEntry(category: category, name: name, support: support, note: note, places: [place]))
        }
    }

    /// How often something of a category stands in the configuration with that outcome.
    public func count(_ category: ReportEntry.Category? = nil, _ support: Support) -> Int {
        entries.reduce(0) {
            $0 + ((category == nil || $1.category == category) && $1.support == support ? $1.places.count : 0)
        }
    }

    public var hasUnsupported: Bool { entries.contains { $0.support == .unsupported } }

    /// Of the calls those that are converted or approximated; 1 without any.
    public var coverage: Double {
        let carried = count(.function, .converted) + count(.function, .approximated)
        let all = carried + count(.function, .unsupported)
        return all == 0 ? 1 : Double(carried) / Double(all)
    }
}
