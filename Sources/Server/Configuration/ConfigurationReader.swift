/// Fills a `Configuration` from nodes and environment variables, and notes everything that is wrong on the way.
struct ConfigurationReader {
    var configuration = Configuration()
    var diagnostics: [ConfigurationDiagnostic] = []
    /// Where each key that is not at its default was set.
    var origins: [String: ConfigurationOrigin] = [:]
    /// The folder that relative paths in the file are resolved against.
    let directory: String
    /// Targets of sets whose addresses are still to be found.
    var pendingTargets: [PendingTarget] = []

    init(directory: String) { self.directory = directory }

    // MARK: Walking

    mutating func read(_ root: ConfigurationNode) {
        guard case .map(let pairs) = root.content else {
            if case .null = root.content { return }
            report(root.origin, "", "expected keys such as \"listen:\" and \"script:\", got \(root.summary)")
            return
        }
        for (key, value) in pairs {
            guard let name = keyName(key) else { continue }
            if let setting = Setting.all.first(where: { $0.key == name }) {
                read(value, as: setting)
            } else if Setting.sections.contains(name) {
                readSection(name, value)
            } else {
                reportUnknown(key.origin, name)
            }
        }
    }

    private mutating func readSection(_ section: String, _ node: ConfigurationNode) {
        let settings = Setting.all.filter { $0.section == section }
        guard case .map(let pairs) = node.content else {
            if case .null = node.content { return }
            let names = settings.map { "\"\($0.name):\"" }.joined(separator: ", ")
            report(node.origin, section, "expected the keys \(names), got \(node.summary)")
            return
        }
        for (key, value) in pairs {
            guard let name = keyName(key, in: section) else { continue }
            if let setting = settings.first(where: { $0.name == name }) {
                read(value, as: setting)
            } else {
                reportUnknown(key.origin, "\(section).\(name)")
            }
        }
    }

    /// The text of a key inside `parent`; nil when it is none, which is reported, or a repeated key, which already was.
    mutating func keyName(_ key: ConfigurationNode, in parent: String? = nil) -> String? {
        guard case .scalar(let name) = key.content else {
            report(key.origin, parent ?? "", "expected a key, got \(key.summary)")
            return nil
        }
        guard name.unicodeScalars.first == ConfigurationDocument.repeatedKeyMark else { return name }
        // That report could not know yet inside what the key stands.
        if let parent, let index = diagnostics.firstIndex(where: { $0.origin == key.origin }) {
            diagnostics[index].key = "\(parent).\(diagnostics[index].key)"
        }
        return nil
    }

    private mutating func reportUnknown(_ origin: ConfigurationOrigin, _ key: String) {
        let keys = Setting.all.map(\.key) + Setting.sections
        let lastPart = key.split(separator: ".").last.map(String.init) ?? key
        // A right name in the wrong section is the likelier slip than a wrong name in the right one.
        let elsewhere = Setting.all.first { $0.name == lastPart }?.key
        if let suggestion = elsewhere ?? nearestName(to: key, among: keys) {
            report(origin, key, "unknown key, did you mean \"\(suggestion)\"?")
        } else {
            let section = key.contains(".") ? key.split(separator: ".").first.map(String.init) : nil
            let siblings = Setting.all.filter { $0.section == section }.map(\.name)
            let names = (section == nil ? siblings + Setting.sections : siblings).joined(separator: ", ")
            report(origin, key, "unknown key; the keys here are \(names)")
        }
    }

    // MARK: Environment

    /// Variables beside the settings that the program itself reads.
    static let otherVariables: Set<String> = ["SERVARTUKA_CONFIG"]

    mutating func readEnvironment(_ environment: [String: String]) {
        let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.environmentVariable, $0) })
        for (variable, text) in environment.sorted(by: { $0.key < $1.key }) {
            guard variable.hasPrefix(Setting.environmentPrefix), !Self.otherVariables.contains(variable) else {
                continue
            }
            let origin = ConfigurationOrigin.environment(variable)
            guard let setting = settings[variable] else {
                // Not an error: Kubernetes sets SERVARTUKA_SERVICE_HOST and its like for a service of this name.
                let nearest = nearestName(to: variable, among: settings.keys.sorted())
                let hint = nearest.map { ", did you mean \($0)?" } ?? ""
                warn(origin, "", "names no setting and is ignored\(hint)")
                continue
            }
            read(node(text, for: setting, at: origin), as: setting)
        }
    }

    /// Lists are written with commas, or as YAML in brackets, which is the only form for lists of maps and for maps.
    private mutating func node(
        _ text: String, for setting: Setting, at origin: ConfigurationOrigin
    ) -> ConfigurationNode {
        switch setting.binding {
        case .names, .origins, .endpoints, .listeners, .peers, .dictionaries, .columns, .sets, .groups:
            if text.hasPrefix("[") || text.hasPrefix("{") {
                var problems: [ConfigurationDiagnostic] = []
                let parsed = ConfigurationDocument.compose(text, file: "", diagnostics: &problems)
                if let parsed, problems.isEmpty { return parsed.moved(to: origin) }
                return ConfigurationNode(content: .scalar(text), origin: origin)
            }
            let items = text.split(separator: ",").map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
            return ConfigurationNode(
                content: .list(items.map { ConfigurationNode(content: .scalar($0), origin: origin) }), origin: origin)
        case .boolean, .integer, .optionalInteger, .fraction, .workers, .bytes, .time, .choice, .path, .destination,
            .endpoint, .secret, .name:
            return ConfigurationNode(content: .scalar(text), origin: origin)
        }
    }

    // MARK: Reporting

    mutating func report(_ origin: ConfigurationOrigin, _ key: String, _ message: String) {
        diagnostics.append(ConfigurationDiagnostic(at: origin, key: key, message))
    }

    mutating func warn(_ origin: ConfigurationOrigin, _ key: String, _ message: String) {
        diagnostics.append(ConfigurationDiagnostic(.warning, at: origin, key: key, message))
    }
}

extension Setting {
    /// The names of the sections, in the order of the table.
    static let sections: [String] = {
        var names: [String] = []
        for setting in all {
            if let section = setting.section, !names.contains(section) { names.append(section) }
        }
        return names
    }()
}

extension ConfigurationNode {
    /// The same content with every place replaced, for YAML that stands in an environment variable.
    func moved(to origin: ConfigurationOrigin) -> ConfigurationNode {
        switch content {
        case .null, .scalar: ConfigurationNode(content: content, origin: origin)
        case .list(let items): ConfigurationNode(content: .list(items.map { $0.moved(to: origin) }), origin: origin)
        case .map(let pairs):
            ConfigurationNode(
                content: .map(pairs.map { (key: $0.key.moved(to: origin), value: $0.value.moved(to: origin)) }),
                origin: origin)
        }
    }
}

extension StringProtocol {
    /// Without spaces and tabs at its ends.
    func trimmingBlanks() -> String {
        let head = drop { $0 == " " || $0 == "\t" }
        guard let last = head.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return String(head[...last])
    }
}
