/// Parameters of modules: what each becomes.
struct ParameterEntry: Sendable {
    var support: Support
    var note: String
    var apply: @Sendable (inout ServerSettings, String) -> Void = { _, _ in }
}

enum ParameterCatalogue {
    static func entry(module: String, name: String) -> ParameterEntry {
        if let entry = all["\(module).\(name)"] { return entry }
        // Names of tables and columns: the location table and the subscribers have columns of their own.
        if name.hasSuffix("_column") || name.hasSuffix("_col") || name.hasSuffix("_table") || name == "table" {
            return ParameterEntry(support: .approximated, note: "tables and columns are not named")
        }
        if name == "db_url" { return ParameterEntry(support: .unsupported, note: "no database of OpenSER is used") }
        switch ModuleCatalogue.all[module]?.0 {
        case .converted, .approximated:
            return ParameterEntry(support: .approximated, note: "has no counterpart; the default is kept")
        default: return ParameterEntry(support: .unsupported, note: "its module is not supported")
        }
    }

    private static let fine = ParameterEntry(support: .converted, note: "as here")

    private static func setting(
        _ section: String, _ key: String, _ note: String = "", _ convert: @escaping @Sendable (Int) -> String?
    ) -> ParameterEntry {
        ParameterEntry(support: note.isEmpty ? .converted : .approximated, note: note) { settings, text in
            if let number = Int(text), let value = convert(number) { settings.set(section, key, value) }
        }
    }

    private static func option(_ name: String, _ note: String) -> ParameterEntry {
        ParameterEntry(support: .approximated, note: note) { settings, text in
            if Int(text) ?? 0 > 0 { settings.library[name] = text }
        }
    }

    /// A flag that accounts, and the sink that it names.
    private static func accounting(_ option: String, _ sink: ServerSettings.AccountingSink) -> ParameterEntry {
        ParameterEntry(support: .approximated, note: "the transaction is accounted in every sink of `accounting`") {
            settings, text in
            guard Int(text) ?? 0 > 0 else { return }
            settings.library[option] = text
            settings.account(sink)
        }
    }

    private static let fields = ParameterEntry(
        support: .approximated,
        note: "`accounting.fields`; a value without a counterpart has the source `script`, for `extra` of acc.request"
    ) { settings, text in settings.account(fields: text) }

    static let all: [String: ParameterEntry] = [
        "tm.fr_inv_timer": setting("timers", "c", "how long a branch may ring; RFC 3261 asks for more than 180 s") {
            $0 > 0 ? "\(seconds($0))s" : nil
        },
        "tm.fr_timer": ParameterEntry(support: .approximated, note: "64·T1 of RFC 3261: `timers.t1`"),
        "tm.wt_timer": ParameterEntry(support: .approximated, note: "timers of RFC 3261"),
        "tm.delete_timer": ParameterEntry(support: .approximated, note: "timers of RFC 3261"),
        "tm.ruri_matching": fine, "tm.via1_matching": fine, "tm.pass_provisional_replies": fine,
        "registrar.default_expires": setting("registrar", "default_expires") { $0 > 0 ? "\($0)s" : nil },
        "registrar.min_expires": setting("registrar", "min_expires") { $0 > 0 ? "\($0)s" : "1s" },
        "registrar.max_expires": setting("registrar", "max_expires") { $0 > 0 ? "\($0)s" : "31536000s" },
        "registrar.max_contacts": setting("registrar", "max_contacts") { $0 > 0 ? "\(min($0, 64))" : "64" },
        "registrar.append_branches": ParameterEntry(support: .converted, note: "") { settings, text in
            if text == "0" { settings.library["append_branches"] = "false" }
        },
        "registrar.method_filtering": ParameterEntry(
            support: .approximated, note: "contacts are not filtered by method"),
        "registrar.case_sensitive": ParameterEntry(support: .approximated, note: "users are compared with case"),
        "usrloc.db_mode": ParameterEntry(support: .approximated, note: "bindings are kept in memory"),
        "usrloc.use_domain": ParameterEntry(support: .approximated, note: "addresses of record are user@domain"),
        "usrloc.nat_bflag": fine,
        "auth.nonce_expire": setting("auth", "nonce_lifetime") { $0 > 0 ? "\(min($0, 86400))s" : nil },
        "auth.secret": ParameterEntry(support: .approximated, note: "nonces have a key of their own at each start"),
        "auth_db.db_url": ParameterEntry(
            support: .approximated, note: "subscribers are read from a file: `auth.subscribers`"
        ) { settings, text in
            if !text.isEmpty { settings.usesDatabase = true }
        },
        "auth_db.calculate_ha1": ParameterEntry(support: .converted, note: "the file has a column password or ha1"),
        "auth_db.password_column": ParameterEntry(support: .converted, note: "the file has a column password or ha1"),
        "rr.enable_full_lr": ParameterEntry(support: .approximated, note: "`;lr`, without a value"),
        "rr.append_fromtag": ParameterEntry(support: .approximated, note: "no parameter of ours but lr"),
        "rr.enable_double_rr": fine,
        "rr.add_username": ParameterEntry(support: .approximated, note: "no user in our Record-Route"),
        "maxfwd.max_limit": setting("limits", "max_forwards") { $0 > 0 ? "\(min($0, 255))" : nil },
        "uri_db.use_uri_table": fine,
        "uri_db.db_url": ParameterEntry(support: .approximated, note: "names are compared with the credentials"),
        "acc.log_flag": accounting("acc_flag", .log), "acc.db_flag": accounting("acc_flag", .database),
        "acc.log_missed_flag": accounting("acc_missed_flag", .log),
        "acc.db_missed_flag": accounting("acc_missed_flag", .database),
        "acc.failed_transaction_flag": option("acc_failed_flag", "rows for failed transactions too"),
        "acc.cdr_flag": accounting("acc_cdr_flag", .database),
        "acc.db_url": ParameterEntry(support: .approximated, note: "a SQLite file: `accounting.sqlite`") {
            settings, text in
            if !text.isEmpty { settings.account(.database) }
        },
        "acc.log_extra": fields, "acc.db_extra": fields,
        "acc.early_media": ParameterEntry(
            support: .approximated, note: "early media makes no row; `early = true` of acc.request"),
        "acc.report_cancels": ParameterEntry(
            support: .approximated, note: "CANCEL makes no row; its INVITE does, with 487"),
        "acc.report_ack": ParameterEntry(support: .approximated, note: "ACK makes no row; acc.log writes one"),
        "acc.log_level": ParameterEntry(support: .approximated, note: "lines have level notice"),
        "acc.log_facility": ParameterEntry(
            support: .approximated, note: "the log is one stream; the service manager sorts it"),
        "xlog.buf_size": fine, "xlog.force_color": fine,
        "mi_fifo.fifo_name": ParameterEntry(
            support: .converted, note: "`control.socket`, which servartuka ctl speaks to"),
        "mi_datagram.socket_name": ParameterEntry(
            support: .converted, note: "`control.socket`, which servartuka ctl speaks to"),
    ]

    private static func seconds(_ value: Int) -> Int { value >= 1000 ? value / 1000 : value }
}
