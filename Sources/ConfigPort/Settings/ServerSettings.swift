/// What settings, modules and module parameters come to: the YAML, options of the library, names of flags.
struct ServerSettings {
    let scriptName: String
    var report = ConversionReport()
    var flags = FlagNames()
    /// `avp_aliases`: name to `i:81` or `s:name`.
    var aliases: [String: String] = [:]

    // What the YAML says:
    var listen: [(address: String, advertise: String?)] = []
    var port = 5060
    var domains: [String] = []
    var workers: Int?
    /// Keys below a section, in the order of the file.
    var sections: [String: [(key: String, value: String)]] = [:]
    var usesDatabase = false
    /// Columns of `accounting.fields`.
    var accountingFields: [(name: String, source: String)] = []
    /// Options of `sip.setup`.
    var library: [String: String] = [:]
    private var modules: Set<String> = []

    init(scriptName: String) { self.scriptName = scriptName }

    mutating func read(_ item: Item) {
        switch item.kind {
        case .setting(let name, let values): read(setting: name, values, at: item.position)
        case .loadModule(let path): read(module: path, at: item.position)
        case .moduleParameter(let module, let name, let value):
            read(parameter: name, of: module, value, at: item.position)
        case .route: break
        }
    }

    mutating func set(_ section: String, _ key: String, _ value: String) {
        sections[section, default: []].removeAll { $0.key == key }
        sections[section, default: []].append((key, value))
    }

    // MARK: Modules

    private mutating func read(module path: String, at position: SourcePosition) {
        let name = Self.moduleName(path)
        modules.insert(name)
        let (support, note) = ModuleCatalogue.all[name] ?? (.unsupported, "unknown; its functions stop the script")
        report.note(.module, name, support, note, at: position)
    }

    /// `modules/tm/tm.so` is `tm`.
    static func moduleName(_ path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".so") { name.removeLast(3) }
        return name
    }

    // MARK: Parameters

    private mutating func read(
        parameter name: String, of pattern: String, _ value: SettingValue?, at position: SourcePosition
    ) {
        for module in modules(matching: pattern) {
            let key = "\(module).\(name)"
            let text = value?.text ?? ""
            flags.note(module: module, parameter: name, value: text)
            let entry = ParameterCatalogue.entry(module: module, name: name)
            entry.apply(&self, text)
            report.note(.parameter, key, entry.support, entry.note, at: position)
        }
    }

    /// A name, or names joined by `|`, or a regular expression over the modules that are loaded.
    private func modules(matching pattern: String) -> [String] {
        let names = pattern.split(separator: "|").map { name in
            String(name.filter { $0 != "^" && $0 != "$" && $0 != "(" && $0 != ")" })
        }
        var result: [String] = []
        for name in names {
            guard name.contains(".*") else {
                result.append(name)
                continue
            }
            let start = name.components(separatedBy: ".*")[0]
            result += modules.filter { $0.hasPrefix(start) }.sorted()
        }
        return result
    }

    // MARK: What others need

    /// The table that `save` names first; `location` where nothing is saved.
    func locationTable(_ routes: [Route]) -> String {
        for route in routes {
            if let table = Self.saved(route.body) { return table }
        }
        return "location"
    }

    private static func saved(_ block: Block) -> String? {
        for statement in block.statements {
            switch statement.kind {
            case .call(let call) where call.name == "save":
                return call.arguments.first.flatMap(Emitter.plain)
            case .choice(let branches, let otherwise):
                for branch in branches {
                    if case .not(let inner) = branch.condition.kind, case .call(let call) = inner.kind,
                        call.name == "save"
                    {
                        return call.arguments.first.flatMap(Emitter.plain)
                    }
                    if case .call(let call) = branch.condition.kind, call.name == "save" {
                        return call.arguments.first.flatMap(Emitter.plain)
                    }
                    if let table = saved(branch.body) { return table }
                }
                if let otherwise, let table = saved(otherwise) { return table }
            case .selection(_, let cases):
                for item in cases { if let table = saved(item.body) { return table } }
            case .loop(_, let body), .iteration(_, _, let body), .block(let body):
                if let table = saved(body) { return table }
            default: break
            }
        }
        return nil
    }

    func libraryOptions(state: ConversionOptions.State, _ flags: FlagNames) -> [String] {
        var options = library
        for (name, value) in options where name.hasSuffix("_flag") { options[name] = flags.used(value) ?? value }
        if state == .auto { options["state"] = "\"auto\"" }
        return options.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
    }
}
