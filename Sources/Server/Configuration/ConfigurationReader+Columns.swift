internal import ProxyCore
internal import Storage

/// A further column of accounting records: its name, and the words that say where its value comes from.
public struct AccountingColumn: Sendable, Equatable, CustomStringConvertible {
    public var name: String
    public var source: String

    public init(name: String, source: String) {
        self.name = name
        self.source = source
    }

    public var description: String { "\(name)=\(source)" }
}

extension ConfigurationReader {
    /// `{name: source}`, or a list of NAME=SOURCE.
    mutating func readColumns(_ node: ConfigurationNode, _ setting: Setting) -> [AccountingColumn] {
        var columns: [AccountingColumn] = []
        for entry in entries(node, setting) {
            let key = "\(setting.key).\(entry.name)"
            guard case .scalar(let source) = entry.source.content, AccountingField.Source(source) != nil else {
                let words = AccountingField.Source.words.joined(separator: ", ")
                report(entry.source.origin, key, "expected header:NAME or one of \(words), got \(entry.source.summary)")
                continue
            }
            guard Self.isColumnName(entry.name) else {
                report(
                    entry.origin, key,
                    "expected a name of at most \(AccountingLimits.nameBytesMax) small letters, digits and _")
                continue
            }
            if AccountingColumns.taken.contains(entry.name) {
                report(entry.origin, key, "every record has a column of that name; choose another")
            } else if columns.contains(where: { $0.name == entry.name }) {
                report(entry.origin, key, "is listed twice")
            } else {
                columns.append(AccountingColumn(name: entry.name, source: source))
            }
        }
        if columns.count > AccountingLimits.fieldsMax {
            report(node.origin, setting.key, "expected at most \(AccountingLimits.fieldsMax), got \(columns.count)")
        }
        return columns
    }

    /// Each file has rows of one shape, and records need a place to go.
    mutating func checkAccounting() {
        let accounting = configuration.accounting
        let files = [
            ("accounting.csv", accounting.csv), ("accounting.cdr_csv", accounting.cdrCSV),
            ("accounting.sqlite", accounting.sqlite),
        ].compactMap { key, path in path.map { (key: key, path: $0) } }
        for (index, file) in files.enumerated() {
            guard let other = files[..<index].first(where: { $0.path == file.path }) else { continue }
            report(origins[file.key] ?? .standard, file.key, "is the file of \"\(other.key)\" already")
        }
        guard files.isEmpty, !accounting.log else { return }
        for key in ["accounting.fields", "accounting.queue", "accounting.flush_interval"] {
            guard let origin = origins[key] else { continue }
            warn(
                origin, key,
                "has no effect: \"accounting\" names no log, csv, cdr_csv or sqlite, so nothing is accounted")
        }
    }

    private typealias Entry = (name: String, origin: ConfigurationOrigin, source: ConfigurationNode)

    private mutating func entries(_ node: ConfigurationNode, _ setting: Setting) -> [Entry] {
        switch node.content {
        case .null: return []
        case .map(let pairs):
            return pairs.compactMap { key, value in
                keyName(key, in: setting.key).map { ($0, key.origin, value) }
            }
        case .list(let items):
            return items.compactMap { item in
                guard case .scalar(let text) = item.content, let mark = text.firstIndex(of: "=") else {
                    report(item.origin, setting.key, "expected \(setting.expectation), got \(item.summary)")
                    return nil
                }
                let source = String(text[text.index(after: mark)...])
                return (
                    String(text[..<mark]), item.origin,
                    ConfigurationNode(content: .scalar(source), origin: item.origin)
                )
            }
        case .scalar:
            report(node.origin, setting.key, "expected \(setting.expectation), got \(node.summary)")
            return []
        }
    }

    private static func isColumnName(_ name: String) -> Bool {
        guard let first = name.utf8.first, first == 0x5F || (0x61...0x7A).contains(first) else { return false }
        return name.utf8.count <= AccountingLimits.nameBytesMax
            && name.utf8.allSatisfy { $0 == 0x5F || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
    }
}
