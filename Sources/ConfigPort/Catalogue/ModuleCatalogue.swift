/// Modules: what stands for each.
enum ModuleCatalogue {
    static let all: [String: (Support, String)] = {
        var all: [String: (Support, String)] = [:]
        for name in [
            "sl", "tm", "rr", "maxfwd", "textops", "xlog", "uri", "siputils", "options", "cfgutils", "tmx", "signaling",
            "sipmsgops", "pv", "kex", "corex", "proto_udp", "proto_tcp", "sanity",
        ] {
            all[name] = (.converted, "")
        }
        for name in ["mi_fifo", "mi_datagram", "mi_rpc", "ctl", "jsonrpcs", "mi_xmlrpc", "statistics"] {
            all[name] = (.converted, "servartuka ctl controls and asks the running proxy")
        }
        all["usrloc"] = (.approximated, "the location table of this proxy")
        all["registrar"] = (.approximated, "the registrar of this proxy")
        all["auth"] = (.approximated, "auth.require, with its own nonces")
        all["auth_db"] = (.approximated, "subscribers of a file")
        all["uri_db"] = (.approximated, "names are compared with the credentials")
        all["domain"] = (.approximated, "`domains` of the configuration")
        all["avpops"] = (.approximated, "all but the database")
        all["nathelper"] = (.approximated, "contacts and SDP; no media relay")
        all["nat_traversal"] = (.approximated, "contacts; no keep-alives")
        all["acc"] = (.approximated, "`accounting` of the configuration: SQLite, files and the log")
        all["dispatcher"] = (.approximated, "`dispatcher` of the configuration; its lists are yours to write there")
        all["permissions"] = (.approximated, "groups of addresses; no files of rules")
        for name in [
            "mysql", "db_mysql", "db_postgres", "postgres", "db_unixodbc", "db_text", "dbtext", "db_flatstore",
            "db_sqlite",
        ] {
            all[name] = (.unsupported, "what is in the database is read from files or kept in memory")
        }
        for name in [
            "alias_db", "carrierroute", "dialog", "dialplan", "diversion", "domainpolicy", "enum", "exec",
            "gflags", "group", "imc", "lcr", "mangler", "mediaproxy", "msilo", "path", "pdt", "pike",
            "presence", "presence_xml", "ratelimit", "rtpproxy", "rtpengine", "seas", "siptrace", "sms", "speeddial",
            "sst", "uac", "uac_redirect", "userblacklist", "benchmark", "htable", "tls", "tls_mgm", "proto_tls",
        ] {
            all[name] = (.unsupported, "its functions stop the script; the report says what to do instead")
        }
        return all
    }()
}
