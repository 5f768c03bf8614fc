/// What a pseudo-variable is in Lua.
struct VariableEntry: Sendable {
    /// `@` stands for the message, `%` for the argument as a Lua string.
    var template: String
    var kind: LuaExpression.Kind
    var isOptional: Bool
    /// How it is assigned: `%` stands for the value. Nil when it cannot be.
    var setter: String?
    var support = Support.converted
    var note = ""

    init(
        _ template: String, _ kind: LuaExpression.Kind = .text, optional: Bool = false, set setter: String? = nil,
        _ support: Support = .converted, _ note: String = ""
    ) {
        self.template = template
        self.kind = kind
        isOptional = optional
        self.setter = setter
        self.support = support
        self.note = note
    }
}

enum VariableCatalogue {
    static let all: [String: VariableEntry] = [
        // The request
        "rm": VariableEntry("@.method"),
        "ru": VariableEntry("@.uri.text", set: "@.uri = %"),
        "rU": VariableEntry("@.uri.user", optional: true, set: "@.uri.user = %"),
        "rd": VariableEntry("@.uri.host", optional: true, set: "@.uri.host = %"),
        "rp": VariableEntry("(@.uri.port or 5060)", .integer, set: "@.uri.port = %"),
        "rz": VariableEntry("@.uri.scheme", optional: true),
        "ou": VariableEntry("sip.original_uri(@)"),
        "oU": VariableEntry("sip.transform[\"uri.user\"](sip.original_uri(@))", optional: true),
        "od": VariableEntry("sip.transform[\"uri.host\"](sip.original_uri(@))", optional: true),
        "du": VariableEntry("sip.destination(@)", optional: true, set: "sip.setdsturi(@, %)"),
        "dd": VariableEntry("sip.transform[\"uri.host\"](sip.destination(@))", optional: true),
        "dp": VariableEntry("sip.transform[\"uri.port\"](sip.destination(@))", optional: true),
        "ds": VariableEntry("sip.destination_set(@)"),
        "br": VariableEntry("sip.destination_set(@)", set: "sip.append_branch(@, %)"),
        "fu": VariableEntry("@.from.uri.text"),
        "fU": VariableEntry("@.from.uri.user", optional: true),
        "fd": VariableEntry("@.from.uri.host", optional: true),
        "ft": VariableEntry("@.from.tag", optional: true),
        "fn": VariableEntry("@.from.display_name", optional: true),
        "tu": VariableEntry("@.to.uri.text"),
        "tU": VariableEntry("@.to.uri.user", optional: true),
        "td": VariableEntry("@.to.uri.host", optional: true),
        "tt": VariableEntry("@.to.tag", optional: true),
        "tn": VariableEntry("@.to.display_name", optional: true),
        "ci": VariableEntry("@.call_id"),
        "cs": VariableEntry("@.cseq", .integer),
        "ct": VariableEntry("@.headers:get(\"Contact\")", optional: true),
        "cT": VariableEntry("@.headers:get(\"Content-Type\")", optional: true),
        "cl": VariableEntry("#@.body", .integer),
        "rb": VariableEntry("@.body", set: "@.body = %"),
        "ua": VariableEntry("@.headers:get(\"User-Agent\")", optional: true),
        "ai": VariableEntry("sip.uri_of(@, \"P-Asserted-Identity\")", optional: true),
        "pu": VariableEntry("sip.uri_of(@, \"P-Preferred-Identity\")", optional: true),
        "re": VariableEntry("@.headers:get(\"Remote-Party-ID\")", optional: true),
        "di": VariableEntry("@.headers:get(\"Diversion\")", optional: true),
        "rt": VariableEntry("@.headers:get(\"Refer-To\")", optional: true),
        "adu": VariableEntry("@.headers:get(\"Authorization\")", optional: true, .approximated, "all credentials"),
        "hdr": VariableEntry("@.headers:get(%)", optional: true),
        "au": VariableEntry("sip.auth_user(@)", optional: true),
        "ml": VariableEntry("@.size", .integer),
        "mb": VariableEntry("@.message"),
        "mF": VariableEntry("sip.flag_text()"),
        "mf": VariableEntry("sip.flag_bits()", .integer),
        // Where it came from
        "si": VariableEntry("@.source_ip"),
        "sp": VariableEntry("@.source_port", .integer),
        "rP": VariableEntry("@.source_transport"),
        "pr": VariableEntry("@.source_transport"),
        "proto": VariableEntry("@.source_transport"),
        "Ri": VariableEntry("@.local_ip"),
        "Rp": VariableEntry("@.local_port", .integer),
        // Replies
        "rs": VariableEntry("@.code", .integer),
        "rr": VariableEntry("@.reason"),
        "T_reply_code": VariableEntry("sip.reply_code(@)", .integer),
        // The process
        "Ts": VariableEntry("os.time()", .integer),
        "Tf": VariableEntry("os.date(\"%c\")"),
        "pp": VariableEntry("0", .integer, .approximated, "workers are threads: there is one process"),
        "null": VariableEntry("nil", .any, optional: true),
        // Values of the script
        "var": VariableEntry("var.%", .any, set: "var.% = %"),
    ]
}
