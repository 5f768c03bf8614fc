internal import NetworkSimulator
internal import Server

/// Fills a `Network` from nodes and notes everything that is wrong on the way.
struct DescriptionReader {
    var network = Network(proxies: [], flows: [])
    var diagnostics: [ConfigurationDiagnostic] = []
    let file: String
    var proxyNumbers: [String: Int] = [:]
    var flowNumbers: [String: Int] = [:]

    typealias Fields = [String: ConfigurationNode]

    init(file: String) { self.file = file }

    var wholeFile: ConfigurationOrigin { .file(file, line: 0, column: 0) }

    mutating func read(_ root: ConfigurationNode) {
        guard let fields = readFields(root, key: "", known: DescriptionFields.sections) else { return }
        if let random = fields["random"] {
            for name in ["proxies", "flows"] {
                guard let other = fields[name] else { continue }
                report(other.origin, name, "cannot stand beside \"random:\", which makes proxies and flows")
            }
            readRandom(random)
        } else {
            for name in ["proxies", "flows"] where fields[name] == nil {
                report(root.origin, name, "is missing; expected a list, or \"random:\" instead")
            }
            readList(fields["proxies"], key: "proxies") { $0.readProxy($1, key: $2) }
            readList(fields["flows"], key: "flows") { $0.readFlow($1, key: $2) }
        }
        if let node = fields["default_link"] { readDefaultLink(node) }
        readList(fields["links"], key: "links") { $0.readLink($1, key: $2) }
        readList(fields["events"], key: "events") { $0.readEvent($1, key: $2) }
    }

    // MARK: Walking

    private mutating func readList(
        _ node: ConfigurationNode?, key: String,
        _ item: (inout DescriptionReader, ConfigurationNode, String) -> Void
    ) {
        guard let node else { return }
        guard case .list(let items) = node.content else {
            report(node.origin, key, "expected a list, got \(node.summary)")
            return
        }
        for (index, node) in items.enumerated() { item(&self, node, "\(key)[\(index)]") }
    }

    /// Fields by name, those without a value left out; nil when it is no map. Unknown and repeated ones are reported.
    mutating func readFields(_ node: ConfigurationNode, key: String, known: [String]) -> Fields? {
        guard case .map(let pairs) = node.content else {
            report(node.origin, key, "expected the keys \(known.joined(separator: ", ")), got \(node.summary)")
            return nil
        }
        var fields = Fields()
        for (name, value) in pairs {
            guard case .scalar(let text) = name.content else {
                report(name.origin, key, "expected a key, got \(name.summary)")
                continue
            }
            // The document has reported it.
            if text.unicodeScalars.first == ConfigurationDocument.repeatedKeyMark { continue }
            guard known.contains(text) else {
                let hint = nearestName(to: text, among: known).map { ", did you mean \"\($0)\"?" }
                report(
                    name.origin, join(key, text),
                    "unknown key" + (hint ?? "; the keys here are \(known.joined(separator: ", "))"))
                continue
            }
            if case .null = value.content { continue }
            fields[text] = value
        }
        return fields
    }

    func join(_ parent: String, _ name: String) -> String { parent.isEmpty ? name : "\(parent).\(name)" }

    mutating func report(_ origin: ConfigurationOrigin, _ key: String, _ message: String) {
        diagnostics.append(ConfigurationDiagnostic(at: origin, key: key, message))
    }

    // MARK: Values

    /// nil: reported.
    mutating func number(
        _ field: NumberField, in fields: Fields, of owner: ConfigurationNode, key: String
    ) -> Double? {
        guard let node = fields[field.name] else {
            if let standard = field.standard { return standard }
            report(owner.origin, join(key, field.name), "is missing; expected \(field.expectation)")
            return nil
        }
        return number(field, node, key: join(key, field.name))
    }

    mutating func number(_ field: NumberField, _ node: ConfigurationNode, key: String) -> Double? {
        guard case .scalar(let text) = node.content, let value = Double(text), field.range.contains(value),
            !field.isWhole || value == value.rounded()
        else {
            report(node.origin, key, "expected \(field.expectation), got \(node.summary)")
            return nil
        }
        return value
    }

    /// Names go into tables, files and messages.
    static let nameBytesMax = 64

    mutating func name(_ node: ConfigurationNode, key: String) -> String? {
        guard case .scalar(let text) = node.content, !text.isEmpty, text.utf8.count <= Self.nameBytesMax,
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else {
            report(
                node.origin, key, "expected a name of at most \(Self.nameBytesMax) bytes, got \(node.summary)")
            return nil
        }
        return text
    }

    /// Number of the proxy that is named.
    mutating func proxy(_ node: ConfigurationNode, key: String) -> Int? {
        guard let name = name(node, key: key) else { return nil }
        if let number = proxyNumbers[name] { return number }
        reportUnknown(node, key: key, "proxy", name, proxyNumbers)
        return nil
    }

    mutating func flow(_ node: ConfigurationNode, key: String) -> Int? {
        guard let name = name(node, key: key) else { return nil }
        if let number = flowNumbers[name] { return number }
        reportUnknown(node, key: key, "flow", name, flowNumbers)
        return nil
    }

    private mutating func reportUnknown(
        _ node: ConfigurationNode, key: String, _ kind: String, _ name: String, _ numbers: [String: Int]
    ) {
        let hint = nearestName(to: name, among: numbers.keys.sorted()).map { ", did you mean \"\($0)\"?" } ?? ""
        report(node.origin, key, "there is no \(kind) \"\(name)\"\(hint)")
    }
}
