/// The configuration file.
extension ServerSettings {
    func yaml(title: String) -> String {
        var lines = [
            "# Converted from \(title.split(separator: "/").last ?? "") by servartuka convert. Every key: docs/configuration.md.",
            "",
        ]
        lines.append("listen:")
        let addresses = listen.isEmpty ? [(address: "udp:0.0.0.0:\(port)", advertise: String?.none)] : listen
        if listen.isEmpty {
            lines.append("  # The configuration listens on all addresses. Say which one others know this proxy by:")
            lines.append("  # - {address: \"udp:0.0.0.0:\(port)\", advertise: sip.example.com}")
        }
        for (address, advertise) in addresses {
            if let advertise {
                lines.append("  - {address: \"\(address)\", advertise: \"\(Self.plain(advertise))\"}")
            } else {
                lines.append("  - \"\(address)\"")
            }
        }
        if !domains.isEmpty {
            lines += ["", "domains:"] + domains.map { "  - \"\(Self.plain($0))\"" }
        }
        lines += ["", "script: \"\(Self.plain(scriptName))\"", "workers: \(workers.map(String.init) ?? "auto")"]
        for section in sections.keys.sorted() {
            lines += ["", "\(section):"]
            for (key, value) in sections[section] ?? [] { lines.append("  \(key): \(value)") }
        }
        if usesDatabase {
            lines += [
                "", "# Passwords came from a database. Write them to a file (docs/authentication.md) and name it:",
                "# auth:", "#   subscribers: subscribers.csv",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Without what would end a string.
    private static func plain(_ text: String) -> String {
        text.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline }
    }
}
