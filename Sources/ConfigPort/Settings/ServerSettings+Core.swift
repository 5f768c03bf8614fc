/// Settings of the core.
extension ServerSettings {
    mutating func read(setting name: String, _ values: [SettingValue], at position: SourcePosition) {
        let text = values.first?.text ?? ""
        switch name {
        case "listen", "socket":
            readListen(values, at: position)
        case "port":
            port = Int(text) ?? port
            note(name, at: position)
        case "alias", "domain":
            domains += values.map { Self.host($0.text) }.filter { !domains.contains($0) }
            note(name, at: position)
        case "children", "udp_workers":
            workers = max(1, min(Int(text) ?? 1, 256))
            note(name, .approximated, "as many threads, which `workers: auto` fits to the machine", at: position)
        case "debug", "log_level":
            let level = Int(text) ?? 3
            set(
                "logging", "level",
                level <= 0 ? "error" : level == 1 ? "warning" : level == 2 ? "notice" : level == 3 ? "info" : "debug")
            note(name, at: position)
        case "log_stderror", "stderror_enabled":
            set("logging", "destination", "stderr")
            note(
                name, .approximated, "the log goes to standard error, where the service manager takes it up",
                at: position)
        case "avp_aliases":
            for pair in text.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).trimmed }
                if parts.count == 2 { aliases[parts[0]] = parts[1] }
            }
            note(name, at: position)
        case "disable_tcp":
            note(name, .approximated, "TCP is spoken where `listen` says so", at: position)
        case "dns_servers", "nameserver": note(name, .unsupported, "`dns.servers`", at: position)
        default:
            let (support, what) = Self.others[name] ?? (.unsupported, "unknown")
            note(name, support, what, at: position)
        }
    }

    private mutating func note(
        _ name: String, _ support: Support = .converted, _ what: String = "", at position: SourcePosition
    ) {
        report.note(.setting, name, support, what, at: position)
    }

    private static let others: [String: (Support, String)] = {
        var all: [String: (Support, String)] = [:]
        for name in [
            "mpath", "loadpath", "mhomed", "fifo", "fifo_mode", "unixsock", "flags", "avpflags", "user", "group", "uid",
            "gid", "chroot", "workdir", "wdir", "pid_file", "disable_core_dump", "open_files_limit", "memlog", "memdbg",
            "mem_log", "mem_dump_shm", "mem_dump_pkg", "shm_mem_size", "tcp_children", "tcp_workers",
            "tcp_accept_aliases", "server_id",
        ] {
            all[name] = (.converted, "nothing needs to be said")
        }
        all["fork"] = (.converted, "the service manager runs the proxy in the background")
        all["log_facility"] = (.approximated, "the log is one stream; the service manager sorts it")
        all["log_name"] = (.approximated, "the log is one stream; the service manager names it")
        all["check_via"] = (.converted, "off, as here")
        all["reply_to_via"] = (.approximated, "replies go where RFC 3261 §18.2.2 says")
        all["sip_warning"] = (.approximated, "no Warning header is added")
        all["server_signature"] = (.approximated, "no Server header is added to replies")
        all["dns"] = (.converted, "no look-ups for the log")
        all["rev_dns"] = (.converted, "no look-ups for the log")
        all["auto_aliases"] = (.approximated, "name this proxy's domains in `domains`")
        all["disable_dns_blacklist"] = (.approximated, "names that led nowhere rest for `dns.negative_ttl`")
        all["dns_try_ipv6"] = (.approximated, "AAAA is asked for where the proxy listens on IPv6")
        all["dns_use_search_list"] = (.approximated, "names are looked up as they stand")
        all["disable_tls"] = (.approximated, "TLS is spoken where `listen` says so")
        return all
    }()

    // MARK: Listening

    private mutating func readListen(_ values: [SettingValue], at position: SourcePosition) {
        var advertise: String?
        if let index = values.firstIndex(where: { $0.text == "advertise" || $0.text == "as" }), index + 1 < values.count
        {
            advertise = values[index + 1].text
        }
        for value in values {
            if value.text == "advertise" || value.text == "as" { break }
            let parts = Self.address(value.text)
            guard parts.transport == "udp" || parts.transport == "tcp" else {
                report.note(.setting, "listen=\(value.text)", .unsupported, "only udp and tcp", at: position)
                continue
            }
            guard parts.host.utf8.allSatisfy({ $0.isHexadecimal || ".:[]".utf8.contains($0) }) else {
                report.note(
                    .setting, "listen=\(value.text)", .approximated, "write the address of \(parts.host) in its place",
                    at: position)
                listen.append(("\(parts.transport):0.0.0.0:\(parts.port ?? port)", advertise ?? parts.host))
                continue
            }
            listen.append(("\(parts.transport):\(parts.host):\(parts.port ?? port)", advertise))
            note("listen", at: position)
        }
    }

    /// `udp:192.0.2.1:5060` taken apart; UDP where it does not say.
    static func address(_ text: String) -> (transport: String, host: String, port: Int?) {
        var rest = Substring(text)
        var transport = "udp"
        for name in ["udp", "tcp", "tls", "ws", "wss", "sctp", "bin", "hep_udp"]
        where rest.lowercased().hasPrefix(name + ":") {
            transport = name
            rest = rest.dropFirst(name.count + 1)
        }
        if rest == "*" { return (transport, "0.0.0.0", nil) }
        if rest.first == "[", let end = rest.firstIndex(of: "]") {
            let port = rest[rest.index(after: end)...].dropFirst()
            return (transport, String(rest[...end]), Int(port))
        }
        guard let colon = rest.lastIndex(of: ":") else { return (transport, String(rest), nil) }
        let host = rest[..<colon] == "*" ? "0.0.0.0" : String(rest[..<colon])
        return (transport, host, Int(rest[rest.index(after: colon)...]))
    }

    private static func host(_ text: String) -> String { address(text).host }
}
