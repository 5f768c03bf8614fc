/// Constants for the numbers of flags: named after the module that reads them, or after the comment where one is set.
struct FlagNames {
    private(set) var names: [String: String] = [:]
    private var taken: Set<String> = []
    /// In the order of their first use, with the value as it is written in Lua.
    private(set) var constants: [(name: String, value: String)] = []

    /// The names without what was used: for the second pass, which has them all from the start.
    var unused: FlagNames {
        var copy = self
        copy.constants = []
        return copy
    }

    /// The constant of a flag that is used.
    func used(_ value: String, isBranch: Bool = false) -> String? {
        guard let name = names[Self.key(value, isBranch)] else { return nil }
        return constants.contains { $0.name == name } ? name : nil
    }

    private static let parameters: [String: String] = [
        "acc.log_flag": "ACCOUNT", "acc.db_flag": "ACCOUNT", "acc.log_missed_flag": "ACCOUNT_MISSED",
        "acc.db_missed_flag": "ACCOUNT_MISSED", "acc.failed_transaction_flag": "ACCOUNT_FAILED",
        "acc.cdr_flag": "ACCOUNT_CDR",
        "usrloc.nat_bflag": "NAT", "nathelper.sipping_bflag": "PING", "dialog.dlg_flag": "DIALOG",
        "sst.sst_flag": "SESSION_TIMER", "usrloc.sock_flag": "SOCKET", "tm.disable_6xx_block": "",
    ]

    /// Notes what a module parameter says of a flag. The first one to say something of a number wins.
    mutating func note(module: String, parameter: String, value: String) {
        guard let name = Self.parameters["\(module).\(parameter)"], !name.isEmpty, Int(value) != nil, value != "0"
        else { return }
        let isBranch = parameter.hasSuffix("bflag")
        let key = Self.key(value, isBranch)
        if names[key] == nil { give("\(isBranch ? "BFLAG" : "FLAG")_\(name)", key) }
    }

    /// The constant for a flag. `comment` stands where it is set.
    mutating func constant(_ value: String, isBranch: Bool, comment: String? = nil) -> String {
        let key = Self.key(value, isBranch)
        let isPlain = names[key].map { $0.hasSuffix("FLAG_\(value)") } ?? true
        if isPlain {
            let wanted = wanted(value, isBranch, comment)
            if names[key] == nil || !wanted.hasSuffix("FLAG_\(value)") { give(wanted, key) }
        }
        let name = names[key] ?? "FLAG"
        if !constants.contains(where: { $0.name == name }) {
            constants.append((name, Int(value) != nil ? value : Lua.quoted(value)))
        }
        return name
    }

    private func wanted(_ value: String, _ isBranch: Bool, _ comment: String?) -> String {
        let prefix = isBranch ? "BFLAG" : "FLAG"
        guard Int(value) != nil else {
            let name = (Lua.name(from: value) ?? "").uppercased()
            return name.hasPrefix("FL") || name.hasPrefix("BFL") ? name : "\(prefix)_\(name)"
        }
        let words = (comment ?? "").split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map { $0.lowercased() }
        let telling = words.filter { !Self.fillers.contains($0) }
        if (1...3).contains(telling.count), let name = Lua.name(from: telling.joined(separator: "_")) {
            return "\(prefix)_\(name.uppercased())"
        }
        return "\(prefix)_\(value)"
    }

    private static let fillers: Set<String> = [
        "do", "the", "a", "an", "this", "is", "set", "flag", "for", "as", "mark", "we", "to", "of", "that", "remember",
        "and",
    ]

    private mutating func give(_ wanted: String, _ key: String) {
        var name = wanted
        var number = 2
        while taken.contains(name) {
            name = "\(wanted)_\(number)"
            number += 1
        }
        taken.insert(name)
        names[key] = name
    }

    private static func key(_ value: String, _ isBranch: Bool) -> String { (isBranch ? "b" : "m") + value }
}
