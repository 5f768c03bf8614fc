/// Lays out answers of the control socket for a terminal.
public enum ControlReport {
    /// Text that ends in a line feed; the answer must be the result of that command.
    public static func text(of result: JSONValue, for command: ControlRequest.Command) -> String {
        switch command {
        case .status: status(result)
        case .stats: stats(result)
        case .state: state(result)
        case .dialog: dialogs(result)
        case .dispatcher: targets(result)
        case .metrics: result["text"]?.stringValue ?? ""
        case .reload: reload(result)
        case .drain:
            (result["already_draining"]?.booleanValue == true ? "already draining" : "draining")
                + ", \(plain(result["transactions_in_flight"])) transactions in flight\n"
        case .stop: "stopping\n"
        // `ctl location` lays out its own.
        case .location: result.prettyText + "\n"
        }
    }

    /// A failed answer: the message, then the details indented.
    public static func text(ofFailure message: String, details: [String]) -> String {
        ([message] + details.map { "  " + $0 }).joined(separator: "\n") + "\n"
    }

    private static func status(_ result: JSONValue) -> String {
        let name = "\(plain(result["name"])) \(plain(result["version"]))"
        let reloads = result["reloads"]
        var rows = [
            ("state", "\(plain(result["state"])), \(duration(result["uptime_seconds"]?.integerValue ?? 0))"),
            ("process", plain(result["pid"])),
            ("configuration", plain(result["configuration"])),
            ("script", "\(plain(result["script"])), generation \(plain(result["script_generation"]))"),
            ("workers", plain(result["workers"])),
            ("transactions", "\(plain(result["transactions_in_flight"])) in flight"),
            ("reloads", "\(plain(reloads?["succeeded"])) succeeded, \(plain(reloads?["failed"])) refused"),
        ]
        for listener in result["listeners"]?.arrayValue ?? [] { rows.append(("listening on", plain(listener))) }
        if let dropped = result["log_lines_dropped"]?.integerValue, dropped > 0 {
            rows.append(("log lines dropped", String(dropped)))
        }
        if let error = reloads?["last_error"]?.stringValue {
            rows.append(("last reload", error.split(separator: "\n").joined(separator: "\n" + indentation)))
        }
        let settings = (result["settings"]?.objectValue ?? []).filter { $0.value["origin"]?.stringValue != "default" }
        for (key, value) in settings {
            rows.append((key, "\(plain(value["value"]))  (\(plain(value["origin"])))"))
        }
        return name + "\n" + table(rows)
    }

    private static let indentation = String(repeating: " ", count: 4)

    private static func reload(_ result: JSONValue) -> String {
        var text = "reloaded, script generation \(plain(result["script_generation"]))\n"
        let applied = (result["applied"]?.arrayValue ?? []).map(plain)
        let pending = (result["needs_restart"]?.arrayValue ?? []).map(plain)
        if !applied.isEmpty { text += "  applied: \(applied.joined(separator: ", "))\n" }
        if !pending.isEmpty { text += "  changed, but needs a restart: \(pending.joined(separator: ", "))\n" }
        return text
    }

    private static func stats(_ result: JSONValue) -> String {
        let rows = (result["stats"]?.arrayValue ?? []).map { row in
            let labels = (row["labels"]?.objectValue ?? []).map { "\($0.key)=\(plain($0.value))" }
            let name = plain(row["name"]) + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
            let shares = row["workers"]?.arrayValue ?? []
            let split = shares.count > 1 ? "  (\(shares.map(plain).joined(separator: " + ")))" : ""
            return (name, plain(row["total"]) + split)
        }
        return rows.isEmpty ? "no statistics\n" : table(rows)
    }

    static func table(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            "  \(name)\(String(repeating: " ", count: width - name.count))  \(value)\n"
        }.joined()
    }

    static func plain(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: "none"
        case .string(let text)?: text
        case .boolean, .integer, .number, .array, .object: value?.text ?? ""
        }
    }

    private static func duration(_ seconds: Int) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60)
        if days > 0 { return "up \(days)d \(hours)h" }
        if hours > 0 { return "up \(hours)h \(minutes)m" }
        return minutes > 0 ? "up \(minutes)m \(seconds % 60)s" : "up \(seconds)s"
    }
}
