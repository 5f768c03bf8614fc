/// What `ctl dispatcher` shows.
extension ControlReport {
    static func targets(_ result: JSONValue) -> String {
        if let marked = result["marked"]?.stringValue {
            return "\(plain(result["set"])) \(plain(result["uri"])) marked \(marked)\n"
        }
        let targets = result["targets"]?.arrayValue ?? []
        if targets.isEmpty { return "no sets\n" }
        return targets.map { target in
            "\(plain(target["set"]))  \(plain(target["uri"]))  \(plain(target["state"]))"
                + "  weight \(plain(target["weight"]))  priority \(plain(target["priority"]))"
                + "  selected \(plain(target["selected"]))  failures \(plain(target["failures"]))"
                + "  probes \(plain(target["probes"])), \(plain(target["probes_failed"])) failed\n"
        }.joined()
    }
}
