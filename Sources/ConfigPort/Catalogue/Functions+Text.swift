// Functions that look at and change texts and variables.
extension FunctionCatalogue {
    static let texts: [FunctionEntry] = [
        FunctionEntry("is_method", "textops", .special(.isMethod), [.literal]),
        .library("search", "textops", [.literal]),
        .library("search_body", "textops", [.literal]),
        .library("search_hf", "textops", [.text, .literal, .ignored]),
        .library("search_append", "textops", [.literal, .text], .unsupported, "set the header or body anew"),
        .library("replace_body", "textops", [.literal, .text], .approximated, "the first match in the body"),
        .library("replace_body_all", "textops", [.literal, .text], .approximated, "each match in the body"),
        .library("replace", "textops", [.literal, .text], .unsupported, "change the header or the body by name"),
        .library("replace_all", "textops", [.literal, .text], .unsupported, "change the header or the body by name"),
        .library("subst", "textops", [.literal], .unsupported, "change the header or the body by name"),
        .library("subst_uri", "textops", [.literal]),
        .library("subst_user", "textops", [.literal]),
        .library("subst_body", "textops", [.literal]),
        .library("subst_hf", "textops", [.text, .literal, .ignored]),
        FunctionEntry("append_hf", "textops", .special(.appendHeader), [.text, .ignored]),
        FunctionEntry(
            "insert_hf", "textops", .special(.appendHeader), [.text, .ignored], .approximated,
            "added behind the other headers"),
        .library("append_to_reply", "textops", [.text]),
        FunctionEntry("remove_hf", "textops", .template("@.headers:remove(%1)"), [.text]),
        FunctionEntry("is_present_hf", "textops", .template("@.headers:get(%1) ~= nil"), [.text]),
        FunctionEntry("has_body", "textops", .library(nil), [.text]),
        FunctionEntry("filter_body", "textops", .library(nil), [.text], .unsupported, "set req.body"),
        FunctionEntry("set_body", "textops", .library(nil), [.text, .text]),
        FunctionEntry("append_time", "textops", .library(nil), [], .approximated, "in the replies of this script"),
        FunctionEntry("is_privacy", "textops", .library(nil), [.literal]),
        FunctionEntry("xlog", "xlog", .special(.formattedLog), [.text, .text]),
        FunctionEntry("xdbg", "xlog", .template("log.debug(%1)"), [.text]),
        FunctionEntry("xinfo", "xlog", .template("log.info(%1)"), [.text]),
        FunctionEntry("xnotice", "xlog", .template("log.notice(%1)"), [.text]),
        FunctionEntry("xwarn", "xlog", .template("log.warning(%1)"), [.text]),
        FunctionEntry("xerr", "xlog", .template("log.error(%1)"), [.text]),
    ]

    static let variables: [FunctionEntry] = [
        FunctionEntry("avp_delete", "avpops", .special(.deleteAVP), [.literal]),
        FunctionEntry("avp_copy", "avpops", .special(.copyAVP), [.literal, .literal]),
        FunctionEntry("avp_pushto", "avpops", .special(.pushAVP), [.literal, .literal]),
        FunctionEntry("is_avp_set", "avpops", .special(.isAVPSet), [.literal]),
        FunctionEntry("avp_subst", "avpops", .special(.substituteAVP), [.literal, .literal]),
        FunctionEntry("avp_printf", "avpops", .special(.printAVP), [.literal, .text]),
        FunctionEntry("avp_check", "avpops", .special(.checkAVP), [.literal, .literal]),
        FunctionEntry("avp_print", "avpops", .library(nil)),
    ]
}
