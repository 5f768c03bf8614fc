/// What parameters of acc say of sinks and columns.
extension ServerSettings {
    enum AccountingSink: Sendable {
        case log
        case database
    }

    /// Columns that rows have anyway, under whatever name.
    private static let taken: Set = [
        "id", "record", "method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time", "start_time",
        "end_time", "duration", "sip_call_id", "sip_from_tag", "sip_to_tag", "caller", "callee", "ended_by",
    ]

    mutating func account(_ sink: AccountingSink) {
        switch sink {
        case .log: set("accounting", "log", "true")
        case .database: set("accounting", "sqlite", "acc.sqlite")
        }
    }

    /// - Parameter text: `name=$variable; name=$variable`.
    mutating func account(fields text: String) {
        for pair in text.split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).trimmed }
            guard parts.count == 2, let name = Self.column(parts[0]),
                !accountingFields.contains(where: { $0.name == name })
            else { continue }
            accountingFields.append((name, PseudoVariable(parts[1]).map(Self.source) ?? "script"))
        }
        let columns = accountingFields.map { "\($0.name): \"\($0.source)\"" }
        if !columns.isEmpty { set("accounting", "fields", "{\(columns.joined(separator: ", "))}") }
    }

    /// The name as a column may have it; those that rows have anyway get `_value` behind them.
    private static func column(_ name: String) -> String? {
        var name = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        if name.first?.isNumber == true { name.insert("_", at: 0) }
        let text = String(name.prefix(56))
        if text.isEmpty { return nil }
        return taken.contains(text) ? text + "_value" : text
    }

    private static func source(_ variable: PseudoVariable) -> String {
        guard variable.transformations.isEmpty, variable.index == nil else { return "script" }
        switch variable.name {
        case "fu": return "from_uri"
        case "tu": return "to_uri"
        case "ru": return "request_uri"
        case "si": return "source_ip"
        case "sp": return "source_port"
        case "proto": return "source_transport"
        case "Ri": return "local_ip"
        case "Rp": return "local_port"
        case "au": return "auth_user"
        case "ua": return "header:User-Agent"
        case "ct": return "header:Contact"
        case "hdr":
            let name = variable.argument ?? ""
            let isToken = !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy { $0.isWordPart || $0 == 0x2D }
            return isToken ? "header:\(name)" : "script"
        default: return "script"
        }
    }
}
