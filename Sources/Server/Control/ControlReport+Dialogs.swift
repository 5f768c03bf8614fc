/// What `ctl dialog` shows.
extension ControlReport {
    static func dialogs(_ result: JSONValue) -> String {
        if let id = result["terminating"]?.stringValue { return "terminating \(id)\n" }
        let dialogs = result["dialogs"]?.arrayValue ?? []
        let count = result["count"]?.integerValue ?? dialogs.count
        var text = "\(count) \(count == 1 ? "dialog" : "dialogs")\n"
        for dialog in dialogs { text += row(dialog) }
        if count > dialogs.count { text += "… and \(count - dialogs.count) more\n" }
        return text
    }

    private static func row(_ dialog: JSONValue) -> String {
        let answered = dialog["answered_seconds"]?.doubleValue
        let since = answered ?? dialog["seconds"]?.doubleValue ?? 0
        let callee = dialog["callee"]?.stringValue ?? ""
        let key = dialog["key"]?.stringValue ?? ""
        return "\(plain(dialog["id"]))  \(plain(dialog["state"])) for \(Int(since)) s  "
            + "\(plain(dialog["caller"])) → \(callee.isEmpty ? "?" : callee)\(key.isEmpty ? "" : "  key \(key)")"
            + "  Call-ID \(plain(dialog["call_id"]))\n"
    }
}
